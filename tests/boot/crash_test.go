package boot

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"duostoryteller/imagebuilder/rootfs"
)

// faulty is a storyteller that breaks down in the middle of a story, in the way and as
// often as /etc/fault says, and is the real one then.
const faulty = `package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

func main() {
	var way string
	var times int
	text, _ := os.ReadFile("/etc/fault")
	fmt.Sscan(string(text), &way, &times)
	said, _ := os.ReadFile("/tmp/faults")
	portable := os.Getenv("STORYTELLER_CPU") == "generic"
	if len(os.Args) > 1 && os.Args[1] == "serve" && len(said) < times && !(way == "vector" && portable) {
		os.WriteFile("/tmp/faults", append(said, 'x'), 0o600)
		breakDown(way)
	}
	fmt.Fprintln(os.Stderr, "faulty:", syscall.Exec("/bin/storyteller.real", os.Args, os.Environ()))
	os.Exit(1)
}

func breakDown(way string) {
	line, _ := bufio.NewReader(os.Stdin).ReadBytes('\n')
	var asked struct {
		ID   string
		Seed uint64
	}
	json.Unmarshal(line, &asked)
	fmt.Printf("{\"event\":\"begun\",\"id\":%q,\"seed\":%d}\n", asked.ID, asked.Seed)
	fmt.Printf("{\"event\":\"text\",\"id\":%q,\"text\":\"SGFsZiBhIHN0bw==\"}\n", asked.ID)
	switch way {
	case "panic":
		panic("bad luck")
	case "deadlock":
		select {}
	case "segv":
		*(*int)(unsafe.Pointer(uintptr(1 << 30))) = 1
	case "memory":
		for {
			syscall.Mmap(-1, 0, 1<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_POPULATE)
		}
	case "ill", "vector":
		page, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE|syscall.PROT_EXEC, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			panic(err)
		}
		code := unsafe.Pointer(unsafe.SliceData(page)) // zeros are no instruction
		function := unsafe.Pointer(&code)
		(*(*func())(unsafe.Pointer(&function)))()
	}
}
`

// crashes has the storyteller break down in the middle of stories, in every way there
// is: the story comes, right, within a minute, and a report is on the card.
func (k tough) crashes(t *testing.T, all bool) {
	program := compile(t, faulty)
	var came strings.Builder
	for _, tt := range []struct {
		way   string
		times int
		died  string // the cause, and what the report says
		says  string
	}{
		// A vector unit that does not do what it promises: without it the story comes.
		{"vector", 1000, "exit status 2", "SIGILL: illegal instruction"},
		{"ill", 2, "exit status 2", "SIGILL: illegal instruction"},
		{"segv", 2, "exit status 2", "unexpected fault address"},
		{"panic", 2, "exit status 2", "panic: bad luck"},
		{"deadlock", 2, "exit status 2", "fatal error: all goroutines are asleep"},
		{"memory", 2, "SIGKILL", "Out of memory: Killed process"},
	} {
		if !all && tt.way != "vector" {
			continue
		}
		t.Run(tt.way, func(t *testing.T) {
			card := changed(t, k.image, func(c contents) {
				real := c.root["/bin/storyteller"]
				delete(c.root, "/bin/storyteller")
				real.Path = "/bin/storyteller.real"
				c.root[real.Path] = real
				put(t, c.root, "/bin/storyteller", program)
				c.root["/etc/fault"] = rootfs.Bytes("/etc/fault", 0o644, fmt.Appendf(nil, "%s %d\n", tt.way, tt.times))
				list(t, c.root)
			})
			o := machineFor(t, card)
			o.Write = true
			o.Args = append(o.Args, "-icount", "shift=0,sleep=off") // its clock is not this PC's
			m := start(t, patience, o)
			deaths := min(tt.times, 3)
			for range deaths {
				m.waitFor(`Half a sto`)
				m.waitFor(`init: the storyteller died \(` + regexp.QuoteMeta(tt.died) + `\); starting it again in`)
			}
			if tt.way == "vector" {
				m.waitFor(`init: it has crashed 3 times in a row: from now on without the vector unit`)
			}
			if got := m.story(); !k.c.Right(got) {
				t.Errorf("%s: told %q", k.c, got)
			}
			m.waitFor(prompt)
			longest := m.storiesFollow()
			m.powerOff()
			report := string(readMedium(t, card).files["crash.txt"])
			if strings.Count(report, "the storyteller died ("+tt.died+")") != deaths || !strings.Contains(report, tt.says) {
				t.Errorf("crash.txt says %q; want %d crashes, %q", report, deaths, tt.says)
			}
			fmt.Fprintf(&came, "%-10s %d deaths, the next story's first word %.1f s after a story's end, at most\n", tt.way, deaths, longest.Seconds())
		})
	}
	if all {
		t.Run("signals", func(t *testing.T) { fmt.Fprint(&came, k.signals(t)) })
	}
	t.Logf("how the storyteller crashed, and what came of it (emulated, by the clock of the instructions):\n%s", came.String())
}

