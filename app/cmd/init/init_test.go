//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"duostoryteller/app/config"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// console is a writer to wait at.
type console struct {
	mu  sync.Mutex
	buf bytes.Buffer // what was not waited for yet
	all bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all.Write(p)
	return c.buf.Write(p)
}

// waitFor waits until the text that follows what was waited for before contains
// want, and returns it up to there.
func (c *console) waitFor(t *testing.T, want string) string {
	t.Helper()
	for range 6000 {
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

// said tells whether the console has ever shown text.
func (c *console) said(text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Contains(c.all.String(), text)
}

// A bench is a robot with a shell script for a storyteller.
type bench struct {
	console
	lines   chan typed
	signals chan os.Signal
	power   chan power
	dir     string
	fed     atomic.Int32 // the watchdog, so often
}

// script is a storyteller that does what its prompt says.
const script = `#!/bin/sh
cd "$(dirname "$0")"
if [ "$1" != serve ]; then
	echo "$*"
	case "$*" in *--long*) exec sleep 100;; esac
	exit
fi
echo "$*"
text() { printf '{"event":"text","id":"%s","text":"%s"}\n' "$id" "$(printf %s "$1" | base64 -w 0)"; }
event() { echo '{"event":"'$1'","id":"'$id'"'$2'}'; }
told() { text "$1"; event told ',"speed":2.5'; event ended; }
while read -r line; do
	[ "$line" ] || continue
	prompt=$(echo "$line" | sed 's/.*"prompt":"\([^"]*\)".*/\1/')
	id=$(echo "$line" | sed 's/.*"id":"\([^"]*\)".*/\1/')
	line=$(echo "$line" | sed 's/"id":"[^"]*",//')
	seed=$(echo "$line" | sed 's/.*"seed":\([0-9]*\).*/\1/')
	begun() { event begun ',"seed":'$seed; }
	case "$prompt" in early|guest) ;; *) begun;; esac
	case "$prompt" in
	wait)
		text waiting
		read -r line
		event told ',"stopped":true'
		event ended
		told "page" > /dev/null;;
	deaf) text waiting; exec sleep 100;;
	hanging)
		if [ -e hung ]; then told "whole story"; else touch hung; text "half a sto"; exec sleep 100; fi;;
	broken) echo "storyteller: model.bin: truncated"; exit 78;;
	unable) event told ',"error":"row 7 is damaged"'; event ended;;
	crashing) echo x >> deaths
		if [ $(wc -l < deaths) -lt 4 ]; then text 'half a sto'; echo 'storyteller: a note'; echo 'panic: bad luck'; echo 'goroutine 1 [running]:'; exit 2; fi
		told "kernels: $STORYTELLER_CPU.";;
	last) text "all of it"; event told; exit 2;;
	end) text "all of it"; event told; event ended; exit 2;;
	notes) text 'half a'; echo 'storyteller: a note'; text ' story'; event told; event ended;;
	dead) echo x >> deaths; text 'half a sto'; exit 2;;
	dying) echo x >> deaths
		if [ $(wc -l < deaths) -lt 3 ]; then text 'half a sto'; kill -9 $$; fi
		told "whole story";;
	orphan) (sleep 0.2 & ) ; told gone;;
	anew) text 'half a'; event anew ',"seed":8,"error":"it was not for children"'; told "$line";;
	page) told one; id=page-1; event begun ',"seed":'$seed; told two;;
	rival) mine=$id; id=page-1; event begun ',"seed":'$seed; id=$mine; event refused ',"error":"busy","busy":true'; id=page-1; told other;;
	early) echo x >> rivals
		if [ $(wc -l < rivals) -gt 1 ]; then begun; told "mine after all"; continue; fi
		event refused ',"error":"busy","busy":true'; id=page-1; event begun ',"seed":3'; told other;;
	guest) echo x >> guests
		if [ $(wc -l < guests) -gt 3 ]; then begun; told "the guest has gone"; else event refused ',"error":"somebody has a shell"'; fi;;
	*) told "$line";;
	esac
done
`

// shellScript is a shell that shows what it is given.
const shellScript = `#!/bin/sh
echo hello
trap 'echo interrupted' INT
while read -r line; do
	[ "$line" = exit ] && exit
	echo "read $line"
done
`

func newBench(t *testing.T, settings config.Config, change ...func(*robot)) *bench {
	t.Helper()
	b := &bench{lines: make(chan typed), signals: make(chan os.Signal), power: make(chan power, 1), dir: t.TempDir()}
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
	r.shell = filepath.Join(b.dir, "shell")
	if err := os.WriteFile(r.shell, []byte(shellScript), 0o755); err != nil {
		t.Fatal(err)
	}
	r.feed = func() { b.fed.Add(1) }
	if settings.Prompt == "hanging" {
		r.silence = time.Second
	}
	r.delay = func(deaths int) time.Duration { return time.Duration(deaths) * time.Millisecond }
	if err := os.WriteFile(r.program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(r)
	}
	done := make(chan bool)
	go func() {
		r.tell(r.first())
		b.power <- r.run(b.lines, b.signals)
		close(done)
	}()
	t.Cleanup(func() {
		select {
		case b.lines <- typed{line: "poweroff"}:
		case <-done:
		}
		<-done
		if r.teller != nil {
			r.teller.kill()
		}
	})
	return b
}

// Files are read further ahead while a storyteller starts than while it tells.
func TestReadAhead(t *testing.T) {
	settings := config.Default()
	settings.Prompt, settings.Seed = "A cat", 7
	asked := make(chan int, 100)
	b := newBench(t, settings, func(r *robot) { r.reads = func(kB int) { asked <- kB } })
	b.waitFor(t, "storyteller> ")
	if starts, tells := <-asked, <-asked; starts != startReadAhead || tells != storyReadAhead {
		t.Errorf("read ahead %d KB at the start, %d from the first word on; want %d, %d", starts, tells, startReadAhead, storyReadAhead)
	}
}

func TestStory(t *testing.T) {
	settings := config.Default()
	settings.Prompt, settings.Seed, settings.Temperature, settings.Engine = "A cat", 7, 0, "fast"
	b := newBench(t, settings)
	got := b.waitFor(t, "storyteller> ")
	want := regexp.MustCompile(`^init: \d+ ms  story starts, seed 7  MemAvailable \d+ kB
serve --model /usr/share/storyteller/model.bin --tokenizer /usr/share/storyteller/tokenizer.bin --models /usr/share/storyteller/models --console --events --usb device --results /boot --authorized-keys /boot/authorized_keys --engine fast --speak --voice kal16 --rate 1 --pitch 1 --volume 1 --timing /run/speech.json --microphone auto --gain 60 --usual A cat --temperature 0 --topp 0.9 --steps 256 --avoid /boot/avoid.txt --keep 64
\{"prompt":"A cat","seed":7,"temperature":0,"topp":0.9,"steps":256,"exact":true\}
achieved tok/s: 2.500000
init: \d+ ms  first word  MemAvailable \d+ kB
init: \d+ ms  story ends  MemAvailable \d+ kB
init: \d+ ms  memory at its lowest  MemAvailable \d+ kB
storyteller> $`)
	if !want.MatchString(got) {
		t.Errorf("console = %q; want %s", got, want)
	}
	for _, tt := range []struct{ line, want string }{
		{"", `{"prompt":"A cat","seed":`},
		{"cat and dog", `{"prompt":"cat and dog","seed":7,"temperature":0,"topp":0.9,"steps":256,"exact":true}` + "\n"},
		{"tell -s 9 -t 0.5 -n -i help", "init: tell -n -i: give a number\n"},
		{"tell -s 9 -t 0.5 -p 1 -n 20 -i help", `{"prompt":"-i help","seed":9,"temperature":0.5,"topp":1,"steps":20,"exact":true}` + "\n"},
		{"bench --runs 3", "\nbench --model /usr/share/storyteller/model.bin --tokenizer /usr/share/storyteller/tokenizer.bin --runs 3\n"},
		{"A bear", `{"prompt":"A bear"`},
	} {
		b.lines <- typed{line: tt.line}
		b.waitFor(t, tt.want)
		if got := b.waitFor(t, "storyteller> "); tt.line == "" && strings.HasPrefix(got, "7,") {
			t.Errorf("after Enter: %q; want another story", got)
		}
	}
	b.lines <- typed{line: "bench --long"}
	b.waitFor(t, "bench starts")
	b.waitFor(t, "--long\n")
	b.signals <- unix.SIGINT
	b.waitFor(t, "bench ends")
	b.waitFor(t, "storyteller> ")
	for range 6000 {
		if b.fed.Load() > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the watchdog is not fed")
}

// At bedtime no story follows by itself.
func TestBedtime(t *testing.T) {
	settings := config.Default()
	settings.Prompt, settings.After, settings.Bedtime = "A cat", config.AfterAgain, config.On
	b := newBench(t, settings)
	b.waitFor(t, "--bedtime")
	b.waitFor(t, "story ends")
	b.waitFor(t, "storyteller> ")
	settings.Bedtime = config.Off
	newBench(t, settings).waitFor(t, "story ends")
}

func TestStoryEnds(t *testing.T) {
	tests := []struct {
		name, prompt, after string
		want                []string
		asked               power
	}{
		{"powers off", "A cat", config.AfterPowerOff, []string{"story ends"}, powerOff},
		{"again", "A cat", config.AfterAgain, []string{"story ends", "story ends", "story ends"}, stayOn},
		{"broken model", "broken", config.AfterPowerOff, []string{"model.bin: truncated", "cannot tell stories", "storyteller> "}, stayOn},
		{"damaged model", "unable", config.AfterPowerOff, []string{"row 7 is damaged\n", "cannot tell this story", "storyteller> "}, stayOn},
		{"hangs and is killed", "hanging", config.AfterWait, []string{"half a sto", "hangs (not a word for ", "died (SIGKILL)", "whole story", "storyteller> "}, stayOn},
		{"page's stories too", "page", config.AfterWait, []string{"one\n", "storyteller> \ninit:", "story starts, seed 7", "two\n", "storyteller> "}, stayOn},
		{"another in its place", "anew", config.AfterWait, []string{"story starts, seed 7", "half a\ninit: it was not for children; another one, seed 8:\n{", "story ends", "storyteller> "}, stayOn},
		{"the page was faster", "rival", config.AfterWait, []string{"comes next", "story starts, seed 7", "other", "story starts"}, stayOn},
		{"the page was faster, and is heard of late", "early", config.AfterWait, []string{"comes next", "story starts, seed 3", "other", "story starts, seed 7", "mine after all", "storyteller> "}, stayOn},
		{"the same, and again", "early", config.AfterAgain, []string{"comes next", "other", "mine after all", "mine after all"}, stayOn},
		{"a guest has the memory", "guest", config.AfterPowerOff, []string{"not now: somebody has a shell", "not now", "not now", "the guest has gone"}, powerOff},
		{"dies and recovers", "dying", config.AfterWait, []string{"half a sto\ninit:", "died (SIGKILL); starting it again in 1ms",
			"died (SIGKILL); starting it again in 2ms", "whole story", "storyteller> "}, stayOn},
		{"panics, and tells without the vector unit", "crashing", config.AfterWait, []string{"half a sto\nstoryteller: a note\npanic: bad luck\n", "died (exit status 2); starting it again in 1ms",
			"half a sto", "half a sto", "without the vector unit", "kernels: generic.", "storyteller> "}, stayOn},
		{"dies behind the text, then powers off", "last", config.AfterPowerOff, []string{"all of it\n"}, powerOff},
		{"dies behind the text, then again", "last", config.AfterAgain, []string{"all of it\n", "died (exit status 2)", "story starts, seed ", "all of it\n", "died (exit status 2)", "all of it"}, stayOn},
		{"dies behind the text, then waits", "last", config.AfterWait, []string{"all of it\n", "died (exit status 2)", "storyteller> "}, stayOn},
		{"dies at the end, then powers off", "end", config.AfterPowerOff, []string{"all of it\n"}, powerOff},
		{"dies at the end, then again", "end", config.AfterAgain, []string{"all of it\n", "died (exit status 2)", "all of it\n", "died (exit status 2)", "all of it"}, stayOn},
		{"notes do not break a story", "notes", config.AfterWait, []string{"half a story\nstoryteller: a note\n", "storyteller> "}, stayOn},
		{"a story that always kills is left", "dead", config.AfterWait, []string{"that story is left: the storyteller has died 8 times in a row", "storyteller> "}, stayOn},
		{"leaves an orphan", "orphan", config.AfterWait, []string{"gone", "storyteller> "}, stayOn},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			settings := config.Default()
			settings.Prompt, settings.After, settings.Seed = tt.prompt, tt.after, 7
			b := newBench(t, settings)
			for _, want := range tt.want {
				b.waitFor(t, want)
			}
			if b.said("does not listen") {
				t.Error("a storyteller that has ended was asked for a story")
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
	b.lines <- typed{line: "stats"}
	b.waitFor(t, "stats: MemTotal ")
	b.lines <- typed{line: "A queued one"}
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
		{"mounts", " /proc ", stayOn},
		{"ls " + dir, " file\n", stayOn},
		{"cat " + file, "hello.[2J\n", stayOn},
		{"cat /does/not/exist", "init: open /does/not/exist: no such file", stayOn},
		{"cat " + fifo, "no answer", stayOn},
		{"kill 999999999", "no process", stayOn},
		{"kill -STOP 999999999", "no process", stayOn},
		{"kill -DANCE 999999999", "story starts", stayOn}, // a prompt
		{"kill 1", "story starts", stayOn},
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

func TestWatchdog(t *testing.T) {
	dir := t.TempDir()
	if w, err := openWatchdog(filepath.Join(dir, "none")); w != nil || err != nil {
		t.Errorf("openWatchdog() of none = %v, %v; want nothing", w, err)
	}
	path := filepath.Join(dir, "watchdog0")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := openWatchdog(path)
	if w == nil || err == nil {
		t.Fatalf("openWatchdog() of a file = %v, %v; want it, and the time-out's failure", w, err)
	}
	w.feed()
	w.feed() // too soon to be worth it
	w.stop()
	if got, err := os.ReadFile(path); string(got) != "\x00V" || err != nil {
		t.Errorf("the watchdog got %q, %v; want one feed and the V that stops it", got, err)
	}
}

// A storyteller that does not take what it is asked for is ended, at once: it would
// wait for ever, and init with it.
func TestDeaf(t *testing.T) {
	in, input, err := pipe(1)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer input.Close()
	var out console
	r := newRobot(&out, config.Default(), newReaper())
	r.teller = &teller{pid: 1 << 30, input: input, heard: time.Now()}
	r.tell(r.first())
	if !r.teller.killed.IsZero() {
		t.Fatal("a storyteller that listens was ended")
	}
	var said [4096]byte
	if n, err := in.Read(said[:]); err != nil || !bytes.Contains(said[:n], []byte(`"prompt":"Once upon a time"`)) {
		t.Errorf("the storyteller heard %q, %v", said[:n], err)
	}
	for err = nil; err == nil; {
		err = r.teller.say(said[:])
	}
	r.now = nil
	r.tell(r.first())
	if r.teller.killed.IsZero() {
		t.Error("a storyteller that does not listen was not ended")
	}
	out.waitFor(t, "init: the storyteller does not listen: ")
}

// An update whose storyteller fails before it has told a story is given up, and
// one that has told one is not.
func TestTrial(t *testing.T) {
	for _, prompt := range []string{"broken", "dying"} {
		t.Run(prompt, func(t *testing.T) {
			settings := config.Default()
			settings.Prompt = prompt
			b := newBench(t, settings, func(r *robot) {
				r.trial = func() bool { return true }
				r.delay = func(int) time.Duration { return time.Minute }
			})
			b.waitFor(t, "\ninit: no story comes of this update: starting again, with the card's own system\n")
			if got := <-b.power; got != reboot {
				t.Errorf("asked for %v; want the machine started again", got)
			}
		})
	}
	for _, run := range []string{config.RunStory, config.RunSuites} {
		t.Run("after a "+run, func(t *testing.T) {
			settings := config.Default()
			settings.Run = run
			var told atomic.Bool
			b := newBench(t, settings, func(r *robot) {
				r.trial = func() bool { return !told.Load() }
				r.worked = func() { told.Store(true) }
			})
			b.waitFor(t, "storyteller> ")
			b.lines <- typed{line: "broken"}
			b.waitFor(t, "storyteller> ")
			for fed := b.fed.Load(); b.fed.Load() < fed+2; { // it has looked again
				select {
				case got := <-b.power:
					t.Fatalf("asked for %v; want the machine to stay on", got)
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
	}
}

// A machine whose storyteller cannot even be killed is left to the watchdog.
func TestStarve(t *testing.T) {
	fed := 0
	r := newRobot(new(console), config.Default(), newReaper())
	r.feed = func() { fed++ }
	r.watch()
	r.teller = &teller{pid: 1 << 30, heard: time.Now()}
	r.watch()
	if fed != 2 {
		t.Errorf("fed %d times without and with a storyteller; want 2", fed)
	}
	r.silence = 0
	r.watch()
	if r.teller.killed.IsZero() || fed != 3 {
		t.Errorf("a storyteller that hangs: killed %v, fed %d times; want it killed, the machine given a chance", r.teller.killed, fed)
	}
	r.teller.killed = time.Now().Add(-dies)
	r.watch()
	if fed != 3 {
		t.Error("the watchdog was fed although the storyteller cannot be killed")
	}
}

func TestHangs(t *testing.T) {
	silent := func(d time.Duration) *teller {
		busy := &teller{pid: os.Getpid(), heard: time.Now().Add(-d)}
		busy.used = busy.processorTime()
		return busy
	}
	tests := []struct {
		name string
		t    *teller
		want bool
	}{
		{"speaks", silent(0), false},
		{"waits", silent(2 * time.Minute), true},
		{"computes", silent(2 * time.Minute), false},
		{"computes for ever", silent(20 * time.Minute), true},
	}
	tests[2].t.used -= time.Minute
	tests[3].t.used -= 10 * time.Minute
	for _, tt := range tests {
		if got := tt.t.hangs(time.Minute); got != tt.want {
			t.Errorf("%s: hangs() = %v; want %v", tt.name, got, tt.want)
		}
	}
	if tests[0].t.used == 0 {
		t.Error("the processor's time is not known")
	}
}

// A watchdog goes on counting when another program takes this one's place, and what is
// started from there does not inherit it.
func TestWatchdogPassed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watchdog0")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(inheritedWatchdog, "") // and restored at the end
	w, _ := openWatchdog(path)
	stop := w.feedFor(time.Minute)
	stop()
	if err := w.pass(); err != nil {
		t.Fatal(err)
	}
	w.feed() // it is not this program's any more
	fd, err := strconv.Atoi(os.Getenv(inheritedWatchdog))
	if err != nil {
		t.Fatal(err)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC != 0 {
		t.Errorf("the descriptor passed on has flags %#x, %v; want it open behind exec", flags, err)
	}
	os.Remove(path) // it is not opened once more
	next, err := openWatchdog(path)
	if next == nil || err != nil || os.Getenv(inheritedWatchdog) != "" {
		t.Fatalf("openWatchdog() = %v, %v; want the one passed on, once", next, err)
	}
	if flags, err := unix.FcntlInt(next.file.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("taken over it has flags %#x, %v; want it closed behind exec", flags, err)
	}
	next.feed()
	at, err := next.file.Seek(0, io.SeekCurrent)
	if at != 2 || err != nil {
		t.Errorf("fed %d times, %v; want once by each", at, err)
	}
	next.stop()
	var none *watchdog
	none.feedFor(time.Minute)()
	if err := none.pass(); err != nil {
		t.Error(err)
	}
}

// What is slow is fed for a while; what hangs is not.
func TestFeedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watchdog0")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w, _ := openWatchdog(path)
	w.feedEvery = time.Millisecond
	stop := w.feedFor(50 * time.Millisecond)
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	for size() < 3 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond) // it hangs
	fed := size()
	time.Sleep(50 * time.Millisecond)
	if size() != fed {
		t.Error("what hangs is fed on")
	}
	stop()
}

// brokenUART is a console that fails.
type brokenUART struct{}

func (brokenUART) Write([]byte) (int, error) { return 0, unix.EIO }

// The console over the cable shows what is said, also what was said before it was
// there, and although the UART fails.
func TestScreen(t *testing.T) {
	near, far, err := pty.Open()
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	defer near.Close()
	defer far.Close()
	cable := &terminal{path: far.Name(), fd: -1}
	out := screen{brokenUART{}, cable}
	for i := range 10_000 {
		fmt.Fprintf(out, "line %d\n", i)
	}
	if len(cable.missed) > 3*maxMissed {
		t.Errorf("%d bytes are kept", len(cable.missed))
	}
	stage(out, "card mounted")
	if !cable.open() {
		t.Fatal("the terminal does not open")
	}
	fmt.Fprintln(out, "and now")
	var said []byte
	for b := make([]byte, 4096); !bytes.Contains(said, []byte("and now")); {
		n, err := near.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, b[:n]...)
	}
	text := string(said)
	if !strings.HasPrefix(text, "line ") || !strings.Contains(text, "line 9999\r\n") || !strings.Contains(text, "card mounted") || strings.Count(text, "line 9999") != 1 {
		t.Errorf("the cable shows %.100q … %.100q", text, text[max(0, len(text)-100):])
	}
}
