package models

import (
	"math"
	"strings"
	"testing"

	"duostoryteller/app/cost"
	"duostoryteller/app/llama/packed"
	"duostoryteller/imagebuilder/board"
)

func load(t *testing.T) (*board.Board, cost.Board) {
	t.Helper()
	b, err := board.Load("../../board", "milkv-duo")
	if err != nil {
		t.Fatal(err)
	}
	known, err := cost.ReadBoard(b.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return b, known
}

// TestKnown: the shapes give the sizes of the files, and the board's own model is the same.
func TestKnown(t *testing.T) {
	b, _ := load(t)
	for name, size := range map[string]int64{"stories15M": 60_816_028, "stories42M": 167e6, "stories110M": 438e6} {
		k, ok := Find(name)
		if !ok {
			t.Fatalf("no %s", name)
		}
		f := k.File()
		if diff := f.Size - size; diff < -1e6 || diff > 1e6 || !strings.HasSuffix(f.URL, "/"+name+".bin") {
			t.Errorf("%s: %+v; want about %d bytes", name, f, size)
		}
		if name == "stories15M" && f != b.Model {
			t.Errorf("%s is %+v, the board's %+v", name, f, b.Model)
		}
	}
	if _, ok := Find("stories1T"); ok {
		t.Error("a model of no name is known")
	}
}

// TestPlans: the counted shape has the counts, memory is what the board takes, and what
// is larger takes more and is slower.
func TestPlans(t *testing.T) {
	b, known := load(t)
	var last []Plan
	for _, k := range all() {
		plans, err := Plans(b, known, k.Shape)
		if err != nil || len(plans) != 2 {
			t.Fatalf("%s: %+v, %v", k.Name, plans, err)
		}
		for i, p := range plans {
			need, err := packed.Settle(k.Shape, []packed.Use{packed.Exact, packed.Fast}[i], math.MaxInt64)
			name := k.Name + " " + p.Engine
			fits := name != "stories110M exact"
			if err != nil || p.Fits != fits || fits && p.Memory.Total() > p.Free || p.Memory != need.Memory && (!fits || p.Memory.Total() >= need.Total()) {
				t.Errorf("%s: %+v, %v; want at most %+v, and of what fits less than there is", name, p, err, need)
			}
			streamed := name == "stories42M exact" || name == "stories110M fast"
			large := k.Name == "stories42M" || name == "stories110M fast" // all of that, but not at once
			if p.Streamed != streamed || (p.Context < k.Shape.SeqLen) != large || p.Context < packed.Short || (p.Card > 0) != p.Streamed {
				t.Errorf("%s: %+v; want what memory has no room for from the card, and a shorter context", name, p)
			}
			if k.Shape == Counted() && (p.Bytes[0] != known.Engines[i].DRAM || p.Bytes[1] != p.Bytes[0] || p.Speed[0] != known.Ours(known.Assumed)[i].Speed || p.Speed[1] != known.Ours(known.Best)[i].Speed) {
				t.Errorf("%s, %s: %+v; want the counted %+v", k.Name, p.Engine, p, known.Engines[i])
			}
			if !(p.Bytes[0] <= p.Bytes[1] && 0 < p.Speed[0] && p.Speed[0] <= p.Speed[1]) ||
				last != nil && !last[i].Streamed && (p.Bytes[0] <= last[i].Bytes[0] || p.Speed[0] >= last[i].Speed[0]) {
				t.Errorf("%s, %s: %+v after %+v", k.Name, p.Engine, p, last)
			}
		}
		last = plans
		if err := Refuse(b, k.Name, k.Shape); err != nil {
			t.Errorf("Refuse(%s) = %v; want it taken by an engine", k.Name, err)
		}
	}
	larger := all()[2].Shape
	larger.Dim, larger.HiddenDim, larger.Layers, larger.Heads, larger.KVHeads = 1024, 2816, 16, 16, 16
	plans, err := Plans(b, known, larger)
	if err != nil || plans[0].Fits || plans[1].Fits {
		t.Fatalf("a larger model: %+v, %v; want it too large", plans, err)
	}
	if err := Refuse(b, "larger", larger); err == nil || !strings.Contains(err.Error(), plans[0].Memory.String()) || strings.Contains(err.Error(), "\n") {
		t.Errorf("Refuse = %v; want the table's line of what does not fit", err)
	}
}
