// Echo plays on the first sound card what the first microphone hears, for a number of
// seconds, through the storyteller's own way to both. It says "echo: begins" when both
// are open, and "echo: ends".
package main

import (
	"fmt"
	"os"
	"strconv"

	"duostoryteller/app/sound"
)

func main() {
	if err := echo(os.Args[1]); err != nil {
		fmt.Printf("echo: %v\n", err)
		os.Exit(1)
	}
}

func echo(seconds string) error {
	n, err := strconv.Atoi(seconds)
	if err != nil {
		return err
	}
	m, err := sound.OpenMicrophone("", sound.Rate)
	if err != nil {
		return err
	}
	defer m.Close()
	c, err := sound.OpenCard()
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Printf("echo: begins, from %s to %s\n", m.Name(), c.Name())
	for left := n * sound.Rate; left > 0; {
		samples, err := m.Read()
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name(), err)
		}
		if err := c.Write(samples); err != nil {
			return fmt.Errorf("%s: %w", c.Name(), err)
		}
		left -= len(samples)
	}
	_ = c.Drain() // some cards report an error for one that was
	fmt.Println("echo: ends")
	return nil
}
