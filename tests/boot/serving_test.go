package boot

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"duostoryteller/tests/golden"
)

// listener is a page that is open in a browser: it follows the story, has its
// sentences spoken and asks how the storyteller is doing, as often in tokens of the
// story as a browser does on a board.
type listener struct {
	m             *machine
	page          string
	status, aloud bool
	wait          sync.WaitGroup

	events int // so far
	mu     sync.Mutex
	sound  int // bytes so far
	until  int // tokens told when the next sentence is asked for
}

const (
	// tokensASecond is about what a board tells (modelled, see the README).
	tokensASecond = 32
	// A page asks for the status every two seconds, and for the next sentence's sound
	// when the last one is over.
	statusEvery = 2 * tokensASecond
)

func (l *listener) next() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until
}

// follow reads the story id until its end.
func (l *listener) follow(id string) {
	request, err := http.NewRequestWithContext(l.m.ctx, "GET", l.page+"/events?story="+id, nil)
	if err != nil {
		l.m.t.Error(err)
		return
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		l.m.t.Error(err)
		return
	}
	defer response.Body.Close()
	get := func(path string) {
		l.wait.Go(func() {
			response, err := http.Get(l.page + path)
			if err != nil {
				l.m.t.Error(err)
				return
			}
			defer response.Body.Close()
			n, err := io.Copy(io.Discard, response.Body)
			if err != nil || response.StatusCode >= 300 {
				l.m.t.Errorf("GET %s: %s, %v", path, response.Status, err)
			}
			if strings.HasPrefix(path, "/audio") {
				l.mu.Lock()
				l.sound += int(n)
				l.until += int(n)*tokensASecond/32000 - 1<<20
				l.mu.Unlock()
			}
		})
	}
	event, sentences, asked, statuses := "", 0, 0, 0
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "event":
			event = value
			l.events++
		case name == "id":
			_, at, _ := strings.Cut(value, ".")
			told, err := strconv.Atoi(at)
			if err != nil {
				continue
			}
			for ; l.status && statuses*statusEvery <= told; statuses++ {
				get("/status")
			}
			if l.aloud && asked < sentences && told >= l.next() {
				get(fmt.Sprintf("/audio/%s/%d.wav", id, asked))
				asked++
				l.mu.Lock()
				l.until = told + 1<<20
				l.mu.Unlock()
			}
		case name == "data" && event == "text":
			var part struct{ Ends []int }
			if err := json.Unmarshal([]byte(value), &part); err != nil {
				l.m.t.Error(err)
				return
			}
			sentences += len(part.Ends)
		case name == "data" && event == "end":
			l.wait.Wait()
			return
		}
	}
	l.m.t.Error("the stream of events broke off")
}

// costs are what a story took, as its machine counts.
type costs struct {
	instructions float64 // millions, of all programs and the kernel; waiting is none
	faults       int     // pages that had to be read from the card
	readKB       int     // from the card
	available    int     // kB, at the end
}

// counters reads the machine's counters. Where instructions are its clock, the time
// that it is not idle is what they are.
func (m *machine) counters() costs {
	m.t.Helper()
	number := func(text string) float64 {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			m.t.Fatal(err)
		}
		return x
	}
	ask := func(line, answer string) []string {
		m.t.Helper()
		m.send("%s", line)
		got := m.waitFor(answer)
		m.waitFor(prompt)
		return got
	}
	up := ask("cat /proc/uptime", `\n([\d.]+) [\d.]+\n`)
	idle := ask("cat /proc/stat", `cpu  \d+ \d+ \d+ (\d+) (\d+) [^\n]*\n`) // in hundredths of a second
	s := ask("stats", `stats: MemTotal \d+ kB, MemAvailable (\d+) kB, .*major faults (\d+), reads \d+, read (\d+) kB\n`)
	return costs{1000*number(up[1]) - 10*(number(idle[1])+number(idle[2])), int(number(s[2])), int(number(s[3])), int(number(s[1]))}
}

// TestServing counts what a page costs the story. In this machine each instruction
// takes one nanosecond of its clock (QEMU's icount), whatever the PC does.
func TestServing(t *testing.T) {
	if os.Getenv("STORYTELLER_SERVING") == "" {
		t.Skip("takes minutes: STORYTELLER_SERVING=1, or make test-serving")
	}
	image := buildCard(t, golden.Data(t, "standin15M.bin"), golden.Data(t, "tokenizer.bin"))
	m, page := bootWithNetwork(t, changed(t, image, configured("prompt = \"A\"\nsteps = 3\nvoice = \"off\"\nmicrophone = \"off\"\n")),
		"-icount", "shift=0,sleep=off")
	m.story()
	m.waitFor(prompt)
	m.said("storyteller: the page is at")
	c := golden.Case{Prompt: "Once upon a time", Seed: 1, Temperature: 0, TopP: 0.9, Steps: 96}
	story := func(how string, begin func() (followed func())) costs {
		before := m.counters()
		followed := begin()
		speed := m.waitFor(`achieved tok/s: ([\d.]+)\n`)[1]
		followed()
		m.waitFor(prompt)
		after := m.counters()
		after.instructions -= before.instructions
		after.faults -= before.faults
		after.readKB -= before.readKB
		t.Logf("%-14s %5.0f M instructions, %4d pages and %6d kB from the card, then %5d kB available; %s tokens a second of its clock (emulated)",
			how, after.instructions, after.faults, after.readKB, after.available, speed)
		return after
	}
	alone := func() costs {
		return story("alone", func() func() {
			m.send("tell -s %d -t %v -n %d %s", c.Seed, c.Temperature, c.Steps, c.Prompt)
			return func() {}
		})
	}
	served := func(how string, aloud bool) costs {
		l := &listener{m: m, page: page, status: true, aloud: aloud}
		s := story(how, func() func() {
			id, done := m.ask(page, c), make(chan bool)
			go func() {
				defer close(done)
				l.follow(id)
			}()
			return func() { <-done }
		})
		if l.events < 3 || (l.sound == 0) == aloud {
			t.Errorf("%s: %d events and %d bytes of sound", how, l.events, l.sound)
		}
		return s
	}
	alone() // so that all that can be in the memory is
	var sum [3]float64
	for range 2 {
		sum[0] += alone().instructions
		sum[1] += served("served", false).instructions
		sum[2] += served("served, aloud", true).instructions
	}
	for i, how := range []string{1: "a page costs", 2: "a page that reads aloud costs"} {
		if i == 0 {
			continue
		}
		share := 100 * (sum[i]/sum[0] - 1)
		t.Logf("%s %.1f %% of the instructions", how, share)
		if share > 5 {
			t.Errorf("%s the story %.1f %%; want at most 5", how, share)
		}
	}
	m.powerOff()
}
