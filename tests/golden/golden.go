// Package golden reads reference outputs of llama2.c's run.c and finds the
// data that is too big for the repository.
package golden

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Case is one run of run.c: its options, and what it printed.
type Case struct {
	Model       string  `json:"model"` // a file's name, or that of a test model
	Tokenizer   string  `json:"tokenizer,omitempty"`
	Prompt      string  `json:"prompt"`
	Temperature float64 `json:"temperature"`
	TopP        float64 `json:"topp"`
	Seed        int64   `json:"seed"`
	Steps       int     `json:"steps"`

	Tokens       []int   `json:"tokens,omitempty"`         // after BOS
	TextHex      string  `json:"text_hex,omitempty"`       // as printed, without the final newline
	OfastTextHex string  `json:"ofast_text_hex,omitempty"` // from its -Ofast build, where different
	Stdout       *string `json:"stdout,omitempty"`         // as printed, all of it
}

// String names the case for a test's log.
func (c Case) String() string {
	return fmt.Sprintf("%s -t %v -p %v -s %d -n %d -i %q", c.Model, c.Temperature, c.TopP, c.Seed, c.Steps, c.Prompt)
}

// Right reports whether stdout is what one of run.c's builds printed.
func (c Case) Right(stdout []byte) bool {
	if c.Stdout != nil {
		return string(stdout) == *c.Stdout
	}
	for _, want := range []string{c.TextHex, c.OfastTextHex} {
		text, err := hex.DecodeString(want)
		if err == nil && (want != "" || c.OfastTextHex == "") && string(stdout) == string(text)+"\n" {
			return true
		}
	}
	return false
}

// Read returns the cases of a file with one JSON object a line.
func Read(path string) ([]Case, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var cases []Case
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c Case
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, len(cases)+1, err)
		}
		cases = append(cases, c)
	}
	return cases, lines.Err()
}

// Data returns the path of a file in the folder of big test data, or skips the
// test with a line that says how to have it. DUO_DATA names the folder; without
// it, it is shared/data beside the repository.
func Data(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("DUO_DATA")
	if dir == "" {
		_, here, _, _ := runtime.Caller(0)
		dir = filepath.Join(filepath.Dir(here), "../../../shared/data")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no %s in %s: set DUO_DATA to a folder with the checkpoints, tokenizers and golden outputs", name, dir)
	}
	return path
}
