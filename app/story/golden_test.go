package story_test

import (
	"bytes"
	"context"
	"io"
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

// check tells the cases, which share a model, with both arithmetics: run.c's
// compilers may use either.
func check(t *testing.T, checkpoint, tokenizer string, cases []golden.Case) {
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
	plain := llama.NewPlain(model)
	teller := story.NewTeller(plain, vocabulary)
	for name, arithmetic := range map[string]llama.Arithmetic{"fused": llama.Fused, "strict": llama.Strict} {
		plain.Arithmetic = arithmetic
		wrong := 0
		for _, c := range cases {
			if got := tell(t, teller, c); !c.Right(got) {
				wrong++
				t.Errorf("%s: %s printed %q", name, c, got)
			}
		}
		t.Logf("%s: %d of %d right", name, len(cases)-wrong, len(cases))
	}
}

func TestGoldenTestModels(t *testing.T) {
	all, err := golden.Read("../../tests/testmodel/golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range testmodel.Models() {
		t.Run(m.Name, func(t *testing.T) {
			checkpoint, tokenizer, err := m.Files(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			var cases []golden.Case
			for _, c := range all {
				if c.Model == m.Name {
					cases = append(cases, c)
				}
			}
			if len(cases) == 0 {
				t.Fatal("no golden outputs")
			}
			check(t, checkpoint, tokenizer, cases)
		})
	}
}

// The plain engine takes seconds for a story of the 15M shape, so that of each
// such file only a sample is told; -short tells less.
func TestGoldenData(t *testing.T) {
	for _, tt := range []struct {
		file        string
		model       string
		every, most int
	}{
		{"tiny.jsonl", "tiny.bin", 1, 1000},
		{"stories260K.jsonl", "stories260K.bin", 1, 1000},
		{"standin15M.jsonl", "standin15M.bin", 60, 2},
		{"official.jsonl", "tiny.bin", 1, 1},
		{"official.jsonl", "stories260K.bin", 1, 1},
		{"official.jsonl", "standin15M.bin", 1, 1},
	} {
		t.Run(tt.file+"/"+tt.model, func(t *testing.T) {
			all, err := golden.Read(golden.Data(t, "golden/"+tt.file))
			if err != nil {
				t.Fatal(err)
			}
			var cases []golden.Case
			for _, c := range all {
				if c.Model == tt.model {
					cases = append(cases, c)
				}
			}
			for i := range cases {
				if i*tt.every < len(cases) && i < tt.most {
					cases[i] = cases[i*tt.every]
				}
			}
			cases = cases[:min(tt.most, (len(cases)+tt.every-1)/tt.every)]
			if len(cases) == 0 {
				t.Fatal("no golden outputs")
			}
			check(t, golden.Data(t, cases[0].Model), golden.Data(t, cases[0].Tokenizer), cases)
		})
	}
}
