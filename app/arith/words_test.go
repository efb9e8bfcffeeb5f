package arith

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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
