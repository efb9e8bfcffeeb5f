package main

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"duostoryteller/app/engine"
	"duostoryteller/app/llama"

	"github.com/spf13/cobra"
)

// engineFactory opens an engine on the model at path. Closing the engine
// closes the model too.
type engineFactory func(path string) (llama.Engine, error)

// defaultEngine is what --engine is without being given.
const defaultEngine = "exact"

// engines returns what --engine can name.
func engines() map[string]engineFactory {
	return map[string]engineFactory{
		"exact": func(path string) (llama.Engine, error) { return engine.Open(path, engine.Options{}, nil) },
		"fast":  func(path string) (llama.Engine, error) { return engine.Open(path, engine.Options{Fast: true}, nil) },
		"plain": openPlain,
	}
}

// modelFlags are the flags of every verb that runs a model.
type modelFlags struct {
	model, tokenizer, engine string
}

func (f *modelFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.model, "model", "", "the checkpoint, llama2.c's or packed (required)")
	cmd.Flags().StringVarP(&f.tokenizer, "tokenizer", "z", "tokenizer.bin", "the model's tokenizer")
	cmd.Flags().StringVar(&f.engine, "engine", defaultEngine, "how to compute: "+engineNames())
}

// open opens the engine and tokenizer that the flags of cmd name.
func (f *modelFlags) open(cmd *cobra.Command) (llama.Engine, *llama.Tokenizer, error) {
	if f.model == "" {
		return nil, nil, usageErrorf(cmd, "no model: give --model CHECKPOINT")
	}
	open, ok := engines()[f.engine]
	if !ok {
		return nil, nil, usageErrorf(cmd, "no engine %q: it is one of %s", f.engine, engineNames())
	}
	engine, err := open(f.model)
	if err != nil {
		return nil, nil, err
	}
	tokenizer, err := llama.OpenTokenizer(f.tokenizer, engine.Config().VocabSize)
	if err != nil {
		engine.Close()
		return nil, nil, err
	}
	debug.FreeOSMemory() // what opening left behind: on the board a part of what is free
	return engine, tokenizer, nil
}

func engineNames() string {
	return strings.Join(slices.Sorted(maps.Keys(engines())), ", ")
}

// mappedPlain is a plain engine that owns its checkpoint.
type mappedPlain struct {
	*llama.Plain
	checkpoint *llama.Checkpoint
}

func (e mappedPlain) Close() error { return e.checkpoint.Close() }

func openPlain(path string) (llama.Engine, error) {
	c, err := llama.OpenCheckpoint(path)
	if err != nil {
		return nil, fmt.Errorf("cannot use the model: %w", err)
	}
	return mappedPlain{llama.NewPlain(c), c}, nil
}
