package cost

import (
	"math"
	"strings"
	"testing"

	"duostoryteller/imagebuilder/board"
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
	b, err := board.Load("../../board", "milkv-duo")
	if err != nil {
		t.Fatal(err)
	}
	known, err := ReadOfficial("../../board/milkv-duo/official.toml")
	if err != nil {
		t.Fatal(err)
	}
	if len(known) != 3 {
		t.Errorf("%d official results; want 3", len(known))
	}
	for _, f := range Check(known, Of(b.Cost)) {
		if math.Abs(f.Off()) > 0.05 || f.Fitted == "" {
			t.Errorf("%s: modelled %.3f, official %.3f tokens/s, %q fitted; want within 5 %% and what was fitted said", f.Name, f.Speed, f.Against, f.Fitted)
		}
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
