package main

import (
	"bytes"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"duostoryteller/app/config"

	"golang.org/x/sys/unix"
)

// console is a writer to wait at.
type console struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.Write(p)
}

// waitFor waits until the text that follows what was waited for before contains
// want, and returns it up to there.
func (c *console) waitFor(t *testing.T, want string) string {
	t.Helper()
	for range 1000 {
		c.mu.Lock()
		i := strings.Index(c.buf.String(), want)
		if i >= 0 {
			text := string(c.buf.Next(i + len(want)))
			c.mu.Unlock()
			return text
		}
		c.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %q on the console; it says:\n%s", want, c.buf.String())
	return ""
}

// A bench is a robot with a shell script for a storyteller.
type bench struct {
	console
	lines   chan string
	signals chan os.Signal
	power   chan power
	dir     string
}

// script is a storyteller that does what its prompt, the last argument, says.
const script = `#!/bin/sh
for prompt; do :; done
cd "$(dirname "$0")"
case "$prompt" in
wait) echo waiting; exec sleep 100;;
broken) echo "storyteller: model.bin: truncated"; exit 1;;
dying) echo x >> deaths
	if [ $(wc -l < deaths) -lt 3 ]; then printf 'half a sto'; kill -9 $$; fi
	echo whole story;;
orphan) (sleep 0.2 & ) ; echo gone;;
*) echo "$*";;
esac
`

func newBench(t *testing.T, settings config.Config) *bench {
	t.Helper()
	b := &bench{lines: make(chan string), signals: make(chan os.Signal), power: make(chan power, 1), dir: t.TempDir()}
	children := newReaper()
	dead := make(chan os.Signal, 1)
	signal.Notify(dead, unix.SIGCHLD)
	t.Cleanup(func() { signal.Stop(dead) })
	go func() {
		for range dead {
			children.reap()
		}
	}()
	r := newRobot(&b.console, settings, children)
	r.program = filepath.Join(b.dir, "storyteller")
	r.delay = func(deaths int) time.Duration { return time.Duration(deaths) * time.Millisecond }
	if err := os.WriteFile(r.program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	go func() {
		r.tell(r.first())
		b.power <- r.run(b.lines, b.signals)
		close(done)
	}()
	t.Cleanup(func() {
		select {
		case b.lines <- "poweroff":
		case <-done:
		}
		<-done
		if r.now != nil {
			unix.Kill(-r.now.pid, unix.SIGKILL)
		}
	})
	return b
}

func TestStory(t *testing.T) {
	settings := config.Default()
	settings.Prompt, settings.Seed, settings.Temperature, settings.Engine = "A cat", 7, 0, "fast"
	b := newBench(t, settings)
	got := b.waitFor(t, "storyteller> ")
	want := regexp.MustCompile(`^init: \d+ ms  story starts, seed 7  MemAvailable \d+ kB
tell --model /usr/share/storyteller/model.bin --tokenizer /usr/share/storyteller/tokenizer.bin -t 0 -p 0.9 -n 256 -s 7 --engine fast --speak --voice kal16 --rate 1 --pitch 1 --volume 1 -i A cat
init: \d+ ms  first word  MemAvailable \d+ kB
init: \d+ ms  story ends  MemAvailable \d+ kB
init: \d+ ms  memory at its lowest  MemAvailable \d+ kB
storyteller> $`)
	if !want.MatchString(got) {
		t.Errorf("console = %q; want %s", got, want)
	}

	b.lines <- ""
	if got := b.waitFor(t, "storyteller> "); !strings.Contains(got, "-i A cat\n") || strings.Contains(got, "seed 7 ") {
		t.Errorf("after Enter: %q; want another story", got)
	}
	b.lines <- "cat and dog"
	if got := b.waitFor(t, "storyteller> "); !strings.Contains(got, "-s 7 --engine fast --speak --voice kal16 --rate 1 --pitch 1 --volume 1 -i cat and dog\n") {
		t.Errorf("after a prompt: %q; want its story", got)
	}
	b.lines <- "tell -s 9 -t 0.5 -n -i help"
	if got := b.waitFor(t, "storyteller> "); !strings.Contains(got, "-s 9 --engine fast --speak --voice kal16 --rate 1 --pitch 1 --volume 1 -t 0.5 -n -i -i help\n") {
		t.Errorf("after tell: %q; want its options", got)
	}
	b.lines <- "bench --runs 3"
	if got := b.waitFor(t, "storyteller> "); !strings.Contains(got, "\nbench --model /usr/share/storyteller/model.bin --tokenizer /usr/share/storyteller/tokenizer.bin --runs 3\n") || !strings.Contains(got, "bench ends") {
		t.Errorf("after bench: %q; want it begun", got)
	}
}

func TestStoryEnds(t *testing.T) {
	tests := []struct {
		name, prompt, after string
		want                []string
		asked               power
	}{
		{"powers off", "A cat", config.AfterPowerOff, []string{"story ends"}, powerOff},
		{"again", "A cat", config.AfterAgain, []string{"story ends", "story ends", "story ends"}, stayOn},
		{"broken model", "broken", config.AfterPowerOff, []string{"model.bin: truncated", "cannot tell this story", "storyteller> "}, stayOn},
		{"dies and recovers", "dying", config.AfterWait, []string{"half a sto\ninit:", "died (SIGKILL); starting it again in 1ms",
			"died (SIGKILL); starting it again in 2ms", "whole story", "storyteller> "}, stayOn},
		{"leaves an orphan", "orphan", config.AfterWait, []string{"gone", "storyteller> "}, stayOn},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			settings := config.Default()
			settings.Prompt, settings.After = tt.prompt, tt.after
			b := newBench(t, settings)
			for _, want := range tt.want {
				b.waitFor(t, want)
			}
			if tt.asked != stayOn {
				if got := <-b.power; got != tt.asked {
					t.Errorf("run() = %v; want %v", got, tt.asked)
				}
			}
		})
	}
}

