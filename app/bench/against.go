package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

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

// Alone is what a program did with the machine to itself: on a board with 64 MB
// it would have to share the memory with our model otherwise.
type Alone struct {
	Environment Environment   `json:"environment"`
	Request     story.Request `json:"request"`
	Program     string        `json:"program"`
	Runs        []ProgramRun  `json:"runs"`
	Speed       Speed         `json:"tokens_per_second"`
	Text        string        `json:"text"`
	Compared    *Compared     `json:"compared,omitempty"` // with ours, if that ran
}

// ProgramRun is one story of the program.
type ProgramRun struct {
	TokensPerSecond float64 `json:"tokens_per_second"` // by its own clock
	Seconds         float64 `json:"seconds"`           // from its start to its end
	CardKB          int     `json:"card_kb"`           // read meanwhile by the whole machine
	Extreme         bool    `json:"extreme,omitempty"`
}

// Compared is a program beside our engine, both on the same machine.
type Compared struct {
	Ours     float64 `json:"our_tokens_per_second"`
	Ratio    float64 `json:"ratio"` // our mean to its mean
	SameText bool    `json:"same_text"`
}

// MeasureAlone has the program tell a story so many times. Progress, if not nil,
// is told before each run how many are done.
func MeasureAlone(ctx context.Context, p Program, r story.Request, runs int, progress func(done, total int)) (*Alone, error) {
	if runs < 1 {
		return nil, fmt.Errorf("bench: %d runs, not one or more", runs)
	}
	r = r.Settled(time.Now())
	a := &Alone{Environment: ThisMachine(), Request: r, Program: p.Path}
	var speeds []float64
	for i := range runs {
		if progress != nil {
			progress(i, runs)
		}
		before, begin := counters().ReadKB, time.Now()
		speed, text, err := p.tell(ctx, r)
		if err != nil {
			return nil, err
		}
		told := printable(text)
		if i == 0 {
			a.Text = told
		} else if told != a.Text {
			return nil, errors.New("the program told two different stories for the same request")
		}
		speeds = append(speeds, speed)
		a.Runs = append(a.Runs, ProgramRun{TokensPerSecond: speed, Seconds: time.Since(begin).Seconds(), CardKB: counters().ReadKB - before})
	}
	if progress != nil {
		progress(runs, runs)
	}
	var extreme []bool
	a.Speed, extreme = sumUp(speeds)
	for i := range a.Runs {
		a.Runs[i].Extreme = extreme[i]
	}
	return a, nil
}

// printable is a story as JSON can hold it.
func printable(text []byte) string { return string(bytes.ToValidUTF8(text, []byte("\ufffd"))) }

// Compare compares with what our engine did for the same request; it leaves
// things as they are if that was another one.
func (a *Alone) Compare(ours *Report) {
	if ours == nil || ours.Request != a.Request {
		return
	}
	a.Compared = &Compared{Ours: ours.Speed.Mean, SameText: a.Text == ours.Text}
	if a.Speed.Mean > 0 {
		a.Compared.Ratio = ours.Speed.Mean / a.Speed.Mean
	}
}

// WriteTable writes the report for people.
func (a *Alone) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	q, s := a.Request, a.Speed
	line("program", "%s, alone on this machine: times are %s", a.Program, a.Environment.Kind)
	line("request", "-t %v -p %v -s %d -n %d -i %q", q.Temperature, q.TopP, q.Seed, q.Steps, q.Prompt)
	line("speed", "%.3f tokens/s ± %.3f, mean of %s by its own clock (%.3f to %.3f)", s.Mean, s.Spread, kept(len(a.Runs)), s.Min, s.Max)
	var kb, seconds float64
	for _, r := range a.Runs {
		kb, seconds = kb+float64(r.CardKB), seconds+r.Seconds
	}
	n := float64(len(a.Runs))
	line("card", "%.0f kB read a run, which took %.1f s from start to end", kb/n, seconds/n)
	if c := a.Compared; c != nil {
		same := "the same text"
		if !c.SameText {
			same = "ANOTHER text"
		}
		line("ours", "%.3f tokens/s on the same machine, %s: %.2f times as fast", c.Ours, same, c.Ratio)
	}
	return t.Flush()
}
