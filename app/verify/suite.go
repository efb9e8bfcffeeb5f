package verify

import (
	"bufio"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"duostoryteller/app/llama"
	"duostoryteller/app/story"
)

// Case is one run of llama2.c's run.c, or of something that stands in for it:
// its options, and what it printed. A suite is a file with one case a line, as
// JSON.
type Case struct {
	Model       string  `json:"model"` // the checkpoint's file name
	Tokenizer   string  `json:"tokenizer,omitempty"`
	Prompt      string  `json:"prompt"`
	Temperature float64 `json:"temperature"`
	TopP        float64 `json:"topp"`
	Seed        int64   `json:"seed"`
	Steps       int     `json:"steps"`

	// Arithmetic is of the build of run.c that printed it; "" is the strict one.
	Arithmetic string `json:"arithmetic,omitempty"`

	// What was printed: TextHex in hexadecimal, without the final newline, and
	// where it differs, OfastTextHex from a -Ofast build, which is as right; or
	// Stdout with the newline.
	Tokens       []int   `json:"tokens,omitempty"`
	TextHex      string  `json:"text_hex,omitempty"`
	OfastTextHex string  `json:"ofast_text_hex,omitempty"`
	Stdout       *string `json:"stdout,omitempty"`

	// By is what printed it; "" for run.c.
	By string `json:"by,omitempty"`
}

// String shows the case as run.c's command line.
func (c Case) String() string {
	return fmt.Sprintf("%s -t %v -p %v -s %d -n %d -i %q", c.Model, c.Temperature, c.TopP, c.Seed, c.Steps, c.Prompt)
}

// Request is what the case asks for.
func (c Case) Request() story.Request {
	return story.Request{Prompt: c.Prompt, Temperature: float32(c.Temperature), TopP: float32(c.TopP), Seed: uint64(c.Seed), Steps: c.Steps}
}

// Texts returns the right texts, without the final newline, the strict build's
// first.
func (c Case) Texts() ([][]byte, error) {
	if c.Stdout != nil {
		text := []byte(*c.Stdout)
		if len(text) == 0 || text[len(text)-1] != '\n' {
			return nil, errors.New("stdout does not end with a newline, as run.c's does")
		}
		return [][]byte{text[:len(text)-1]}, nil
	}
	strict, err := hex.DecodeString(c.TextHex)
	if err != nil {
		return nil, fmt.Errorf("text_hex: %w", err)
	}
	texts := [][]byte{strict}
	if c.OfastTextHex != "" {
		other, err := hex.DecodeString(c.OfastTextHex)
		if err != nil {
			return nil, fmt.Errorf("ofast_text_hex: %w", err)
		}
		texts = append(texts, other)
	}
	return texts, nil
}

// Right reports whether stdout, with the final newline, is one of the case's.
func (c Case) Right(stdout []byte) bool {
	texts, err := c.Texts()
	if err != nil {
		return false
	}
	for _, text := range texts {
		if string(stdout) == string(text)+"\n" {
			return true
		}
	}
	return false
}

// maxLine bounds the length of a case in bytes.
const maxLine = 1 << 20

// Read reads a suite.
func Read(r io.Reader) ([]Case, error) {
	var cases []Case
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var c Case
		err := json.Unmarshal(lines.Bytes(), &c)
		if err == nil {
			_, err = c.Texts()
		}
		if err == nil && c.Arithmetic != "" {
			_, err = llama.ParseArithmetic(c.Arithmetic)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		cases = append(cases, c)
	}
	return cases, lines.Err()
}

// Open reads the suite at path.
func Open(path string) ([]Case, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("suite: %w", err)
	}
	defer f.Close()
	cases, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("suite %s: %w", path, err)
	}
	return cases, nil
}

// Of returns the cases of one checkpoint.
func Of(model string, cases []Case) []Case {
	var of []Case
	for _, c := range cases {
		if c.Model == model {
			of = append(of, c)
		}
	}
	return of
}

// In returns the cases of one arithmetic.
func In(a llama.Arithmetic, cases []Case) []Case {
	var in []Case
	for _, c := range cases {
		if cmp.Or(c.Arithmetic, llama.Strict.String()) == a.String() {
			in = append(in, c)
		}
	}
	return in
}

// Usual returns cases that have everything: the challenge's official run first,
// then greedy stories, nucleus and plain sampling, several seeds, and prompts
// that are empty, long, cut short and not English. They want their texts.
func Usual(model string) []Case {
	var cases []Case
	add := func(prompt string, temperature, topp float64, seed int64, steps int) {
		cases = append(cases, Case{Model: model, Prompt: prompt, Temperature: temperature, TopP: topp, Seed: seed, Steps: steps})
	}
	add("Once upon a time", 1, 0.9, 123, 256)
	add("Once upon a time", 0, 0.9, 1, 256)
	add("", 1, 0.9, 7, 256)
	add("The little cat", 1, 1, 42, 128)
	add("One day, Lily and Ben went to the big park near the river, and under the old tree they found a red box. \"What is it?\" asked Ben.", 0.8, 0.9, 2023, 200)
	add("A dragon", 1.5, 0.5, 5, 96)
	add("Zoë und der Bär 🐻", 0.5, 0.95, 11, 64)
	add("Tom was sad because", 1, 0, 99, 64)
	return cases
}

// Record has an engine tell the cases, and returns them with its texts.
func Record(ctx context.Context, e llama.Engine, t *llama.Tokenizer, cases []Case, by string, progress func(done, total int)) ([]Case, error) {
	recorded := make([]Case, len(cases))
	for i, c := range cases {
		if progress != nil {
			progress(i, len(cases))
		}
		told, err := tell(ctx, e, t, c.Request())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c, err)
		}
		c.TextHex, c.By = hex.EncodeToString(told.text), by
		recorded[i] = c
	}
	return recorded, nil
}
