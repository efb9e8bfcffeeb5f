package panel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A State is what the light shows.
type State int

const (
	Idle      State = iota // dark
	Listening              // a short flash a second
	Thinking               // quick blinking
	Speaking               // lit
)

// A Light is an LED of the kernel's, driven by its triggers so that blinking
// costs no processor time (Documentation/leds/leds-class.rst).
type Light struct{ dir string }

// FindLight returns the first light of a folder, /sys/class/leds on a machine.
func FindLight(class string) (*Light, error) {
	found, err := filepath.Glob(filepath.Join(class, "*", "brightness"))
	if err != nil || len(found) == 0 {
		return nil, errors.New("no light")
	}
	return &Light{filepath.Dir(found[0])}, nil
}

// Show changes the light.
func (l *Light) Show(s State) error {
	var files [][2]string
	blink := func(on, off string) [][2]string {
		return [][2]string{{"trigger", "timer"}, {"delay_on", on}, {"delay_off", off}}
	}
	switch s {
	case Listening:
		files = blink("50", "950")
	case Thinking:
		files = blink("100", "100")
	case Speaking:
		files = [][2]string{{"trigger", "none"}, {"brightness", "255"}}
	default:
		files = [][2]string{{"trigger", "none"}, {"brightness", "0"}}
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(l.dir, f[0]), []byte(f[1]), 0); err != nil {
			return fmt.Errorf("light: %w", err)
		}
	}
	return nil
}
