package llama_test

import (
	"fmt"
	"log"
	"os"

	"duostoryteller/app/llama"
	"duostoryteller/app/llama/builtin"
)

// A story as run.c tells it, piece by piece.
func ExampleGenerate() {
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
	const temperature, topp, seed, steps = 0, 0.9, 1, 20 // temperature 0: the likeliest story
	sampler := llama.NewSampler(c.VocabSize, temperature, topp, seed)
	prompt := t.Encode("Once upon a time", true, false)
	_, err = llama.Generate(llama.NewPlain(c, llama.Strict), t, sampler, prompt, steps, func(_ int, piece []byte) error {
		_, err := os.Stdout.Write(piece)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println()
	// Output: Once upon a time, there was a little boy named Joh
}
