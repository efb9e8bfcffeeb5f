package verify_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"duostoryteller/app/llama"
	"duostoryteller/app/verify"
	"duostoryteller/tests/testmodel"
)

// plain opens one of the test models.
func plain(t *testing.T, m testmodel.Model) (llama.Engine, *llama.Tokenizer) {
	t.Helper()
	checkpoint, tokenizer, err := m.Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	model, err := llama.OpenCheckpoint(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { model.Close() })
	vocabulary, err := llama.OpenTokenizer(tokenizer, model.VocabSize)
	if err != nil {
		t.Fatal(err)
	}
	return llama.NewPlain(model, llama.Strict), vocabulary
}

// TestRun has right texts judged right and broken ones wrong, at the right place.
func TestRun(t *testing.T) {
	m := testmodel.Models()[0]
	e, vocabulary := plain(t, m)
	all, err := verify.Open("../../tests/testmodel/golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	cases := verify.Of(m.Name, all)[:6]
	r, err := verify.Run(t.Context(), e, vocabulary, cases, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Right != 6 || r.Total != 6 || r.PassRate != 1 || r.Reference != "llama2.c's run.c" {
		t.Errorf("Run = %d of %d, %v, by %q; want 6 of 6", r.Right, r.Total, r.PassRate, r.Reference)
	}

	text, _ := hex.DecodeString(cases[1].TextHex)
	const at = 20
	text[at] ^= 1
	cases[1].TextHex, cases[1].OfastTextHex = hex.EncodeToString(text), ""
	short, _ := hex.DecodeString(cases[2].TextHex)
	cases[2].TextHex, cases[2].OfastTextHex = hex.EncodeToString(short[:len(short)-3]), ""
	cases[3].OfastTextHex, cases[3].TextHex = cases[3].TextHex, hex.EncodeToString([]byte("another text"))
	if r, err = verify.Run(t.Context(), e, vocabulary, cases, nil); err != nil {
		t.Fatal(err)
	}
	if r.Right != 4 {
		t.Errorf("%d right; want 4: a case's second text counts too", r.Right)
	}
	if d := r.Results[1].Difference; d == nil || d.Byte != at || d.Token < 1 || d.Got == d.Want || !strings.HasPrefix(r.Results[1].Text[at:], d.Got) {
		t.Errorf("difference = %v; want one at byte %d", d, at)
	}
	if d := r.Results[2].Difference; d == nil || d.Byte != len(short)-3 || d.Want != "" {
		t.Errorf("difference = %v; want one at byte %d, where the right text ends", d, len(short)-3)
	}
	var table bytes.Buffer
	if err := r.WriteTable(&table); err != nil || strings.Count(table.String(), "WRONG") != 2 || !strings.Contains(table.String(), "4 of 6 right (66.7 %)") {
		t.Errorf("table = %s, %v", &table, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verify.Run(ctx, e, vocabulary, cases, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Run, interrupted = %v; want %v", err, context.Canceled)
	}
}

// TestRecord writes the usual cases down and finds them right.
func TestRecord(t *testing.T) {
	e, vocabulary := plain(t, testmodel.Models()[0])
	cases, err := verify.Record(t.Context(), e, vocabulary, verify.Usual("model.bin"), "the plain engine", nil)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	for _, c := range cases {
		if err := json.NewEncoder(&file).Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	again, err := verify.Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := verify.Run(t.Context(), e, vocabulary, again, nil)
	if err != nil || r.Right != len(cases) || r.Total != len(cases) || r.Reference != "the plain engine" {
		t.Errorf("Run = %+v, %v; want %d right", r, err, len(cases))
	}
}

func TestReadErrors(t *testing.T) {
	for suite, want := range map[string]string{
		"{}\n{":                     "line 2",
		`{"text_hex": "0g"}`:        "text_hex",
		`{"ofast_text_hex": "123"}`: "ofast_text_hex",
		`{"stdout": "no newline"}`:  "newline",
		`{"seed": "one"}`:           "line 1",
	} {
		if cases, err := verify.Read(strings.NewReader(suite)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Read(%q) = %v, %v; want an error with %q", suite, cases, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"model": "m", "prompt": "p", "temperature": 1, "topp": 0.9, "seed": 1, "steps": 9, "text_hex": "70"}` + "\n"))
	f.Add([]byte(`{"stdout": "x\n"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		cases, err := verify.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, c := range cases {
			texts, err := c.Texts()
			if err != nil || len(texts) == 0 || !c.Right(append(texts[0], '\n')) {
				t.Errorf("%+v: %q, %v", c, texts, err)
			}
		}
	})
}
