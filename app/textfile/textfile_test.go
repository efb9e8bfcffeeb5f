package textfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// wideText is text as an editor writes UTF-16.
func wideText(order binary.AppendByteOrder, text string) []byte {
	var data []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		data = order.AppendUint16(data, unit)
	}
	return data
}

func TestRead(t *testing.T) {
	const want = "# Žofie 🐈\nthing: cat\n\nlast"
	windows, oldMac := strings.ReplaceAll(want, "\n", "\r\n"), strings.ReplaceAll(want, "\n", "\r")
	path := filepath.Join(t.TempDir(), "words.txt")
	for name, data := range map[string][]byte{
		"UTF-8":                     []byte(want),
		"with carriage returns":     []byte(windows),
		"with them alone":           []byte(oldMac),
		"with a byte order mark":    []byte("\ufeff" + windows),
		"UTF-16, little-endian":     wideText(binary.LittleEndian, "\ufeff"+windows),
		"UTF-16, big-endian":        wideText(binary.BigEndian, "\ufeff"+windows),
		"UTF-16, little, no mark":   wideText(binary.LittleEndian, windows),
		"UTF-16, big, no mark":      wideText(binary.BigEndian, oldMac),
		"UTF-16 with half a letter": append(wideText(binary.LittleEndian, "\ufeff"+windows), 'x'),
	} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	if err := os.WriteFile(path, make([]byte, MaxSize+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Read() of a large file = %v; want ErrTooLarge", err)
	}
	if _, err := Read(filepath.Join(path, "none")); err == nil {
		t.Error("Read() of no file succeeded")
	}
}

func TestFew(t *testing.T) {
	more := func(n int) string { return fmt.Sprintf("and %d more", n) }
	for n, want := range map[int]string{0: "", MaxProblems: "p", MaxProblems + 1: "and 1 more", 5000: fmt.Sprintf("and %d more", 5000-MaxProblems)} {
		problems := strings.Split(strings.Repeat("p ", n), " ")[:n]
		got := Few(problems, more)
		if len(got) > MaxProblems+1 || n > 0 && got[len(got)-1] != want {
			t.Errorf("Few() of %d = %q; want the last to be %q", n, got, want)
		}
	}
	if CheckLine(strings.Repeat("x", MaxLine)) != nil || CheckLine(strings.Repeat("x", MaxLine+1)) == nil {
		t.Error("the bound of a line is not where it should be")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("a\r\nb"))
	f.Add(wideText(binary.LittleEndian, "\ufeffa\r\n"))
	f.Add([]byte{0, 'a', 0xd8})
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := Decode(data)
		if err != nil {
			return
		}
		if strings.Contains(text, "\r") || len(text) > 2*MaxSize || wide(data) != nil && !utf8.ValidString(text) {
			t.Errorf("Decode(%q) = %q", data, text)
		}
	})
}
