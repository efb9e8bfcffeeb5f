package story_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"duostoryteller/app/llama"
	"duostoryteller/app/story"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/testmodel"
)

// tell returns what run.c would print for c.
func tell(t *testing.T, teller *story.Teller, c golden.Case) []byte {
	t.Helper()
	s, err := teller.Tell(t.Context(), story.Request{
		Prompt: c.Prompt, Temperature: float32(c.Temperature), TopP: float32(c.TopP), Seed: uint64(c.Seed), Steps: c.Steps,
	})
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, s)
	if end, _ := s.End(); end.Err != nil {
		t.Fatalf("%s: %v", c, end.Err)
	}
	return append(text, '\n')
}

// read returns the text of s, once it has ended.
func read(t *testing.T, s *story.Story) []byte {
	t.Helper()
	var text bytes.Buffer
	for r := s.Reader(); ; {
		event, err := r.Next(context.Background())
		if err == io.EOF {
			return text.Bytes()
		}
		if err != nil {
			t.Error(err)
			return nil
		}
		if piece, ok := event.(story.Piece); ok {
			text.Write(piece.Text)
		}
	}
}

// check tells one in so many of the cases, which share a model.
func check(t *testing.T, checkpoint, tokenizer string, a llama.Arithmetic, cases []golden.Case, every int) {
	t.Helper()
	model, err := llama.OpenCheckpoint(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	vocabulary, err := llama.OpenTokenizer(tokenizer, model.VocabSize)
	if err != nil {
		t.Fatal(err)
	}
	teller := story.NewTeller(llama.NewPlain(model, a), vocabulary)
	told, wrong := 0, 0
	if testing.Short() { // under the race detector
		every *= 5
	}
	for i := 0; i < len(cases); i += every {
		told++
		if got := tell(t, teller, cases[i]); !cases[i].Right(got) {
			wrong++
			t.Errorf("%s printed %q", cases[i], got)
		}
	}
	if told == 0 {
		t.Fatal("no golden outputs")
	}
	t.Logf("%d of %d right", told-wrong, told)
}

// of returns the cases of one model.
func of(model string, all []golden.Case) []golden.Case {
	return slices.DeleteFunc(slices.Clone(all), func(c golden.Case) bool { return c.Model != model })
}

func TestGoldenTestModels(t *testing.T) {
	for file, a := range map[string]llama.Arithmetic{"golden.jsonl": llama.Strict, "golden-riscv64-ofast.jsonl": llama.RISCV64Ofast} {
		all, err := golden.Read("../../tests/testmodel/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testmodel.Models() {
			t.Run(fmt.Sprint(m.Name, "/", a), func(t *testing.T) {
				t.Parallel()
				checkpoint, tokenizer, err := m.Files(t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				check(t, checkpoint, tokenizer, a, of(m.Name, all), 1)
			})
		}
	}
}

// arithmetic is of the build of run.c that printed a file's texts.
func arithmetic(file string) llama.Arithmetic {
	if dir, _ := filepath.Split(file); dir == llama.RISCV64Ofast.String()+"/" {
		return llama.RISCV64Ofast
	}
	return llama.Strict
}

// The plain path takes seconds for a story of the 15M shape: hence the samples.
// The fast engines tell all of them, in their own tests.
func TestGoldenData(t *testing.T) {
	for _, tt := range []struct {
		file, model string
		every       int // one case in so many
	}{
		{"tiny.jsonl", "tiny.bin", 5},
		{"stories260K.jsonl", "stories260K.bin", 5},
		{"standin15M.jsonl", "standin15M.bin", 125},
		{"official.jsonl", "tiny.bin", 1},
		{"official.jsonl", "stories260K.bin", 1},
		{"official.jsonl", "standin15M.bin", 1},
		{"riscv64-ofast/tiny.jsonl", "tiny.bin", 5},
		{"riscv64-ofast/stories260K.jsonl", "stories260K.bin", 5},
		{"riscv64-ofast/standin15M.jsonl", "standin15M.bin", 16},
	} {
		t.Run(tt.file+"/"+tt.model, func(t *testing.T) {
			if testing.Short() && tt.model == "standin15M.bin" {
				t.Skip("the 15M shape takes minutes under the race detector")
			}
			t.Parallel()
			all, err := golden.Read(golden.Data(t, "golden/"+tt.file))
			if err != nil {
				t.Fatal(err)
			}
			cases := of(tt.model, all)
			if len(cases) == 0 {
				t.Fatal("no golden outputs")
			}
			check(t, golden.Data(t, tt.model), golden.Data(t, cases[0].Tokenizer), arithmetic(tt.file), cases, tt.every)
		})
	}
}
