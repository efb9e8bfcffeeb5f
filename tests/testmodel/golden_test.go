package testmodel_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"duostoryteller/app/llama"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/testmodel"
)

var (
	strict = flag.String("strict", "", "run.c built with -O3 -ffp-contract=off: write golden.jsonl anew")
	fused  = flag.String("riscv64-ofast", "", "a program that runs a static riscv64 build of -Ofast: write golden-riscv64-ofast.jsonl anew")
	ofast  = flag.String("ofast", "", "run.c built with -Ofast, for the same")
)

// TestWriteGolden asks llama2.c's run.c for the golden outputs; see readme.md.
func TestWriteGolden(t *testing.T) {
	if *strict == "" || *ofast == "" {
		t.Skip("golden outputs are only written when -strict and -ofast name builds of run.c")
	}
	var lines bytes.Buffer
	for _, m := range testmodel.Models() {
		checkpoint, tokenizer, err := m.Files(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases(m) {
			c.TextHex = ask(t, *strict, checkpoint, tokenizer, c)
			if other := ask(t, *ofast, checkpoint, tokenizer, c); other != c.TextHex {
				c.OfastTextHex = other
			}
			if err := json.NewEncoder(&lines).Encode(c); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile("golden.jsonl", lines.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestWriteFused asks the board's run.c.
func TestWriteFused(t *testing.T) {
	if *fused == "" {
		t.Skip("golden outputs are only written when -riscv64-ofast names a build of run.c")
	}
	var lines bytes.Buffer
	for _, m := range testmodel.Models() {
		checkpoint, tokenizer, err := m.Files(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases(m) {
			c.Arithmetic = llama.RISCV64Ofast.String()
			c.TextHex = ask(t, *fused, checkpoint, tokenizer, c)
			if err := json.NewEncoder(&lines).Encode(c); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile("golden-riscv64-ofast.jsonl", lines.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ask returns what a program prints for c, in hexadecimal without the last newline.
func ask(t *testing.T, program, checkpoint, tokenizer string, c golden.Case) string {
	t.Helper()
	out, err := exec.Command(program, checkpoint, "-z", tokenizer,
		"-t", fmt.Sprint(c.Temperature), "-p", fmt.Sprint(c.TopP), "-s", fmt.Sprint(c.Seed),
		"-n", fmt.Sprint(c.Steps), "-i", c.Prompt).Output()
	if err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	return hex.EncodeToString(bytes.TrimSuffix(out, []byte("\n")))
}

func cases(m testmodel.Model) []golden.Case {
	var all []golden.Case
	add := func(prompt string, temperature, topp float64, seed int64, steps int) {
		all = append(all, golden.Case{Model: m.Name, Prompt: prompt, Temperature: temperature, TopP: topp, Seed: seed, Steps: steps})
	}
	for i, prompt := range []string{"", "the cat", " two  spaces\tand\nlines", "Té ☕小 🐱 naïve"} {
		seed := int64(10 * i)
		add(prompt, 0, 0.9, seed+1, 256)
		add(prompt, 1, 0.9, seed+2, 256)
		add(prompt, 1, 1, seed+3, 0)
		add(prompt, 0.8, 0.5, seed+4, 40)
		add(prompt, 1.5, 0, seed+5, 256)
		add(prompt, -1, 7, seed+6, 12)
	}
	add(strings.Repeat("rain and snow, ", 40), 1, 0.9, 1, 0) // longer than the context
	add("the cat said hello", 1, 0.9, 2, 5)                  // longer than the steps
	add("the cat", 1, 0.9, 3, 1)
	return all
}

// TestSameBytes holds the generator to what it wrote when the golden outputs
// were made.
func TestSameBytes(t *testing.T) {
	want := map[string]string{
		"shared":     "d1d57f2a4ef15838",
		"separate":   "da242e3f04adfe7c",
		"multiquery": "a9dc3343f7ed0706",
		"bigvocab":   "de9822a4a52c7424",
	}
	for _, m := range testmodel.Models() {
		h := sha256.New()
		if err := m.WriteCheckpoint(h); err != nil {
			t.Fatal(err)
		}
		if err := m.WriteTokenizer(h); err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(h.Sum(nil)[:8]); got != want[m.Name] {
			t.Errorf("%s: SHA-256 of checkpoint and tokenizer begins %s; want %s", m.Name, got, want[m.Name])
		}
	}
}
