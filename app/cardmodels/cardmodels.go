// Package cardmodels knows the models of a card: its own, and the further ones in a
// folder, each in one of its own that has the model's name.
package cardmodels

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"duostoryteller/app/version"
)

// Folder has the further models of a card, beside its own model's files; the others are
// those of a model in its folder. One without a tokenizer has that of the card's own model.
const (
	Folder    = "models"
	Packed    = "model.packed"
	Tokenizer = "tokenizer.bin"
)

// Model is one to tell from.
type Model struct {
	Name       string
	Checkpoint string // path; packed, or llama2.c's
	Tokenizer  string // path
}

var allowed = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$`)

// CheckName says what is wrong with a model's name, if anything: it is a folder's, a
// word in storyteller.toml and a choice on the page.
func CheckName(name string) error {
	if !allowed.MatchString(name) {
		return fmt.Errorf("%.60q is no name for a model: it is letters, digits, '.', '_' and '-', 40 at most", name)
	}
	return nil
}

// NameOf is the name of the model in a checkpoint's file.
func NameOf(checkpoint string) string {
	base := filepath.Base(checkpoint)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// All returns the models to tell from: the one whose files are given, which the others
// borrow the tokenizer of, and those in the folder dir by name. What is no model is left
// out. A folder that is not there has none; one that cannot be read is an error, beside
// the first model.
func All(checkpoint, tokenizer, dir string) ([]Model, error) {
	name, _ := version.Checkpoint(checkpoint)
	if name == "" {
		name = checkpoint
	}
	models := []Model{{NameOf(name), checkpoint, tokenizer}}
	entries, err := os.ReadDir(dir) // sorted
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return models, fmt.Errorf("models: %w", err)
	}
	for _, e := range entries {
		m := Model{e.Name(), filepath.Join(dir, e.Name(), Packed), filepath.Join(dir, e.Name(), Tokenizer)}
		if CheckName(m.Name) != nil || m.Name == models[0].Name || !exists(m.Checkpoint) {
			continue
		}
		if !exists(m.Tokenizer) {
			m.Tokenizer = tokenizer
		}
		models = append(models, m)
	}
	return models, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
