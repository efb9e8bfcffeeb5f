package build

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/llama"
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