// signals sends the real storyteller signals in the middle of its stories.
func (k tough) signals(t *testing.T) (came string) {
	o := machineFor(t, k.image)
	o.Args = append(o.Args, "-icount", "shift=0,sleep=off")
	m := start(t, 2*patience, o)
	m.story()
	m.waitFor(prompt)
	for _, signal := range []string{"ILL", "SEGV", "BUS", "ABRT", "KILL"} {
		m.dies(k, signal)
	}
	longest := m.storiesFollow()
	m.powerOff()
	return fmt.Sprintf("%-10s SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGKILL: %.1f s at most\n", "signals", longest.Seconds())
}

// dies ends the storyteller by a signal while it tells, and wants the story.
func (m *machine) dies(k tough, signal string) {
	m.t.Helper()
	for range 20 {
		listed := m.show("memory", `(?s)OOM order  name\n(.*)storyteller> $`)[1]
		found := regexp.MustCompile(`(?m)^ *(\d+) .* 0  storyteller$`).FindStringSubmatch(listed)
		if found == nil { // it is about to be started again
			time.Sleep(time.Second)
			continue
		}
		pid := found[1]
		// Both lines at once, or the story is over before.
		m.send("tell -s %d -t %v -p %v -n %d %s\nkill -%s %s", k.c.Seed, k.c.Temperature, k.c.TopP, k.c.Steps, k.c.Prompt, signal, pid)
		if got := m.waitFor(`(?s)^(.*)the storyteller died \([^)]*\); starting it again`); strings.Contains(got[1], "achieved tok/s") {
			m.waitFor(anyPrompt)
			continue
		}
		if got := m.story(); !k.c.Right(got) {
			m.t.Errorf("after SIG%s: %s: told %q", signal, k.c, got)
		}
		m.waitFor(prompt)
		return
	}
	m.t.Errorf("the storyteller was never found telling, for SIG%s", signal)
}

// storiesFollow returns how long after a story's end the next one that was begun had
// its first word, at most, and wants that to be within a minute.
func (m *machine) storiesFollow() (longest time.Duration) {
	m.t.Helper()
	ended, died := time.Duration(0), false
	for _, stage := range regexp.MustCompile(`init: (\d+) ms  (story ends|first word)|the storyteller (died)`).FindAllStringSubmatch(m.Console(), -1) {
		ms, _ := strconv.Atoi(stage[1])
		at := time.Duration(ms) * time.Millisecond
		switch {
		case stage[3] != "":
			died = true
		case stage[2] == "story ends":
			ended = at
		case died: // the first word of a story that follows
			longest, died = max(longest, at-ended), false
		}
	}
	if longest == 0 || longest > time.Minute {
		m.t.Errorf("the next story came %v after a crash; want it within a minute", longest)
	}
	return longest
}
