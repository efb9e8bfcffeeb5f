package cardmodels

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAll(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b/model.packed", "b/tokenizer.bin", "a/model.packed", "own/model.packed", "empty/readme", "two words/model.packed", "file"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	first := Model{"own", "/x/own.bin", "/x/tokenizer.bin"}
	got, err := All(first.Checkpoint, first.Tokenizer, dir)
	want := []Model{first, {"a", filepath.Join(dir, "a/model.packed"), first.Tokenizer}, {"b", filepath.Join(dir, "b/model.packed"), filepath.Join(dir, "b/tokenizer.bin")}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("All = %v, %v; want %v", got, err, want)
	}
	if got, err := All(first.Checkpoint, first.Tokenizer, ""); !slices.Equal(got, want[:1]) || err != nil {
		t.Errorf("All of no folder = %v, %v; want the first alone", got, err)
	}
	if got, err := All(first.Checkpoint, first.Tokenizer, filepath.Join(dir, "file")); !slices.Equal(got, want[:1]) || err == nil {
		t.Errorf("All of a file = %v, %v; want the first alone, and an error", got, err)
	}
	// On a card the list of parts knows the name.
	parts := `{"components": [{"kind": "checkpoint", "name": "stories15M.bin", "hash": "sha256:1"}]}`
	if err := os.WriteFile(filepath.Join(dir, "parts.json"), []byte(parts), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := All(filepath.Join(dir, "model.packed"), "", ""); err != nil || got[0].Name != "stories15M" {
		t.Errorf("on a card: %v, %v; want the name stories15M", got, err)
	}
}

func TestCheckName(t *testing.T) {
	for name, want := range map[string]bool{"stories42M": true, "my-model_2.1": true, "": false, "..": false, ".hidden": false, "a/b": false, "a b": false, strings.Repeat("a", 41): false, "ä": false} {
		if err := CheckName(name); (err == nil) != want {
			t.Errorf("CheckName(%q) = %v; want it allowed: %v", name, err, want)
		}
	}
	if got := NameOf("/x/stories15M.bin"); got != "stories15M" {
		t.Errorf("NameOf = %q", got)
	}
}
