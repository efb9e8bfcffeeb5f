package engine_test

import (
	"fmt"
	"log"
	"os"

	"duostoryteller/app/engine"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/builtin"
)

// The exact engine tells what the plain one tells; see the example of package llama.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	checkpoint, tokenizer, err := builtin.Write(dir)
	if err != nil {
		log.Fatal(err)
	}
	e, err := engine.Open(checkpoint, engine.Options{Arithmetic: llama.Strict}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	t, err := llama.OpenTokenizer(tokenizer, e.Config().VocabSize)
	if err != nil {
		log.Fatal(err)
	}
	sampler := llama.NewSampler(e.Config().VocabSize, 0, 0.9, 1)
	prompt := t.Encode("Once upon a time", true, false)
	_, err = llama.Generate(e, t, sampler, prompt, 20, func(_ int, piece []byte) error {
		_, err := os.Stdout.Write(piece)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println()
	// Output: Once upon a time, there was a little boy named Joh
}
