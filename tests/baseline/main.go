// Baseline stands in for a build of llama2.c's run.c in tests of what is measured
// beside ours: it takes run.c's command line and prints what run.c prints, the
// story on standard output and its speed on standard error.
//
// Synopsis:
//
//	baseline CHECKPOINT [-t TEMPERATURE] [-p TOPP] [-s SEED] [-n STEPS] [-i PROMPT] [-z TOKENIZER]
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"duostoryteller/app/llama"
	"duostoryteller/app/story"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "baseline:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args)%2 != 1 {
		return errors.New("usage: baseline CHECKPOINT, then options of run.c, each with its value")
	}
	r, tokenizer := story.Defaults(), "tokenizer.bin"
	for i := 1; i < len(args); i += 2 {
		value := args[i+1]
		var err error
		switch args[i] {
		case "-t":
			err = float(&r.Temperature, value)
		case "-p":
			err = float(&r.TopP, value)
		case "-s":
			r.Seed, err = strconv.ParseUint(value, 10, 64)
		case "-n":
			r.Steps, err = strconv.Atoi(value)
		case "-i":
			r.Prompt = value
		case "-z":
			tokenizer = value
		default:
			err = errors.New("no such option")
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", args[i], value, err)
		}
	}
	r = r.Settled(time.Now())
	model, err := llama.OpenCheckpoint(args[0])
	if err != nil {
		return err
	}
	defer model.Close()
	vocabulary, err := llama.OpenTokenizer(tokenizer, model.VocabSize)
	if err != nil {
		return err
	}
	sampler := llama.NewSampler(model.VocabSize, r.Temperature, r.TopP, r.Seed)
	stats, err := llama.Generate(llama.NewPlain(model, llama.NativeArithmetic()), vocabulary, sampler, vocabulary.Encode(r.Prompt, true, false), r.Steps, func(_ int, piece []byte) error {
		if !llama.Printable(piece) {
			return nil
		}
		_, err := os.Stdout.Write(piece)
		return err
	})
	fmt.Println()
	if stats.Tokens > 1 {
		fmt.Fprintf(os.Stderr, "achieved tok/s: %f\n", stats.TokensPerSecond())
	}
	return err
}

func float(to *float32, text string) error {
	v, err := strconv.ParseFloat(text, 32)
	*to = float32(v)
	return err
}
