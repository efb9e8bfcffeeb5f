package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/app/bench"
	"duostoryteller/tests/testmodel"
)

func TestBench(t *testing.T) {
	dir := t.TempDir()
	checkpoint, tokenizer, err := testmodel.Models()[0].Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "bench.json")
	common := []string{"bench", "--model", checkpoint, "-z", tokenizer, "-i", "the cat", "-n", "30", "--runs"}
	stdout, stderr, status := storyteller("", append(common, "3", "--json", file)...)
	if status != 0 || stderr != "" || !strings.Contains(stdout, "-s 123 -n 30 -i \"the cat\"") || !strings.Contains(stdout, "tokens/s") {
		t.Fatalf("bench = %q, %q, %d", stdout, stderr, status)
	}
	var report bench.Report
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &report); err != nil || len(report.Runs) != 3 || report.Speed.Mean <= 0 {
		t.Errorf("the report = %s, %v", data, err)
	}
	stdout, _, _ = storyteller("", append(common, "1", "--json", "-")...)
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Errorf("--json - wrote %q: %v", stdout, err)
	}
	stdout, stderr, status = storyteller("", "bench", "--memory", "--model", checkpoint)
	if status != 0 || !strings.Contains(stdout, "cycles a MAC") || !strings.Contains(stdout, "MB/s in order") {
		t.Errorf("bench --memory = %q, %q, %d; want clock, memory and card", stdout, stderr, status)
	}
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"bench"}, 2, "--model"},
		{append(common, "0"), 2, "--runs 0"},
		{append(common, "1", "--against", filepath.Join(dir, "none")), 1, "none"},
		{append(common, "1", "--json", filepath.Join(dir, "none", "x.json")), 1, "x.json"},
	} {
		stdout, stderr, status := storyteller("", tt.args...)
		if status != tt.status || stdout != "" || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v = %q, %q, %d; want %q, %d", tt.args, stdout, stderr, status, tt.want, tt.status)
		}
	}
}
