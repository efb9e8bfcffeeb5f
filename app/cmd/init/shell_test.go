//go:build linux

package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/config"

	"github.com/creack/pty"
)

// A PC's end of the serial port over USB: its console tells stories, gives a shell
// and takes it back.
func TestSerialPort(t *testing.T) {
	pc, port, err := pty.Open()
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	defer pc.Close()
	path := port.Name()
	defer port.Close()
	seen := new(console)
	go func() {
		buf := make([]byte, 256)
		for {
			n, err := pc.Read(buf)
			seen.Write([]byte(strings.ReplaceAll(string(buf[:n]), "\r", "")))
			if err != nil {
				return
			}
		}
	}()
	settings := config.Default()
	settings.Prompt = "A cat"
	b := newBench(t, settings)
	b.waitFor(t, "storyteller> ")
	cable := &terminal{path: path, fd: -1}
	go cable.readLines(b.lines)
	send := func(text string) {
		t.Helper()
		if _, err := pc.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	waitOpen(t, cable)
	send("AT\r") // is this a modem?
	send("ATE1 E0\r")
	send("A dog\r")
	if got := b.waitFor(t, `{"prompt":"A dog"`); strings.Contains(got, `"AT`) {
		t.Errorf("a PC's question to a modem began a story: %s", got)
	}
	b.waitFor(t, "storyteller> ")
	send("wait\r")
	b.waitFor(t, "story starts")
	time.Sleep(50 * time.Millisecond)
	send("\x03") // Ctrl-C
	b.waitFor(t, "story ends")
	b.waitFor(t, "storyteller> ")

	for range 2 {
		send("shell\r")
		b.waitFor(t, "shell starts")
		seen.waitFor(t, "hello\n")
		send("poweroff\r") // the shell's, not init's
		seen.waitFor(t, "read poweroff\n")
		send("\x03")
		seen.waitFor(t, "interrupted\n")
		send("exit\r")
		b.waitFor(t, "shell ends")
		b.waitFor(t, "storyteller> ")
	}
	send("A bear\r")
	b.waitFor(t, `{"prompt":"A bear"`)
	b.waitFor(t, "storyteller> ")

	// What a shell leaves behind ends with it, and the console can have another.
	send("shell\r")
	seen.waitFor(t, "hello\n")
	send("\x04") // end of file
	b.waitFor(t, "shell ends")
	b.waitFor(t, "storyteller> ")

	// A PC that does not read loses text, and nothing waits for it.
	quiet, port2, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer quiet.Close()
	defer port2.Close()
	full := &terminal{path: port2.Name(), fd: -1}
	if !full.open() {
		t.Fatal("the port does not open")
	}
	text := []byte(strings.Repeat("word ", 1000))
	for range 100 {
		if n, err := full.Write(text); n != len(text) || err != nil {
			t.Fatalf("Write = %d, %v; want all taken", n, err)
		}
	}
}

// waitOpen waits until somebody reads the terminal.
func waitOpen(t *testing.T, at *terminal) {
	t.Helper()
	for range 6000 {
		at.mu.Lock()
		open := at.fd > 0
		at.mu.Unlock()
		if open {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("nobody opens the terminal")
}

// A terminal that comes and goes is none until it comes.
func TestNoPort(t *testing.T) {
	none := &terminal{path: t.TempDir() + "/none", fd: -1}
	if none.open() {
		t.Error("a port that is not there is open")
	}
	if n, err := none.Write([]byte("text")); n != 4 || err != nil {
		t.Errorf("Write = %d, %v; want 4, nil", n, err)
	}
	if _, err := startShell(newReaper(), os.Args[0], nil); err == nil {
		t.Error("a shell without a terminal")
	}
	if _, err := startShell(newReaper(), os.Args[0], none); err == nil {
		t.Error("a shell on a terminal that is not there")
	}
	if !none.reading.TryLock() {
		t.Error("the terminal is not given back")
	}
}
