package bench

import (
	"math"
	"slices"
	"testing"
)

func TestSumUp(t *testing.T) {
	for _, tt := range []struct {
		runs   []float64
		mean   float64
		spread float64
		out    []int
	}{
		{nil, 0, 0, nil},
		{[]float64{5}, 5, 0, nil},
		{[]float64{4, 6}, 5, math.Sqrt2, nil},
		{[]float64{1, 5, 90}, 5, 0, []int{0, 2}},
		{[]float64{7, 7, 7, 7}, 7, 0, []int{0, 3}},
		{[]float64{50, 4, 6, 0, 8}, 6, 2, []int{0, 3}},
	} {
		s, extreme := sumUp(tt.runs)
		var out []int
		for i, e := range extreme {
			if e {
				out = append(out, i)
			}
		}
		if s.Mean != tt.mean || math.Abs(s.Spread-tt.spread) > 1e-12 || !slices.Equal(out, tt.out) {
			t.Errorf("sumUp(%v) = %+v, without %v; want %v ± %v without %v", tt.runs, s, out, tt.mean, tt.spread, tt.out)
		}
	}
}

func TestField(t *testing.T) {
	const cpuinfo = "processor\t: 0\nisa\t\t: rv64imafdcv\n\nprocessor\t: 1\nisa\t\t: other\n"
	if got := field(cpuinfo, "isa"); got != "rv64imafdcv" {
		t.Errorf("field(isa) = %q", got)
	}
	if got := field(cpuinfo, "model name"); got != "" {
		t.Errorf("field(model name) = %q; want none", got)
	}
}
