// Package verify is the regression test that is on the card: it has an engine
// tell the cases of a suite, and compares byte for byte with what llama2.c's
// run.c printed.
package verify

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"text/tabwriter"
	"time"

	"duostoryteller/app/bench"
	"duostoryteller/app/llama"
	"duostoryteller/app/story"
)

// Result is what became of a case.
type Result struct {
	Command         string      `json:"command"` // as run.c's command line
	Right           bool        `json:"right"`
	Text            string      `json:"text"`
	Tokens          int         `json:"tokens"`
	TokensPerSecond float64     `json:"tokens_per_second"`
	Difference      *Difference `json:"difference,omitempty"` // from the strict build's text
}

// Difference is where a text first leaves the right one.
type Difference struct {
	Byte   int    `json:"byte"`
	Token  int    `json:"token"`  // of the story told, counted from 1 after BOS
	Before string `json:"before"` // what both have
	Got    string `json:"got"`    // what follows
	Want   string `json:"want"`
}

func (d *Difference) String() string {
	return fmt.Sprintf("token %d, byte %d, after %q: got %q, want %q", d.Token, d.Byte, d.Before, d.Got, d.Want)
}

// Report is the outcome of a suite.
type Report struct {
	Environment bench.Environment `json:"environment"`
	Engine      string            `json:"engine"`
	Arithmetic  string            `json:"arithmetic"` // whose rounding was asked for
	Reference   string            `json:"reference"`  // what the texts are compared with
	Results     []Result          `json:"results"`
	Right       int               `json:"right"`
	Total       int               `json:"total"`
	PassRate    float64           `json:"pass_rate"` // 0 to 1
}

// told is a story with the places where its tokens end.
type told struct {
	text  []byte
	ends  []int // of each token after BOS, in text
	stats llama.Stats
}

// tell tells one story.
func tell(ctx context.Context, e llama.Engine, t *llama.Tokenizer, r story.Request) (told, error) {
	r = r.Settled(time.Now())
	var s told
	var err error
	sampler := llama.NewSampler(t.VocabSize(), r.Temperature, r.TopP, r.Seed)
	s.stats, err = llama.Generate(e, t, sampler, t.Encode(r.Prompt, true, false), r.Steps, func(_ int, piece []byte) error {
		if llama.Printable(piece) {
			s.text = append(s.text, piece...)
		}
		s.ends = append(s.ends, len(s.text))
		return ctx.Err()
	})
	return s, err
}

// Run tells the cases of a suite. It fails only if a story cannot be told; a
// wrong one is a result.
func Run(ctx context.Context, e llama.Engine, t *llama.Tokenizer, cases []Case, progress func(done, total int)) (*Report, error) {
	r := &Report{Environment: bench.ThisMachine(), Reference: reference(cases), Total: len(cases)}
	for i, c := range cases {
		if progress != nil {
			progress(i, len(cases))
		}
		s, err := tell(ctx, e, t, c.Request())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c, err)
		}
		result := Result{Command: c.String(), Text: string(bytes.ToValidUTF8(s.text, []byte("\ufffd"))), Tokens: s.stats.Tokens, TokensPerSecond: s.stats.TokensPerSecond()}
		texts, err := c.Texts()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c, err)
		}
		for _, text := range texts {
			result.Right = result.Right || bytes.Equal(text, s.text)
		}
		if result.Right {
			r.Right++
		} else {
			result.Difference = compare(s, texts[0])
		}
		r.Results = append(r.Results, result)
	}
	if progress != nil {
		progress(len(cases), len(cases))
	}
	if r.Total > 0 {
		r.PassRate = float64(r.Right) / float64(r.Total)
	}
	return r, nil
}

// reference says what printed the texts of cases.
func reference(cases []Case) string {
	var names []string
	for _, c := range cases {
		if name := cmp.Or(c.By, "llama2.c's run.c"); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " and ")
}

// around is how many bytes beside a difference are shown.
const around = 24

// compare finds where s first differs from want; they are not equal.
func compare(s told, want []byte) *Difference {
	at := 0
	for at < len(s.text) && at < len(want) && s.text[at] == want[at] {
		at++
	}
	token := sort.SearchInts(s.ends, at+1) + 1
	return &Difference{Byte: at, Token: token, Before: string(s.text[max(0, at-around):at]),
		Got: string(s.text[at:min(len(s.text), at+around)]), Want: string(want[at:min(len(want), at+around)])}
}

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range r.Results {
		verdict := "right"
		if !c.Right {
			verdict = "WRONG"
		}
		fmt.Fprintf(t, "%s\t%d tokens\t%.2f tokens/s\t%s\n", verdict, c.Tokens, c.TokensPerSecond, c.Command)
		if c.Difference != nil {
			fmt.Fprintf(t, "\t\t\t  %v\n", c.Difference)
		}
	}
	fmt.Fprintf(t, "%d of %d right (%.1f %%), %s engine, %s arithmetic by %s kernels, compared with %s; times are %s\n",
		r.Right, r.Total, 100*r.PassRate, r.Engine, r.Arithmetic, r.Environment.Arithmetic, r.Reference, r.Environment.Kind)
	return t.Flush()
}
