//go:build linux

package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"duostoryteller/app/machine"
	"duostoryteller/app/results"
	"duostoryteller/app/version"
)

const (
	// crashFile is the report of crashes on the card's FAT partition.
	crashFile = "crash.txt"
	// maxCrashReports is how many crashes of one start are reported: the first ones
	// tell most, and a card does not like to be written to once a minute.
	maxCrashReports = 5
	// maxTrace is how much of a crash's own report is kept, in bytes, and maxSaid how
	// much of what was said before.
	maxTrace = 16 << 10
	maxSaid  = 2 << 10
)

// A trace keeps what a storyteller said to people last: if it crashes, that has Go's
// report of it, whose beginning tells most.
type trace struct {
	said    [][]byte
	size    int
	crashed bool // the report has begun
}

// reports begin lines of Go's runtime with which a report begins.
var crashReports = [][]byte{[]byte("panic: "), []byte("fatal error: "), []byte("SIG"), []byte("runtime: "), []byte("unexpected fault address ")}

func (t *trace) add(line []byte) {
	begins := func(prefix []byte) bool { return bytes.HasPrefix(line, prefix) }
	t.crashed = t.crashed || slices.ContainsFunc(crashReports, begins)
	if t.crashed && t.size > maxSaid+maxTrace {
		return
	}
	t.said = append(t.said, line)
	t.size += len(line) + 1
	for !t.crashed && t.size > maxSaid && len(t.said) > 1 {
		t.size -= len(t.said[0]) + 1
		t.said = t.said[1:]
	}
}

// A crash is what is reported of a storyteller's death.
type crash struct {
	what  string // in a line
	at    moment
	args  []string
	asked *request
	said  [][]byte
}

// String returns the report, for any PC to read.
func (c crash) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d ms after the kernel's start, MemAvailable %d kB\n%s\n", c.what, c.at.time.Milliseconds(), c.at.available, version.Text())
	fmt.Fprintf(&b, "command: %q\n", c.args)
	if c.asked != nil && c.asked.verb == "" {
		fmt.Fprintf(&b, "story: prompt %q, seed %d, temperature %v, top-p %v, steps %d\n", c.asked.Prompt, c.asked.Seed, c.asked.Temperature, c.asked.TopP, c.asked.Steps)
	}
	b.WriteString("what it said last:\n")
	for _, line := range c.said {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	return b.String()
}

// crashReport is the file about the crashes so far, with the kernel's last words,
// which know of processes that were killed for want of memory.
func crashReport(crashes []string, kernel []byte) results.File {
	text := strings.Join(crashes, "\n")
	if len(kernel) > 0 {
		text += "\nthe kernel's last messages:\n" + lastPart(kernel, maxSaid)
	}
	return results.File{Name: crashFile, Data: []byte(strings.ReplaceAll(text, "\n", "\r\n"))}
}

// kernelMessages are the kernel's, or none.
func kernelMessages() []byte {
	text, _ := machine.KernelMessages()
	return text
}
