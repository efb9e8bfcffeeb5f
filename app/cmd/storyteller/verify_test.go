package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/app/verify"
	"duostoryteller/tests/testmodel"
)

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	m := testmodel.Models()[0]
	checkpoint, tokenizer, err := m.Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(dir, "wrong.jsonl")
	if err := os.WriteFile(wrong, []byte(`{"model": "shared", "prompt": "the cat", "seed": 1, "steps": 9, "text_hex": "74"}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const golden = "../../../tests/testmodel/golden.jsonl"
	file := filepath.Join(dir, "verify.json")
	common := []string{"verify", "--model", checkpoint, "-z", tokenizer}
	for _, tt := range []struct {
		args   []string
		status int
		stdout string
		stderr string
	}{
		{[]string{"--suite", golden, "--of", "shared", "--cases", "4", "--json", file}, 0, "4 of 4 right (100.0 %)", ""},
		{[]string{"--cases", "1"}, 0, "compared with the plain engine on this machine", "no suite"},
		{[]string{"--suite", wrong}, 1, "0 of 1 right", "1 of 1 texts are wrong"},
		{[]string{"--suite", golden}, 2, "", "--of"},
		{[]string{"--suite", golden, "--of", "none"}, 1, "", "no cases of none"},
		{[]string{"--suite", filepath.Join(dir, "none")}, 1, "", "none"},
		{[]string{"--suite", checkpoint}, 1, "", checkpoint},
	} {
		stdout, stderr, status := storyteller("", append(common, tt.args...)...)
		if status != tt.status || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("%v = %q, %q, %d; want %q, %q, %d", tt.args, stdout, stderr, status, tt.stdout, tt.stderr, tt.status)
		}
	}
	var report verify.Report
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &report); err != nil || len(report.Results) != 4 || report.Right != 4 {
		t.Errorf("the report = %s, %v", data, err)
	}
}
