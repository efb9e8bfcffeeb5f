package build

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/llama"
	"duostoryteller/imagebuilder/models"
	"duostoryteller/tests/testmodel"
)

// TestVersions finds checkpoints of llama2.c's other export versions, and makes of
// each what run.c reads.
func TestVersions(t *testing.T) {
	s := small(t)
	if _, err := s.readBoard(t.Context()); err != nil {
		t.Fatal(err)
	}
	model, vocabulary, err := testmodel.Models()[1].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	legacy, err := llama.OpenCheckpoint(model)
	if err != nil {
		t.Fatal(err)
	}
	defer legacy.Close()
	s.Tokenizer = vocabulary
	for version := 1; version <= 2; version++ {
		data := testmodel.Export(legacy, version, 16)
		s.Model = put(t, filepath.Join(t.TempDir(), "model.bin"), data)
		if _, err := s.findModel(t.Context()); err != nil || s.model.header.Version != version || s.model.header.Config != legacy.Config {
			t.Fatalf("findModel() with version %d: %+v, %v", version, s.model.header, err)
		}
		f, err := s.legacyCheckpoint()
		if err != nil {
			t.Fatal(err)
		}
		got, err := llama.OpenCheckpoint(f.path)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Close()
		want := legacy.W2
		if version == 2 {
			want = testmodel.Rounded(legacy, 16).W2
		}
		if got.Version != 0 || got.FileSize() != f.size || !slices.Equal(got.W2, want) {
			t.Errorf("of version %d became version %d of %d bytes; want the legacy one with the same weights", version, got.Version, f.size)
		}
		if err := os.WriteFile(s.Model, append(data, 0), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := s.findModel(t.Context()); err == nil || !strings.Contains(err.Error(), "its header asks for") {
			t.Errorf("findModel() with version %d and a byte more: %v; want it refused", version, err)
		}
	}
}

// TestMoreModels refuses further models that a card cannot have.
func TestMoreModels(t *testing.T) {
	for name, want := range map[string]string{
		"model.bin":     "two models for the card have the name model",
		"two words.bin": "is no name for a model",
		"":              "it is CHECKPOINT or CHECKPOINT,TOKENIZER",
		"not there":     "no such file",
	} {
		s := small(t)
		if _, err := s.readBoard(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.forBoard = true
		dir := t.TempDir()
		given := name
		if filepath.Ext(name) != "" {
			given = filepath.Join(dir, name)
			if err := os.Rename(checkpoint(t, dir, 300), given); err != nil {
				t.Fatal(err)
			}
		}
		s.MoreModels = []string{given + "," + s.Tokenizer}
		if _, err := s.findModels(t.Context()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("the further model %q: %v; want one line with %q", name, err, want)
		}
	}
}

// TestKnownModels: what is too large for the board is refused before it is downloaded;
// a PC takes it from the folder or the cache.
func TestKnownModels(t *testing.T) {
	s := small(t)
	s.Model, s.Tokenizer = "stories110M", ""
	if _, err := s.readBoard(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.forBoard, s.board.Memory.Size = true, 40<<20
	if _, err := s.findModel(t.Context()); err == nil || !strings.Contains(err.Error(), "stories110M is too large for Milk-V Duo") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a card with stories110M: %v; want it refused in a line", err)
	}
	for name, want := range map[string]string{"stories42M": "its SHA-256 is", "stories110M": "another file"} {
		known, _ := models.Find(name)
		path := filepath.Join(s.Data, name+".bin")
		f, err := os.Create(path)
		if err == nil {
			err = f.Truncate(known.Shape.FileSize())
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		s.forBoard, s.Model, s.ModelSHA256 = false, name, ""
		if name == "stories110M" { // nobody has told its hash
			if f, err := s.findCheckpoint(t.Context()); err != nil || f.path != path || !strings.Contains(f.note, f.sha256) {
				t.Errorf("%s: %+v, %v; want it with its SHA-256", name, f, err)
			}
			s.ModelSHA256 = strings.Repeat("0", 64)
		}
		if _, err := s.findCheckpoint(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", name, err, want)
		}
	}
}
