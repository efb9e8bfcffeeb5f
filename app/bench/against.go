package bench

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"duostoryteller/app/story"
)

// Program is a build of llama2.c's run.c and the files it reads.
type Program struct {
	Path, Checkpoint, Tokenizer string
}

// Baseline is the program that ours was compared with, in alternating runs.
type Baseline struct {
	Program  string    `json:"program"`
	Runs     []float64 `json:"runs"` // tokens per second
	Speed    Speed     `json:"tokens_per_second"`
	Ratio    float64   `json:"ratio"`     // our mean to its mean
	SameText bool      `json:"same_text"` // in every run
}

var achieved = regexp.MustCompile(`achieved tok/s: ([0-9.]+)`)

// tell has the program tell a story, and returns its speed by its own clock and
// its text.
func (p *Program) tell(ctx context.Context, r story.Request) (speed float64, text []byte, err error) {
	number := func(v float32) string { return strconv.FormatFloat(float64(v), 'g', -1, 32) }
	cmd := exec.CommandContext(ctx, p.Path, p.Checkpoint, "-z", p.Tokenizer, "-t", number(r.Temperature), "-p", number(r.TopP),
		"-s", strconv.FormatUint(r.Seed, 10), "-n", strconv.Itoa(r.Steps), "-i", r.Prompt)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err = cmd.Output()
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w: %s", p.Path, err, strings.TrimSpace(stderr.String()))
	}
	m := achieved.FindSubmatch(stderr.Bytes())
	if m == nil {
		return 0, nil, fmt.Errorf("%s does not print \"achieved tok/s\" as llama2.c's run.c does: give a build of that", p.Path)
	}
	speed, err = strconv.ParseFloat(string(m[1]), 64)
	return speed, bytes.TrimSuffix(text, []byte("\n")), err
}
