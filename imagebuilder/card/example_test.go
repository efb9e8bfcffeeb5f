package card_test

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"time"

	"duostoryteller/imagebuilder/card"
)

// A card with one file for people and a root file system, written and read again.
func ExampleWrite() {
	out, err := os.CreateTemp("", "card-*.img")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(out.Name())
	defer out.Close()
	const mib = 1 << 20
	root := bytes.NewReader(make([]byte, mib))
	_, err = card.Write(out, card.Spec{
		Layout:   card.Layout{BootStart: 4 * mib, BootSize: 34 * mib, RootStart: 38 * mib, RootSize: mib},
		Label:    "STORY",
		Files:    []card.File{{Name: "storyteller.toml", Data: []byte("steps = 100\n")}},
		Root:     root,
		RootSize: root.Size(),
		Time:     time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		log.Fatal(err)
	}
	info, err := out.Stat()
	if err != nil {
		log.Fatal(err)
	}
	image, err := card.Open(out, info.Size())
	if err != nil {
		log.Fatal(err)
	}
	text, err := image.ReadFile("storyteller.toml")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d MiB, %d partitions, %s", image.Size/mib, len(image.Partitions), text)
	// Output: 39 MiB, 2 partitions, steps = 100
}
