package bench_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/bench"
	"duostoryteller/app/llama"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/testmodel"
)

// official returns a model's case at temperature 1 and with top-p, and how to
// measure it.
func official(t *testing.T) (golden.Case, bench.Options, *bench.Program) {
	t.Helper()
	m := testmodel.Models()[1]
	checkpoint, tokenizer, err := m.Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	all, err := golden.Read("../../tests/testmodel/golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	c := all[slices.IndexFunc(all, func(c golden.Case) bool { return c.Model == m.Name && c.Temperature == 1 && c.Prompt == "the cat" })]
	o := bench.Official()
	o.Runs = 3
	o.Request.Prompt, o.Request.Seed, o.Request.Steps = c.Prompt, uint64(c.Seed), c.Steps
	o.Request.TopP = float32(c.TopP)
	o.Open = func() (llama.Engine, *llama.Tokenizer, error) {
		model, err := llama.OpenCheckpoint(checkpoint)
		if err != nil {
			return nil, nil, err
		}
		vocabulary, err := llama.OpenTokenizer(tokenizer, model.VocabSize)
		return llama.NewPlain(model, llama.Strict), vocabulary, err
	}
	return c, o, &bench.Program{Checkpoint: checkpoint, Tokenizer: tokenizer}
}

func TestMeasure(t *testing.T) {
	c, o, _ := official(t)
	var told []int
	o.Progress = func(done, _ int) { told = append(told, done) }
	r, err := bench.Measure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := hex.DecodeString(c.TextHex)
	sum := sha256.Sum256(text)
	if want := hex.EncodeToString(sum[:]); r.SHA256 != want {
		t.Errorf("the story's SHA-256 = %s; want that of run.c's text, %s", r.SHA256, want)
	}
	if want := []int{0, 1, 2, 3}; !slices.Equal(told, want) {
		t.Errorf("progress = %v; want %v", told, want)
	}
	extremes, most := 0, 0
	for _, run := range r.Runs {
		if run.TokensPerSecond <= 0 || run.FirstToken <= 0 || run.Seed != o.Request.Seed || run.Tokens < len(c.Tokens) {
			t.Errorf("run = %+v", run)
		}
		if run.Extreme {
			extremes++
		}
		most = max(most, run.Tokens)
	}
	if len(r.Runs) != 3 || extremes != 2 {
		t.Errorf("%d runs, %d extremes; want 3, 2", len(r.Runs), extremes)
	}
	if len(r.PerToken) == 0 || len(r.PerToken) > most {
		t.Errorf("%d times of tokens; want about %d", len(r.PerToken), most)
	}
	if r.FirstToken < r.Opening || r.Opening <= 0 || r.Speed.Mean < r.Speed.Min || r.Speed.Mean > r.Speed.Max {
		t.Errorf("report = %+v", r)
	}
	if r.Memory.Peak == 0 || r.Memory.Available == 0 || r.Memory.Available > r.Memory.Total {
		t.Errorf("memory = %+v", r.Memory)
	}
	var table bytes.Buffer
	if err := r.WriteTable(&table); err != nil || !strings.Contains(table.String(), "tokens/s") {
		t.Errorf("table = %q, %v", &table, err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

func TestNextSeed(t *testing.T) {
	_, o, _ := official(t)
	o.NextSeed, o.Runs = true, 2
	r, err := bench.Measure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := r.Runs[0].Seed, r.Runs[1].Seed; b != a+1 {
		t.Errorf("seeds %d, %d; want one after the other", a, b)
	}
}

// TestAgainst compares with a program that prints what it is made to.
func TestAgainst(t *testing.T) {
	c, o, program := official(t)
	text, _ := hex.DecodeString(c.TextHex)
	dir := t.TempDir()
	story := filepath.Join(dir, "story")
	if err := os.WriteFile(story, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		script string
		same   bool
		want   string // in the error
	}{
		{"cat " + story + "; echo 'achieved tok/s: 12.500000' >&2", true, ""},
		{"echo another story; echo 'achieved tok/s: 12.500000' >&2", false, ""},
		{"cat " + story, false, "achieved tok/s"},
		{"echo no such file >&2; exit 1", false, "no such file"},
	} {
		program.Path = filepath.Join(dir, "run")
		if err := os.WriteFile(program.Path, []byte("#!/bin/sh\n"+tt.script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		o.Against = program
		r, err := bench.Measure(t.Context(), o)
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: Measure = %v; want %q", tt.script, err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		a := r.Against
		if a.SameText != tt.same || a.Speed.Mean != 12.5 || len(a.Runs) != 3 || a.Ratio != r.Speed.Mean/12.5 {
			t.Errorf("%s: against = %+v; want 3 runs at 12.5, same text %v", tt.script, a, tt.same)
		}
	}
}

// TestMeasureAlone measures the program that stands in for run.c.
func TestMeasureAlone(t *testing.T) {
	c, o, program := official(t)
	program.Path = filepath.Join(t.TempDir(), "baseline")
	if out, err := exec.Command("go", "build", "-o", program.Path, "../../tests/baseline").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	ours, err := bench.Measure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	a, err := bench.MeasureAlone(t.Context(), *program, o.Request, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := hex.DecodeString(c.TextHex)
	if a.Text != string(want) || len(a.Runs) != 3 || a.Speed.Mean <= 0 || a.Runs[0].Seconds <= 0 {
		t.Errorf("alone = %+v; want 3 runs of %q", a, want)
	}
	a.Compare(ours)
	if a.Compared == nil || !a.Compared.SameText || a.Compared.Ratio != ours.Speed.Mean/a.Speed.Mean {
		t.Errorf("compared = %+v; want the same text, and our %v by its %v", a.Compared, ours.Speed.Mean, a.Speed.Mean)
	}
	var table bytes.Buffer
	if err := a.WriteTable(&table); err != nil || !strings.Contains(table.String(), "the same text") {
		t.Errorf("table = %q, %v", &table, err)
	}
	other := *ours
	other.Text += "."
	if a.Compare(&other); a.Compared.SameText {
		t.Error("another text is called the same")
	}
	a.Compared = nil
	other.Request.Seed++
	if a.Compare(&other); a.Compared != nil {
		t.Error("stories of two requests are compared")
	}
	for script, want := range map[string]string{"echo $$; echo 'achieved tok/s: 1' >&2": "two different stories", "exit 3": "exit status 3"} {
		if err := os.WriteFile(program.Path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := bench.MeasureAlone(t.Context(), *program, o.Request, 2, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", script, err, want)
		}
	}
}

func TestMeasureErrors(t *testing.T) {
	_, o, _ := official(t)
	o.Runs = 0
	if _, err := bench.Measure(t.Context(), o); err == nil {
		t.Error("Measure of no runs succeeded")
	}
	o.Runs = 1
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bench.Measure(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("Measure, interrupted = %v; want %v", err, context.Canceled)
	}
	want := errors.New("no model")
	o.Open = func() (llama.Engine, *llama.Tokenizer, error) { return nil, nil, want }
	if _, err := bench.Measure(t.Context(), o); !errors.Is(err, want) {
		t.Errorf("Measure = %v; want %v", err, want)
	}
}
