package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"duostoryteller/app/cardmodels"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"

	"github.com/spf13/cobra"
)

// models returns what stories can be told from: the model that the flags name and those
// in the folder more, the one called choose first. If that is not there, or the folder
// cannot be read, an error says so, and the others are returned all the same.
func (f *modelFlags) models(more, choose string) ([]cardmodels.Model, error) {
	models, err := cardmodels.All(f.model, f.tokenizer, more)
	if choose == "" || err != nil {
		return models, err
	}
	i := slices.IndexFunc(models, func(m cardmodels.Model) bool { return m.Name == choose })
	if i < 0 {
		return models, fmt.Errorf("there is no model %q here, but %s; using %s", choose, strings.Join(names(models), ", "), models[0].Name)
	}
	return toFront(models, i), nil
}

// toFront moves the model at i before the others.
func toFront(models []cardmodels.Model, i int) []cardmodels.Model {
	first := models[i]
	return slices.Insert(slices.Delete(models, i, i+1), 0, first)
}

func names(models []cardmodels.Model) (names []string) {
	for _, m := range models {
		names = append(names, m.Name)
	}
	return names
}

// openFirst opens the first of models, or if that cannot be done the flags' own, which
// is the first one then.
func (f *modelFlags) openFirst(cmd *cobra.Command, models []cardmodels.Model, note func(string)) ([]cardmodels.Model, llama.Engine, *llama.Tokenizer, error) {
	first := *f
	first.model, first.tokenizer = models[0].Checkpoint, models[0].Tokenizer
	engine, tokenizer, err := first.open(cmd)
	// The card's file may ask for what cannot be; a story all the same.
	other := ""
	switch {
	case errors.Is(err, errPacked):
		other = defaultEngine
	case errors.Is(err, packed.ErrTooLarge) && f.engine == defaultEngine:
		other = "fast" // which takes less memory
	}
	if other != "" {
		why := err
		first.engine = other
		if engine, tokenizer, err = first.open(cmd); err == nil {
			note(fmt.Sprintf("%v; using %s", why, other))
			f.engine = other
		}
	}
	if err == nil || first.model == f.model {
		return models, engine, tokenizer, err
	}
	own := slices.IndexFunc(models, func(m cardmodels.Model) bool { return m.Checkpoint == f.model })
	note(fmt.Sprintf("%v; using %s", err, models[own].Name))
	return f.openFirst(cmd, toFront(models, own), note)
}

// choices returns the engines of each model that a page may choose from, those of the
// first one, which is open, first. Those of other models than the flags' have its name,
// too. A model that cannot be told from is left out, with a note.
func (f *modelFlags) choices(models []cardmodels.Model, opened llama.Engine, tokenizer *llama.Tokenizer, inMemory *slot) (choices []*choice) {
	type file struct {
		path       string
		vocabulary int
	}
	read := map[file]*llama.Tokenizer{{models[0].Tokenizer, opened.Config().VocabSize}: tokenizer}
	for i, m := range models {
		shape := opened.Config()
		if i > 0 {
			var err error
			if shape, err = shapeOf(m.Checkpoint); err != nil {
				inMemory.note(fmt.Sprintf("the model %s is not offered: %v", m.Name, err))
				continue
			}
		}
		at := file{m.Tokenizer, shape.VocabSize}
		if read[at] == nil {
			var err error
			if read[at], err = llama.OpenTokenizer(m.Tokenizer, shape.VocabSize); err != nil {
				inMemory.note(fmt.Sprintf("the model %s is not offered: %v", m.Name, err))
				continue
			}
		}
		for _, engine := range offered(f.engine) {
			name := engine
			if m.Checkpoint != f.model {
				name = m.Name + "/" + engine
			}
			choices = append(choices, &choice{name: name, engine: engine, model: m.Checkpoint, tokenizer: read[at], shape: shape, slot: inMemory})
		}
	}
	return choices
}

// shapeOf reads the shape of a model from the beginning of its file.
func shapeOf(path string) (llama.Config, error) {
	isPacked, err := packed.IsFile(path)
	if err != nil {
		return llama.Config{}, err
	}
	if isPacked {
		return packed.ConfigOf(path)
	}
	c, err := llama.OpenCheckpoint(path)
	if err != nil {
		return llama.Config{}, err
	}
	return c.Config, c.Close()
}
