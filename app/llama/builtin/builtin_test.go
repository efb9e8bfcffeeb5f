package builtin

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/app/llama"
)

// TestStory tells a story with the two files as they are written.
func TestStory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	checkpoint, tokenizer, err := Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !Is(checkpoint) || Is(tokenizer) || Is(filepath.Join(dir, "none")) {
		t.Errorf("Is(%s), Is(%s), Is of no file = %v, %v, %v; want true, false, false", checkpoint, tokenizer, Is(checkpoint), Is(tokenizer), Is(filepath.Join(dir, "none")))
	}
	c, err := llama.OpenCheckpoint(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	z, err := llama.OpenTokenizer(tokenizer, c.VocabSize)
	if err != nil {
		t.Fatal(err)
	}
	var story strings.Builder
	_, err = llama.Generate(llama.NewPlain(c, llama.Strict), z, llama.NewSampler(c.VocabSize, 0, 0.9, 1), z.Encode("Once upon a time", true, false), 60, func(_ int, piece []byte) error {
		story.Write(piece)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := story.String(), "Once upon a time"; !strings.HasPrefix(got, want) || !strings.Contains(got[len(want):], " was ") && !strings.Contains(got[len(want):], " a ") {
		t.Errorf("the story is %q; want English", got)
	}

	// A damaged file is mended.
	if err := os.WriteFile(checkpoint, []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Write(dir); err != nil || !Is(checkpoint) {
		t.Errorf("Write() over a damaged file: %v; want it whole again", err)
	}
}

// TestNotOnBoard builds the board's programs, which must not carry the files.
func TestNotOnBoard(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the board's programs: not with -short")
	}
	for _, name := range []string{"storyteller", "init", "shell"} {
		program := filepath.Join(t.TempDir(), name)
		cmd := exec.Command("go", "build", "-o", program, "duostoryteller/app/cmd/"+name)
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=riscv64", "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		data, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, checkpointData[size/2:size/2+64]) {
			t.Errorf("%s carries the built-in checkpoint", name)
		}
	}
}
