package build

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/app/verify"
)

// TestSuite goes through the places that the card's cases may come from.
func TestSuite(t *testing.T) {
	const ours, other = `{"model": "model.bin", "text_hex": "61"}` + "\n", `{"model": "other.bin", "text_hex": "62"}` + "\n"
	for _, tt := range []struct {
		name   string
		data   map[string]string // in Data/golden
		golden string            // contents of --golden
		cases  int
		by     string
		want   string // in the phase's line, or in the error
		fails  bool
	}{
		{"in the data folder", map[string]string{"official.jsonl": other + ours, "model.jsonl": ours + ours}, "", 3, "", "3 texts of model.bin, run.c's", false},
		{"given", map[string]string{"model.jsonl": ours}, ours + ours + other, 2, "", "2 texts", false},
		{"given, of another model", nil, other, 0, "", "no case of model.bin", true},
		{"given, no suite", nil, "{", 0, "", "line 1", true},
		{"broken in the data folder", map[string]string{"model.jsonl": "{"}, "", 0, "", "line 1", true},
		{"made here", map[string]string{"official.jsonl": other}, "", 2 * len(verify.Usual("")), "the plain engine on the PC that built the card", "plain engine's", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := small(t)
			if tt.golden != "" {
				s.Golden = put(t, filepath.Join(t.TempDir(), "golden.jsonl"), []byte(tt.golden))
			}
			if err := os.Mkdir(filepath.Join(s.Data, "golden"), 0o755); err != nil {
				t.Fatal(err)
			}
			for name, text := range tt.data {
				put(t, filepath.Join(s.Data, "golden", name), []byte(text))
			}
			if _, err := s.readBoard(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := s.findModel(t.Context()); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time, what was made is in the cache
				line, err := s.findSuite(t.Context())
				if tt.fails {
					if err == nil || !strings.Contains(err.Error(), tt.want) {
						t.Errorf("findSuite = %v; want an error with %q", err, tt.want)
					}
					continue
				}
				cases, err2 := verify.Read(bytes.NewReader(s.suite))
				if err != nil || err2 != nil || len(cases) != tt.cases || !strings.Contains(line, tt.want) {
					t.Fatalf("findSuite = %q, %v, %d cases, %v; want %q, %d cases", line, err, len(cases), err2, tt.want, tt.cases)
				}
				if cases[0].Model != "model.bin" || cases[0].By != tt.by {
					t.Errorf("the first case is %s by %q; want one of model.bin by %q", cases[0], cases[0].By, tt.by)
				}
			}
		})
	}
}
