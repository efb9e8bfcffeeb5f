package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"duostoryteller/app/bench"
	"duostoryteller/app/speech"
	"duostoryteller/app/verify"
)

func sample() Results {
	b := &bench.Report{Environment: bench.Environment{Kind: bench.Emulated, Machine: "riscv-virtio,qemu"},
		Runs:     []bench.Run{{TokensPerSecond: 20}, {TokensPerSecond: 31.5}, {TokensPerSecond: 25, Extreme: true}},
		Speed:    bench.Speed{Mean: 25.75, Spread: 8.1},
		PerToken: []float64{10, 0.1, 0.2, 30}, Work: &bench.Work{Sampled: 4, DraftMS: 1, LayersMS: 2, AttendMS: 3, ScreenMS: 4, RowsMS: 5, SampleMS: 6},
		Memory: bench.Memory{Total: 60000, Available: 9000, Peak: 40000},
	}
	b.Request.Prompt = `<b>&"`
	return Results{
		Regression: &verify.Report{Environment: b.Environment, Engine: "exact", Right: 1, Total: 2, PassRate: 0.5, Results: []verify.Result{
			{Command: "x", Right: true, Text: "<script>once</script>"},
			{Command: "y", Text: "upon", Difference: &verify.Difference{Byte: 3, Token: 1, Before: "upo", Got: "n", Want: "m"}}}},
		Exact: b, Speech: &Spoken{Environment: b.Environment, Voice: "kal16", Report: &speech.Report{Ratio: 0.0123, Complete: true}},
	}
}

func TestWrite(t *testing.T) {
	var page bytes.Buffer
	if err := Write(&page, sample()); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(page.String(), "</html>\n") || strings.HasSuffix(page.String(), "\n\n") {
		t.Errorf("the page ends with %q", page.String()[page.Len()-20:])
	}
	text := page.String()
	for _, want := range []string{"1 of 2 right, 50.0 %", "&lt;script&gt;once", "token 1, byte 3", "25.8 tokens/s", "times are emulated", "0.0123 s of computing", "official"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if bad := regexp.MustCompile(`<script|src=|href=|https?:|NaN|Inf|ZgotmplZ`).FindString(text); bad != "" {
		t.Errorf("the page has %q", bad)
	}
	pictures := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(text, -1)
	if len(pictures) != 5 {
		t.Errorf("%d pictures; want 5", len(pictures))
	}
	for _, p := range pictures {
		for d := xml.NewDecoder(strings.NewReader(p)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("a picture is not well-formed: %v: %s", err, p)
			}
		}
	}
	page.Reset()
	if err := Write(&page, Results{}); err != nil || strings.Count(page.String(), "Did not run") != 3 {
		t.Errorf("without results: %v, %s", err, &page)
	}
	empty := sample()
	empty.Exact = new(bench.Report)
	if err := Write(&page, empty); err != nil || strings.Contains(page.String(), "NaN") {
		t.Errorf("without runs: %v, %s", err, &page)
	}
}

func TestNice(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, -1: 1, math.Inf(1): 1, 0.3: 0.4, 1: 1, 24.3: 40, 81: 100, 8: 8} {
		if got := nice(v); math.Abs(got-want) > 1e-9*want {
			t.Errorf("nice(%v) = %v; want %v", v, got, want)
		}
	}
}

// What failed before the suites stands before them.
func TestErrors(t *testing.T) {
	r := Results{Errors: map[string]string{Speech: "no voice", "start": "the board is dead"}}
	var got []string
	for _, v := range r.Verdicts() {
		got = append(got, v.Suite+": "+v.Says)
		if v.Passed {
			t.Errorf("%s passed", v.Suite)
		}
	}
	if got, want := strings.Join(got, "; "), "start: the board is dead; speech: no voice"; got != want {
		t.Errorf("Verdicts() = %s; want %s", got, want)
	}
}
