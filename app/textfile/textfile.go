// Package textfile reads the text files that people put on the card, written by any
// editor on any PC: storyteller.toml, words.txt, authorized_keys. A board with little
// memory reads what anybody may have copied there, so everything has a bound.
package textfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf16"
)

const (
	// MaxSize is the largest file that is read, in bytes.
	MaxSize = 64 << 10
	// MaxLine is the longest line that is used, in bytes of UTF-8.
	MaxLine = 8 << 10
	// MaxProblems is how many problems of a file are told.
	MaxProblems = 10
)

// ErrTooLarge is the error of a file with more than MaxSize bytes.
var ErrTooLarge = fmt.Errorf("larger than %d KB", MaxSize>>10)

// Read returns the text of the file at path, see [Decode].
func Read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return "", err
	}
	return Decode(data)
}

// Decode returns text as UTF-8 with lines that end with "\n": what editors add or
// choose, a byte order mark, UTF-16, carriage returns with or without a line feed, is
// gone. Bytes that are no text are left for the reader to complain about.
func Decode(data []byte) (string, error) {
	if len(data) > MaxSize {
		return "", ErrTooLarge
	}
	text := ""
	switch order := wide(data); {
	case order != nil:
		units := make([]uint16, 0, len(data)/2)
		for rest := data; len(rest) >= 2; rest = rest[2:] {
			units = append(units, order.Uint16(rest))
		}
		text = string(utf16.Decode(units))
	default:
		text = string(data)
	}
	text = strings.TrimPrefix(text, "\ufeff")
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), nil
}

// wide returns the byte order of UTF-16, or nil for text that is none. Without a byte
// order mark it is known by its first letter, half of which is 0.
func wide(data []byte) binary.ByteOrder {
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		return binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return binary.BigEndian
	case len(data) >= 2 && data[0] != 0 && data[1] == 0:
		return binary.LittleEndian
	case len(data) >= 2 && data[0] == 0 && data[1] != 0:
		return binary.BigEndian
	}
	return nil
}

// CheckLine refuses a line that is too long to be used.
func CheckLine(line string) error {
	if len(line) > MaxLine {
		return errors.New("left out: it is longer than " + fmt.Sprint(MaxLine) + " bytes")
	}
	return nil
}

// Few returns the first problems, and, if there are more, what more makes of their
// number.
func Few[T any](problems []T, more func(n int) T) []T {
	if len(problems) <= MaxProblems {
		return problems
	}
	return append(problems[:MaxProblems:MaxProblems], more(len(problems)-MaxProblems))
}
