package report

import (
	"os"
	"path/filepath"
	"testing"

	"duostoryteller/app/bandwidth"
	"duostoryteller/app/bench"
	"duostoryteller/app/cost"
	"duostoryteller/app/speech"
	"duostoryteller/tests/browser"
)

// TestBrowser looks at a whole page as people do: on a PC and on a telephone all of
// it fits the width, and no word of a picture is cut off.
func TestBrowser(t *testing.T) {
	r := sample()
	b, err := cost.ReadBoard("../../board/milkv-duo")
	if err != nil {
		t.Fatal(err)
	}
	r.Board = &b
	r.Fast = r.Exact
	r.Memory = &bandwidth.Report{Environment: r.Exact.Environment, Clock: 1e9, Memory: bandwidth.Memory{Fill: 1e9, Line: 64, Read: 5e8, Hit: 4e9},
		Card: &bandwidth.Card{Sequential: 21.9e6, Random: 1.1}, Kernels: []bandwidth.Kernel{{Name: "float32, one position", Bytes: 1e9, MACs: 2e8, Cycles: 2.5}}}
	r.Baseline = &bench.Alone{Environment: r.Exact.Environment, Program: "/usr/share/storyteller/baseline/run", Runs: []bench.ProgramRun{{TokensPerSecond: 0.36, Seconds: 711, CardKB: 15_500_000}},
		Speed: bench.Speed{Mean: 0.36}, Compared: &bench.Compared{Ours: 31.5, Ratio: 87.5, SameText: true}}
	r.Speech.Sentences = []speech.Sentence{{Speech: 3, Compute: 0.1}, {Speech: 2, Compute: 0.2}}
	r.Errors = map[string]string{Speech: "a failure, told in a line"}
	page := filepath.Join(t.TempDir(), "report.html")
	f, err := os.Create(page)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := Write(f, r); err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{1000, 360} {
		w := browser.New(t, width, 800, false)
		w.Open("file://" + page)
		var pictures, over int
		w.Eval("return document.querySelectorAll('svg').length", &pictures)
		if pictures != 10 {
			t.Errorf("%d pictures; want 10", pictures)
		}
		w.Eval("return document.documentElement.scrollWidth - document.documentElement.clientWidth", &over)
		if over > 0 {
			t.Errorf("at %d pixels the page is %d too wide", width, over)
		}
		var cut []string
		w.Eval(`return [...document.querySelectorAll("svg text")].filter((x) => {
			const b = x.getBBox(), v = x.ownerSVGElement.viewBox.baseVal;
			return b.x < -1 || b.x + b.width > v.width + 1 || b.y < -1 || b.y + b.height > v.height + 1;
		}).map((x) => x.textContent)`, &cut)
		if len(cut) > 0 {
			t.Errorf("at %d pixels these words are cut off: %q", width, cut)
		}
		if lines := w.Complaints(); lines != nil {
			t.Errorf("the browser complains: %q", lines)
		}
	}
}
