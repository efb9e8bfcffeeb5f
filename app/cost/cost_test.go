package cost

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/app/bandwidth"
)

func TestModel(t *testing.T) {
	p := Parameters{Clock: 1e9, DRAM: 0.5e9, Card: 20e6}
	for _, tt := range []struct {
		name  string
		count Count
		want  float64 // ms
	}{
		{"cycles and fills add up", Count{Cycles: 10e6, DRAM: 5e6}, 20},
		{"instructions stand in for cycles", Count{Instructions: 10e6, PerInstruction: 1.5, DRAM: 5e6}, 25},
		{"cycles win over instructions", Count{Instructions: 99e6, PerInstruction: 1.5, Cycles: 10e6}, 10},
		{"a fast card hides", Count{Cycles: 10e6, Card: 100e3}, 10},
		{"a slow card decides", Count{Cycles: 10e6, Card: 2e6}, 100},
		{"many tokens", Count{Cycles: 1000e6, DRAM: 500e6, Tokens: 100}, 20},
	} {
		if got := Model(tt.count, p); math.Abs(got.Total-tt.want) > 1e-9 || math.Abs(got.Speed*tt.want-1000) > 1e-6 || got.Kind != Modelled {
			t.Errorf("%s: Model() = %+v; want %v ms, modelled", tt.name, got, tt.want)
		}
	}
}

// TestOfficial is the model's own check: what it says of the programs that were
// timed on a board.
func TestOfficial(t *testing.T) {
	b, err := ReadBoard("../../board/milkv-duo")
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Official) != 3 || len(b.Engines) != 2 {
		t.Errorf("%d official results, %d engines; want 3, 2", len(b.Official), len(b.Engines))
	}
	for _, f := range b.Check(b.Assumed) {
		if math.Abs(f.Off()) > 0.05 || f.Fitted == "" {
			t.Errorf("%s: modelled %.3f, official %.3f tokens/s, %q fitted; want within 5 %% and what was fitted said", f.Name, f.Speed, f.Against, f.Fitted)
		}
	}
	for _, f := range append(b.Check(b.Assumed), b.Ours(b.Assumed)...) {
		if !(f.Total >= f.Likely && f.Likely >= f.Best && f.Best > 0) {
			t.Errorf("%s: %v ms, likely %v, at best %v; want a range", f.Name, f.Total, f.Likely, f.Best)
		}
	}
	for _, f := range b.Ours(b.Best) {
		if f.Likely != 0 || f.Best != 0 {
			t.Errorf("%s: a range, %+v, by parameters that are not what is assumed", f.Name, f)
		}
	}
	for _, f := range b.Ours(b.Assumed) {
		if f.Speed < 24.3 || f.Speed > 200 {
			t.Errorf("%s: modelled %.1f tokens/s; want it faster than the champion, and possible", f.Name, f.Speed)
		}
	}
}

// TestMeasurements: the rates that others have measured are within a quarter of what is
// modelled by some of the memory's assumed speeds.
func TestMeasurements(t *testing.T) {
	b, err := ReadBoard("../../board/milkv-duo")
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Measurements) != 3 {
		t.Errorf("%d measurements; want 3", len(b.Measurements))
	}
	for _, m := range b.Measurements {
		slow, fast := m.Modelled(b.Assumed), m.Modelled(b.Best)
		if !(slow <= 1.25*m.Rate[1] && fast >= 0.75*m.Rate[0]) {
			t.Errorf("%s: modelled %.3g to %.3g B/s, measured %.3g to %.3g", m.Name, slow, fast, m.Rate[0], m.Rate[1])
		}
	}
}

func TestUnexplained(t *testing.T) {
	o := Official{Count: Count{Cycles: 8e6, DRAM: 8e6}, Speed: 50, Groups: 4e3}
	ms, cycles := o.Unexplained(Parameters{Clock: 1e9, DRAM: 2e9, Card: 1})
	if math.Abs(ms-8) > 1e-9 || math.Abs(cycles-2000) > 1e-6 {
		t.Errorf("20 ms measured, 12 modelled, 4,000 groups: %v ms, %v cycles; want 8, 2000", ms, cycles)
	}
}

