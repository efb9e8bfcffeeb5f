package boot

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"duostoryteller/app/bench"
	"duostoryteller/app/report"
	"duostoryteller/imagebuilder/regress"

	"github.com/creack/pty"
)

// onBench has the regression of package regress run on the emulated Duo as on a board
// of silicon: a file is its card, a script its power switch, a pseudo-terminal its
// serial line. It returns the machine, which a last "off" does not end, and what its
// suites said.
func onBench(t *testing.T, image string) (*machine, []report.Entry) {
	t.Helper()
	far, near, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	e := twinFor(t, image, "") // which may have to build the emulator: before anybody waits for the board
	dir := t.TempDir()
	pipe, script, card := filepath.Join(dir, "pipe"), filepath.Join(dir, "power"), filepath.Join(dir, "card.img")
	if out, err := exec.Command("mkfifo", pipe).CombinedOutput(); err != nil { // package syscall has it on some systems only
		t.Fatalf("mkfifo: %v: %s", err, out)
	}
	calls, err := os.OpenFile(pipe, os.O_RDWR, 0) // which does not wait for the script
	if err != nil {
		t.Fatal(err)
	}
	defer calls.Close()
	var wait sync.WaitGroup
	defer wait.Wait()
	defer near.Close()
	defer far.Close() // what the machine says from now on is lost, and does not wait for a reader
	from, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.WriteFile(script, []byte("#!/bin/sh\nexec echo \"$1\" >'"+pipe+"'\n"), 0o755),
		os.WriteFile(card, nil, 0o644), os.Truncate(card, info.Size()),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	o := regress.Options{Board: "milkv-duo", Power: "'" + script + "'", Serial: near.Name(), Baud: 115200, Image: from, Size: info.Size(),
		Time: time.Unix(1_700_000_000, 0), Short: true, Silence: 5 * time.Minute, Start: patience, Say: func(what string) { t.Log(what) }}
	if o.Card, err = regress.ParseCard("file:" + card); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	o.Log = &log
	type outcome struct {
		suites []report.Entry
		files  map[string]string
		err    error
	}
	ended := make(chan outcome, 1)
	wait.Go(func() {
		var end outcome
		results, err := regress.Run(t.Context(), o)
		end.suites, end.err = results.Suites, err
		out := filepath.Join(dir, "results")
		if _, err := results.Save(out, nil); err != nil && end.err == nil {
			end.err = err
		}
		end.files = map[string]string{".log": log.String()}
		for _, ending := range []string{".json", ".html", ".xml"} {
			text, err := os.ReadFile(filepath.Join(out, "milkv-duo-emulated-2023-11-14-221320"+ending))
			if err != nil && end.err == nil {
				end.err = err
			}
			end.files[ending] = string(text)
		}
		ended <- end
		io.WriteString(calls, "end\n")
	})
	lines := bufio.NewScanner(calls)
	for lines.Scan() && lines.Text() == "off" {
	}
	if lines.Text() != "on" {
		t.Fatalf("the power was never switched on: %v", (<-ended).err)
	}
	e.Image, e.Console = card, far
	m := start(t, patience, e)
	wait.Go(func() { io.Copy(m, far) })
	end := <-ended
	if end.err != nil {
		t.Fatal(end.err)
	}
	for ending, text := range end.files {
		n := strings.Count(text, `"`+bench.Measured+`"`) + strings.Count(text, ">"+bench.Measured+"<")
		if n > 1 || n == 1 && ending != ".html" || len(text) == 0 { // the page explains the word once
			t.Errorf("the %s has %d bytes, and says %d times that something was measured", ending, len(text), n)
		}
		if ending != ".log" && !strings.Contains(text, bench.Emulated) {
			t.Errorf("the %s does not say that the board was emulated", ending)
		}
	}
	return m, end.suites
}
