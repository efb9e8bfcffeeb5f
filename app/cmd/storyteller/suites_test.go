package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/app/bench"
	"duostoryteller/app/verify"
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
	common := []string{"suites", "--model", checkpoint, "-z", tokenizer, "--short", "--results", dir, "--suite"}
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
	var regression verify.Report
	var performance, fast bench.Report
	for name, to := range map[string]any{"regression": &regression, "performance": &performance, "performance-fast": &fast, "speech": &map[string]any{}} {
		data, err := os.ReadFile(filepath.Join(dir, name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, to); err != nil {
			t.Errorf("%s.json: %v", name, err)
		}
	}
	if regression.Right != 2 || regression.Total != 2 || len(performance.Runs) != 3 || len(fast.Runs) != 3 {
		t.Errorf("%d of %d right, %d runs, %d fast ones; want 2, 2, 3, 3", regression.Right, regression.Total, len(performance.Runs), len(fast.Runs))
	}
	text, err := os.ReadFile(filepath.Join(dir, "results.txt"))
	if want := strings.ReplaceAll(stdout, "\n", "\r\n"); string(text) != want || err != nil {
		t.Errorf("results.txt = %q, %v; want what was printed, with carriage returns", text, err)
	}
	if page, err := os.ReadFile(filepath.Join(dir, "report.html")); err != nil || !strings.Contains(string(page), "2 of 2 right") || strings.Count(string(page), "<svg") != 8 {
		t.Errorf("report.html = %.300q…, %v; want both engines' four plots", page, err)
	}
	for _, want := range []string{"2 of 2 right", "tokens/s", "FAILED: "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("printed %q; want %q in it", stdout, want)
		}
	}

	if stdout, stderr, status := storyteller("", append(common, filepath.Join(dir, "none"))...); status != 1 || !strings.Contains(stderr, "not passed: regression, speech") {
		t.Errorf("without a suite: %q, %q, %d; want the others run", stdout, stderr, status)
	}
	if _, stderr, status := storyteller("", "suites"); status != 2 || !strings.Contains(stderr, "--model") {
		t.Errorf("suites without a model = %q, %d; want a usage error", stderr, status)
	}
}
