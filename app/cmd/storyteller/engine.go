package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"duostoryteller/app/engine"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/builtin"
	"duostoryteller/app/llama/packed"
	"duostoryteller/app/version"

	"github.com/spf13/cobra"
)

// engineFactory opens an engine on the model at path, with the arithmetic of one
// of run.c's builds. Closing the engine closes the model too.
type engineFactory func(path string, a llama.Arithmetic) (llama.Engine, error)

// defaultEngine is what --engine is without being given.
const defaultEngine = "exact"

// engines returns what --engine can name.
func engines() map[string]engineFactory {
	return map[string]engineFactory{
		"exact": func(path string, a llama.Arithmetic) (llama.Engine, error) {
			return openCached(path, engine.Options{Arithmetic: a})
		},
		"fast": func(path string, a llama.Arithmetic) (llama.Engine, error) {
			return openCached(path, engine.Options{Arithmetic: a, Fast: true})
		},
		"plain": openPlain,
	}
}

// modelFlags are the flags of every verb that runs a model.
type modelFlags struct {
	model, tokenizer, engine string
	arithmetic               string
}

func (f *modelFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.model, "model", "", "the checkpoint, llama2.c's or packed (required)")
	cmd.Flags().StringVarP(&f.tokenizer, "tokenizer", "z", "tokenizer.bin", "the model's tokenizer")
	cmd.Flags().StringVar(&f.engine, "engine", defaultEngine, "how to compute: "+engineNames())
	f.addArithmetic(cmd)
}

func (f *modelFlags) addArithmetic(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.arithmetic, "arithmetic", llama.NativeArithmetic().String(), "which build of llama2.c's run.c to follow to the letter: "+llama.ArithmeticNames())
}

// rounding returns the arithmetic that the flags name.
func (f *modelFlags) rounding(cmd *cobra.Command) (llama.Arithmetic, error) {
	a, err := llama.ParseArithmetic(cmp.Or(f.arithmetic, llama.NativeArithmetic().String()))
	if err != nil {
		return 0, usageErrorf(cmd, "%v", err)
	}
	return a, nil
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
	arithmetic, err := f.rounding(cmd)
	if err != nil {
		return nil, nil, err
	}
	engine, err := open(f.model, arithmetic)
	if err != nil {
		return nil, nil, err
	}
	tokenizer, err := llama.OpenTokenizer(f.tokenizer, engine.Config().VocabSize)
	if err != nil {
		engine.Close()
		return nil, nil, err
	}
	for _, line := range limits(engine) {
		fmt.Fprintf(cmd.ErrOrStderr(), "storyteller: %s\n", line)
	}
	debug.FreeOSMemory() // what opening left behind: on the board a part of what is free
	return engine, tokenizer, nil
}

// limits says what an engine cannot do in this machine's memory.
func limits(e llama.Engine) []string {
	if e, ok := e.(interface{ Limits() []string }); ok {
		return e.Limits()
	}
	return nil
}

// small tells whether the model at path is the small one that the builder carries:
// the file itself, or on a card what was made of it.
func small(path string) bool {
	_, sum := version.Checkpoint(path)
	return builtin.Is(path) || sum == builtin.SHA256
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

// errPacked is why the plain engine cannot use a packed model.
var errPacked = errors.New("the plain engine reads llama2.c's checkpoints only, and this model is packed: choose exact, which tells the same stories, or fast")

func openPlain(path string, a llama.Arithmetic) (llama.Engine, error) {
	isPacked, err := packed.IsFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot use the model: %w", err)
	}
	if isPacked {
		return nil, fmt.Errorf("%s: %w", path, errPacked)
	}
	c, err := llama.OpenCheckpoint(path)
	if err != nil {
		return nil, fmt.Errorf("cannot use the model: %w", err)
	}
	return mappedPlain{llama.NewPlain(c, a), c}, nil
}
