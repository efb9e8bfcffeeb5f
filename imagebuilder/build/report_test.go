package build

import (
	"math"
	"strings"
	"testing"

	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/manifest"
)

// TestBudget holds the board's plan to what the engine takes for the model that the
// plan is for, and to little more.
func TestBudget(t *testing.T) {
	b, err := board.Load("../../board", "milkv-duo")
	if err != nil {
		t.Fatal(err)
	}
	shape := llama.Config{Dim: 288, HiddenDim: 768, Layers: 6, Heads: 6, KVHeads: 6, VocabSize: 32000, SeqLen: 256, SharedClassifier: true}
	need, err := packed.Settle(shape, packed.Exact, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		what string
		need int64
		plan uint64
	}{
		{"engine", need.Weights, b.Budget.Engine},
		{"hot_rows", need.HotRows, b.Budget.HotRows},
		{"kv_cache", need.KVCache, b.Budget.KVCache},
	} {
		if plan := int64(tt.plan); tt.need > plan || tt.need < plan-plan/100 {
			t.Errorf("%s is planned with %d bytes; want what the engine takes, %d", tt.what, plan, tt.need)
		}
	}
	s := &state{board: b}
	s.model.header.Config = shape
	if lines := s.overBudget(s.model.header.Config); len(lines) > 0 {
		t.Errorf("overBudget() = %q; want nothing for the planned model", lines)
	}
	s.model.header.Layers = 8
	if lines := s.overBudget(s.model.header.Config); len(lines) != 2 || !strings.Contains(lines[0], "weights") || !strings.Contains(lines[1], "KV cache") {
		t.Errorf("overBudget() with two layers more = %q; want weights and KV cache", lines)
	}
	s.model.header.Config = llama.Config{Dim: 512, HiddenDim: 1376, Layers: 8, Heads: 8, KVHeads: 8, VocabSize: 32000, SeqLen: 1024, SharedClassifier: true}
	if lines := s.overBudget(s.model.header.Config); len(lines) != 2 || !strings.Contains(lines[0], "from the card") || !strings.Contains(lines[1], "up to 311 tokens") {
		t.Errorf("overBudget() of stories42M's shape = %q; want what becomes of its layers and its context", lines)
	}
	s.model.header.Config = llama.Config{Dim: 768, HiddenDim: 2048, Layers: 12, Heads: 12, KVHeads: 12, VocabSize: 32000, SeqLen: 1024, SharedClassifier: true}
	if lines := s.overBudget(s.model.header.Config); len(lines) != 1 || !strings.Contains(lines[0], `engine = "fast"`) {
		t.Errorf("overBudget() of stories110M's shape = %q; want the engine that can", lines)
	}
	s.layout.files = []card.File{{Name: "boot.sd", Data: make([]byte, 5<<20)}}
	for _, tt := range []struct{ size, lines int }{{42 << 20, 0}, {44 << 20, 1}} {
		s.updateSize = int64(tt.size)
		if lines := s.overFull(); len(lines) != tt.lines {
			t.Errorf("overFull() with an update of %d bytes = %q; want %d lines", tt.size, lines, tt.lines)
		}
	}
}

// TestUnlicensed: a Go without its licence, as Buildroot installs it by itself and as
// some distributions do, is said.
func TestUnlicensed(t *testing.T) {
	named := func(name string, text []byte) manifest.Module {
		return manifest.Module{Component: manifest.Component{Name: name}, LicenceText: text}
	}
	s := &state{modules: []manifest.Module{named("golang.org/x/sys", []byte("BSD")), named("go", nil)}}
	if got := s.unlicensed(); len(got) != 1 || !strings.HasPrefix(got[0], "the licence of go is not on this machine") {
		t.Errorf("unlicensed() = %q; want one line, of go", got)
	}
	s.modules[1].LicenceText = []byte("BSD")
	if got := s.unlicensed(); got != nil {
		t.Errorf("unlicensed() with all licences = %q; want nothing", got)
	}
}
