package arith

import (
	"fmt"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	wordLine = regexp.MustCompile(`\bWORD\s`)
	word     = regexp.MustCompile(`\bWORD\s+\$(0x[0-9a-f]{8})\s*(?://|/\*)\s*(th\..*?)\s*(?:\*/.*)?$`)
)

// TestWords checks every instruction that is written in hex against the table of encodings.
func TestWords(t *testing.T) {
	text, err := os.ReadFile("testdata/rvv071-words.txt")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{} // hex by mnemonic
	for line := range strings.Lines(string(text)) {
		if hex, mnemonic, ok := strings.Cut(strings.TrimSpace(line), " "); ok && hex != "#" {
			table[mnemonic] = hex
		}
	}
	files, _ := filepath.Glob("*_riscv64.[hs]")
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			if !wordLine.MatchString(line) {
				continue
			}
			seen++
			m := word.FindStringSubmatch(line)
			if m == nil {
				t.Errorf("%s:%d: %q; want WORD $0x........ and its th. mnemonic as a comment", file, n+1, line)
			} else if want, ok := table[m[2]]; !ok {
				t.Errorf("%s:%d: %s is not in the table", file, n+1, m[2])
			} else if m[1] != want {
				t.Errorf("%s:%d: %s = %s; want %s", file, n+1, m[2], m[1], want)
			}
		}
	}
	if seen == 0 {
		t.Error("no WORD found; want those of rvv071_riscv64.s")
	}
}

// TestWordTable derives the table's vsetvli from the layout of vtype in version 0.7.1.
func TestWordTable(t *testing.T) {
	text, err := os.ReadFile("testdata/rvv071-words.txt")
	if err != nil {
		t.Fatal(err)
	}
	registers := map[string]int{"zero": 0, "t0": 5, "t2": 7}
	log2 := map[string]int{"e8": 0, "e16": 1, "e32": 2, "m1": 0, "m2": 1, "m4": 2, "m8": 3}
	for line := range strings.Lines(string(text)) {
		hex, operands, ok := strings.Cut(strings.TrimSpace(line), " th.vsetvli ")
		if !ok {
			continue
		}
		o := strings.Split(operands, ",")
		vtype := log2[o[3]] | log2[o[2]]<<2
		want := fmt.Sprintf("0x%08x", vtype<<20|registers[o[1]]<<15|7<<12|registers[o[0]]<<7|0x57)
		if _, err := strconv.ParseUint(hex, 0, 32); err != nil || hex != want {
			t.Errorf("vsetvli %s = %s; want %s", operands, hex, want)
		}
	}
}

// TestWordsARM64 checks the macros of words_arm64.h, which stand for instructions with any
// registers, against what GNU's assembler makes of each with some.
func TestWordsARM64(t *testing.T) {
	header, err := os.ReadFile("words_arm64.h")
	if err != nil {
		t.Fatal(err)
	}
	type macro struct {
		name, word string
		mnemonic   *regexp.Regexp // the operands by the names of the macro's parameters
		seen       int
	}
	var macros []*macro
	definition := regexp.MustCompile(`^#define (\w+)\(([\w, ]+)\)\tWORD\t\$\((.*)\)\t// (.*)$`)
	for n, line := range strings.Split(string(header), "\n") {
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		m := definition.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("words_arm64.h:%d: %q; want a macro of one WORD and its mnemonic as a comment", n+1, line)
			continue
		}
		pattern := regexp.QuoteMeta(m[4])
		for _, p := range strings.Split(m[2], ", ") {
			pattern = regexp.MustCompile(`\b([vx])`+p+`\b|\[`+p+`\\]`).ReplaceAllStringFunc(pattern, func(s string) string {
				if s[0] == '[' {
					return `[(?P<` + p + `>\d+)\]`
				}
				return s[:1] + `(?P<` + p + `>\d+)`
			})
		}
		pattern = strings.Replace(pattern, "vu", `v\d+`, 1) // the last of four registers
		macros = append(macros, &macro{name: m[1], word: m[3], mnemonic: regexp.MustCompile("^" + pattern + "$")})
	}
	table, err := os.ReadFile("testdata/neon-words.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		hex, mnemonic, _ := strings.Cut(strings.TrimSpace(line), " ")
		if hex == "#" {
			continue
		}
		at := slices.IndexFunc(macros, func(m *macro) bool { return m.mnemonic.MatchString(mnemonic) })
		if at < 0 {
			t.Errorf("%s: no macro for it", mnemonic)
			continue
		}
		m := macros[at]
		m.seen++
		operands, word := m.mnemonic.FindStringSubmatch(mnemonic), m.word
		for i, name := range m.mnemonic.SubexpNames()[1:] {
			word = strings.ReplaceAll(word, "("+name+")", operands[i+1])
		}
		value, err := types.Eval(token.NewFileSet(), nil, token.NoPos, word)
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
		} else if want, err := strconv.ParseUint(hex, 0, 32); err != nil || value.Value.ExactString() != fmt.Sprint(want) {
			t.Errorf("%s: %s = %s; want %s", m.name, mnemonic, value.Value, hex)
		}
	}
	for _, m := range macros {
		if m.seen < 3 {
			t.Errorf("%s: %d lines of testdata/neon-words.txt have it; want 3", m.name, m.seen)
		}
	}
	files, _ := filepath.Glob("*_arm64.[hs]")
	for _, file := range files {
		if text, err := os.ReadFile(file); err != nil || file != "words_arm64.h" && wordLine.Match(text) {
			t.Errorf("%s: %v; want no WORD outside words_arm64.h", file, err)
		}
	}
}
