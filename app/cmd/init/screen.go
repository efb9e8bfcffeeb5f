//go:build linux

package main

import (
	"io"
)

// A screen is where init shows what it says: all of its writers. One that fails
// keeps nothing from the others, and nothing that is shown from being done.
type screen []io.Writer

func (s screen) Write(p []byte) (int, error) {
	for _, w := range s {
		w.Write(p)
	}
	return len(p), nil
}

// lastPart returns the end of text, of at most so many bytes, from the beginning of
// a line on.
func lastPart(text []byte, most int) string {
	if len(text) <= most {
		return string(text)
	}
	text = text[len(text)-most:]
	for i, c := range text {
		if c == '\n' {
			return string(text[i+1:])
		}
	}
	return string(text)
}