func TestWhileTelling(t *testing.T) {
	settings := config.Default()
	settings.Prompt, settings.After = "wait", config.AfterPowerOff
	b := newBench(t, settings)
	b.waitFor(t, "waiting")
	b.lines <- "stats"
	b.waitFor(t, "stats: MemTotal ")
	b.lines <- "A queued one"
	b.waitFor(t, "comes next")
	b.signals <- unix.SIGINT // Ctrl-C: forgets the queue, does not power off
	if got := b.waitFor(t, "storyteller> "); strings.Contains(got, "A queued one") {
		t.Errorf("after Ctrl-C: %q; want a prompt only", got)
	}
	b.signals <- unix.SIGTERM
	if got := <-b.power; got != reboot {
		t.Errorf("run() after SIGTERM = %v; want reboot", got)
	}
}

func TestNoStoryteller(t *testing.T) {
	var c console
	r := newRobot(&c, config.Default(), newReaper())
	r.program = "/does/not/exist"
	r.tell(r.first())
	c.waitFor(t, "no story: start /does/not/exist: no such file or directory; write the card anew\nstoryteller> ")
}

func TestCommands(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("hello\x1b[2J\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		line, want string
		asked      power
	}{
		{"help", "  poweroff ", stayOn},
		{"memory", "OOM order  name\n", stayOn},
		{"mounts", " / ", stayOn},
		{"ls " + dir, " file\n", stayOn},
		{"cat " + file, "hello.[2J\n", stayOn},
		{"cat /does/not/exist", "init: open /does/not/exist: no such file", stayOn},
		{"cat " + fifo, "no answer", stayOn},
		{"kill 999999999", "no process", stayOn},
		{"stop", "storyteller> ", stayOn},
		{"poweroff", "", powerOff},
		{"reboot", "", reboot},
		{"  reboot  ", "", reboot},
		{"poweroff the ship, said the captain", "story starts", stayOn}, // a prompt
		{"cat and dog", "story starts", stayOn},
		{"bench --runs 3", "bench starts", stayOn},
		{"verify", "verify starts", stayOn},
		{"bench by the river", "story starts", stayOn},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			var c console
			r := newRobot(&c, config.Default(), newReaper())
			r.program = "/does/not/exist"
			if got := r.line(tt.line); got != tt.asked {
				t.Errorf("line() = %v; want %v", got, tt.asked)
			}
			if got := c.buf.String(); !strings.Contains(got, tt.want) {
				t.Errorf("console = %q; want %q", got, tt.want)
			}
		})
	}
}

func TestFirstPartition(t *testing.T) {
	sys := t.TempDir()
	disk := filepath.Join(sys, "devices/mmc/block/mmcblk0")
	for name, number := range map[string]string{"mmcblk0p1": "1\n", "mmcblk0p2": "2\n"} {
		if err := os.MkdirAll(filepath.Join(disk, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(disk, name, "partition"), []byte(number), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(sys, "dev/block"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../devices/mmc/block/mmcblk0/mmcblk0p2", filepath.Join(sys, "dev/block/179:2")); err != nil {
		t.Fatal(err)
	}
	if got, err := firstPartition(sys, unix.Mkdev(179, 2)); got != "mmcblk0p1" || err != nil {
		t.Errorf("firstPartition() = %q, %v; want mmcblk0p1", got, err)
	}
	if _, err := firstPartition(sys, unix.Mkdev(0, 2)); err == nil {
		t.Error("firstPartition() of a root in memory = nil error; want one")
	}
	os.RemoveAll(filepath.Join(disk, "mmcblk0p1"))
	if _, err := firstPartition(sys, unix.Mkdev(179, 2)); err == nil {
		t.Error("firstPartition() without partition 1 = nil error; want one")
	}
}

func TestConsolePath(t *testing.T) {
	active := filepath.Join(t.TempDir(), "active")
	if got := consolePath(active); got != "/dev/console" {
		t.Errorf("consolePath() of no file = %q; want /dev/console", got)
	}
	if err := os.WriteFile(active, []byte("tty0 ttyS0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := consolePath(active); got != "/dev/ttyS0" {
		t.Errorf("consolePath() = %q; want /dev/ttyS0", got)
	}
}

func TestBackOff(t *testing.T) {
	var got []time.Duration
	for deaths := 1; deaths < 9; deaths++ {
		got = append(got, backOff(deaths)/time.Second)
	}
	if want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}; !slices.Equal(got, want) {
		t.Errorf("backOff() = %v s; want %v", got, want)
	}
}
