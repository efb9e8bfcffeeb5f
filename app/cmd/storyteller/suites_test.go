package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/app/report"
	"duostoryteller/tests/testmodel"
)

// TestSuites runs all suites where there is no voice: that one fails, the
// others are as they are, and all are kept.
func TestSuites(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("STORYTELLER_VOICES", dir)
	checkpoint, tokenizer, err := testmodel.Models()[0].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	baseline := filepath.Join(t.TempDir(), "baseline")
	if out, err := exec.Command("go", "build", "-o", baseline, "../../../tests/baseline").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	common := []string{"suites", "--model", checkpoint, "-z", tokenizer, "--short", "--baseline", baseline, "--results", dir, "--suite"}
	golden, err := os.ReadFile("../../../tests/testmodel/golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	suite := filepath.Join(t.TempDir(), "suite.jsonl")
	own := strings.ReplaceAll(strings.Join(strings.SplitAfter(string(golden), "\n")[:3], ""), `"shared"`, `"shared.bin"`)
	if err := os.WriteFile(suite, []byte(own), 0o644); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := storyteller("", append(common, suite)...)
	if status != 1 || !strings.HasSuffix(stderr, "storyteller: not passed: speech\n") {
		t.Fatalf("suites = %q, %q, %d; want 1 for want of a voice", stdout, stderr, status)
	}
	var page report.Results
	for _, name := range report.Names() {
		data, err := os.ReadFile(filepath.Join(dir, report.File(name)))
		if err != nil {
			t.Fatal(err)
		}
		var e report.Entry
		if err := json.Unmarshal(data, &e); err != nil || e.Name != name {
			t.Errorf("%s.json: %v", name, err)
		}
		if _, passed := e.Summary(); passed != (name != report.Speech) {
			t.Errorf("%s passed: %v", name, passed)
		}
		if err := page.Add(e); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if v := page.Regression; v.Right != 2 || v.Total != 2 || len(page.Exact.Runs) != 3 || len(page.Fast.Runs) != 3 || len(page.Baseline.Runs) != 1 {
		t.Errorf("results = %+v; want 2 of 2 right, 3 runs, 3 fast ones, 1 of the other program", page)
	}
	if c := page.Baseline.Compared; c == nil || !c.SameText || c.Ours != page.Exact.Speed.Mean {
		t.Errorf("the other program's is compared as %+v; want the same text", c)
	}
	text, err := os.ReadFile(filepath.Join(dir, "results.txt"))
	if want := strings.ReplaceAll(stdout, "\n", "\r\n"); string(text) != want || err != nil {
		t.Errorf("results.txt = %q, %v; want what was printed, with carriage returns", text, err)
	}
	if page, err := os.ReadFile(filepath.Join(dir, "report.html")); err != nil || !strings.Contains(string(page), "2 of 2 right") || strings.Count(string(page), "<svg") != 9 {
		t.Errorf("report.html = %.300q…, %v; want both engines' four plots, and one of all speeds", page, err)
	}
	for _, want := range []string{"2 of 2 right", "tokens/s", "FAILED: "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("printed %q; want %q in it", stdout, want)
		}
	}

	// An earlier run's results are gone, and what is asked for alone is there.
	stdout, stderr, status = storyteller("", append(common, suite, "--only", "regression,memory", "--json", "-")...)
	if left, _ := filepath.Glob(filepath.Join(dir, "*.json")); status != 0 || len(left) != 2 {
		t.Errorf("suites --only = %d, %q, with %v kept; want two", status, stderr, left)
	}
	for d := json.NewDecoder(strings.NewReader(stdout)); ; {
		var e report.Entry
		if err := d.Decode(&e); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("--json - prints %q: %v", stdout, err)
		}
		if line, passed := e.Summary(); !passed {
			t.Error(line)
		}
	}
	if !strings.HasPrefix(stderr, "suite regression begins\n") {
		t.Errorf("--json says %q; want it to say what is going on", stderr)
	}

	// A card that cannot be written to has its suites run all the same.
	stdout, stderr, status = storyteller("", "suites", "--model", checkpoint, "-z", tokenizer, "--short", "--suite", suite, "--only", "regression,memory", "--results", filepath.Join(dir, "none"))
	if status != 1 || !strings.Contains(stdout, "2 of 2 right") || !strings.Contains(stdout, "GHz") || strings.Count(stderr, "no results can be kept") != 1 ||
		!strings.HasSuffix(stderr, "not passed: keeping the results\n") {
		t.Errorf("suites without a place for results = %q, %q, %d; want them run", stdout, stderr, status)
	}

	if stdout, stderr, status := storyteller("", append(common, filepath.Join(dir, "none"))...); status != 1 || !strings.Contains(stderr, "not passed: regression, speech") {
		t.Errorf("without a suite: %q, %q, %d; want the others run", stdout, stderr, status)
	}
	for flags, want := range map[string]string{"": "--model", "--only nothing": "the suites are", "--json file": "--results", "--baseline-runs 0": "one or more", "--only performance-baseline": "--baseline"} {
		if _, stderr, status := storyteller("", append([]string{"suites"}, strings.Fields(flags)...)...); status != 2 || !strings.Contains(stderr, want) {
			t.Errorf("suites %s = %q, %d; want a usage error with %q", flags, stderr, status, want)
		}
	}
}