// TestMeasuredParameters has figures of a board correct the model.
func TestMeasuredParameters(t *testing.T) {
	m := &bandwidth.Report{Clock: 0.8e9, Memory: bandwidth.Memory{Fill: 1.6e9}, Card: &bandwidth.Card{Sequential: 10e6, Direct: true}}
	assumed := Parameters{1e9, 1e9, 21.9e6}
	if got, want := assumed.Measured(m), (Parameters{0.8e9, 1.6e9, 10e6}); got != want {
		t.Errorf("Measured() = %+v; want %+v", got, want)
	}
	m.Card.Direct = false
	if got := assumed.Measured(m).Card; got != 21.9e6 {
		t.Errorf("the card's speed through the page cache was taken: %v", got)
	}
	c := Count{Name: "c", Cycles: 8e6, DRAM: 16e6}
	if got := Model(c, assumed.Measured(m)).Total; math.Abs(got-20) > 1e-9 {
		t.Errorf("8 M cycles and 16 MB at these figures = %v ms; want 20", got)
	}
}

func TestReadBoardErrors(t *testing.T) {
	for name, change := range map[string]struct{ file, old, new, want string }{
		"no parameters":    {"board.toml", "[cost.dram]", "[cost.other]", "cost.dram"},
		"unknown key":      {"engines.toml", "cycles  ", "cycels  ", "cycels"},
		"no official":      {"official.toml", "official  ", "dram_bytes2  ", "dram_bytes2"},
		"no range":         {"board.toml", "likely = 1_", "likely = 9_", "follow each other"},
		"no rates":         {"official.toml", "bytes_per_s     = [2_200_000_000, ", "bytes_per_s     = [", "bytes_per_s"},
		"engine unlabeled": {"engines.toml", `"exact"`, `""`, "no name"},
	} {
		dir := t.TempDir()
		for _, file := range []string{"board.toml", "official.toml", "engines.toml"} {
			text, err := os.ReadFile(filepath.Join("../../board/milkv-duo", file))
			if err != nil {
				t.Fatal(err)
			}
			if file == change.file {
				if !bytes.Contains(text, []byte(change.old)) {
					t.Fatalf("%s has no %q", file, change.old)
				}
				text = bytes.Replace(text, []byte(change.old), []byte(change.new), 1)
			}
			if err := os.WriteFile(filepath.Join(dir, file), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := ReadBoard(dir); err == nil || !strings.Contains(err.Error(), change.want) {
			t.Errorf("%s: ReadBoard() = %v; want %q", name, err, change.want)
		}
	}
	if _, err := ReadBoard(t.TempDir()); err == nil || !strings.Contains(err.Error(), "board.toml") {
		t.Errorf("ReadBoard of nothing = %v", err)
	}
}

func TestParseCounts(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`{"name":"a","cycles":1,"dram_bytes":2} {"name":"b","instructions":1,"cycles_per_instruction":1}`, ""},
		{``, "no counts"},
		{`{"name":"a"}`, "wanted"},
		{`{"cycles":1}`, "no name"},
		{`{"name":"a","cycles":-1}`, "no count"},
		{`{"name":"a","cycels":1}`, "cycels"},
		{`{"name":`, "EOF"},
	} {
		counts, err := parseCounts(strings.NewReader(tt.text))
		if tt.want == "" && (err != nil || len(counts) != 2) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("parseCounts(%s) = %v, %v; want an error with %q", tt.text, counts, err, tt.want)
		}
	}
}

func FuzzParseCounts(f *testing.F) {
	f.Add(`{"name":"a","cycles":1,"dram_bytes":2,"tokens":3}`)
	f.Fuzz(func(t *testing.T, text string) {
		counts, err := parseCounts(strings.NewReader(text))
		for _, c := range counts {
			if got := Model(c, Parameters{1e9, 1e9, 1e6}); err == nil && !(got.Total >= 0) {
				t.Errorf("Model(%+v) = %+v", c, got)
			}
		}
	})
}
