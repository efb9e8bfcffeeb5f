// Story tells one story without printing it, for instructions to be counted: it
// passes mark before the first token that is not the prompt's and after each
// further one.
//
//	story PACKED TOKENIZER exact|fast TOKENS
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"duostoryteller/app/arith"
	"duostoryteller/app/engine"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
)

func init() {
	runtime.LockOSThread()     // the main thread is the one that is counted
	runtime.MemProfileRate = 0 // it samples at random
}

func main() {
	if err := tell(os.Args[1], os.Args[2], os.Args[3] == "fast", os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "story:", err)
		os.Exit(1)
	}
}

func tell(model, tokenizer string, fast bool, tokens string) error {
	n, err := strconv.Atoi(tokens)
	if err != nil {
		return err
	}
	set, err := arith.Select()
	if err != nil {
		return err
	}
	m, err := packed.Open(model, engine.Options{Fast: fast}.Use(), nil)
	if err != nil {
		return err
	}
	if err := m.WaitAll(); err != nil { // no loading beside the story
		return err
	}
	e, err := engine.New(m, set, engine.Options{Fast: fast, Arithmetic: llama.NativeArithmetic()})
	if err != nil {
		return err
	}
	defer e.Close()
	vocabulary, err := llama.OpenTokenizer(tokenizer, m.Config.VocabSize)
	if err != nil {
		return err
	}
	prompt := vocabulary.Encode("Once upon a time", true, false)
	if err := e.Start(prompt, llama.NewSampler(m.Config.VocabSize, 1, 0.9, 123)); err != nil {
		return err
	}
	for at := 1; at < len(prompt)+n; at++ {
		if at >= len(prompt) {
			mark()
		}
		if _, err := e.Next(); err != nil { // a story's end is not: the next one begins
			return err
		}
	}
	mark()
	return nil
}

// mark is where instructions are counted.
//
//go:noinline
func mark() {}
