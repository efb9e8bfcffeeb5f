package story_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"duostoryteller/app/llama"
	"duostoryteller/app/llama/builtin"
	"duostoryteller/app/story"
)

// Anybody can follow a story, at any time and at their own pace, from its beginning.
func ExampleTeller() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	checkpoint, tokenizer, err := builtin.Write(dir)
	if err != nil {
		log.Fatal(err)
	}
	c, err := llama.OpenCheckpoint(checkpoint)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	t, err := llama.OpenTokenizer(tokenizer, c.VocabSize)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	teller := story.NewTeller(llama.NewPlain(c, llama.Strict), t)
	told, err := teller.Tell(ctx, story.Request{Prompt: "A cat", Temperature: 0, Seed: 1, Steps: 16})
	if err != nil {
		log.Fatal(err)
	}
	for reader := told.Reader(); ; {
		event, err := reader.Next(ctx)
		if err != nil {
			log.Fatal(err)
		}
		switch e := event.(type) {
		case story.Piece:
			os.Stdout.Write(e.Text)
		case story.End:
			fmt.Println("\ncomplete:", e.Err == nil)
			return
		}
	}
	// Output:
	// A cat med Dot liked to swim. He
	// complete: true
}
