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

// reads are what a machine has read from its card.
type reads struct {
	faults    int // pages that had to be read
	readKB    int
	available int // kB of memory now
}

// counters reads the machine's counters; the console need not show a prompt.
func (m *machine) counters() reads {
	m.t.Helper()
	s := m.show("stats", `stats: MemTotal \d+ kB, MemAvailable (\d+) kB, .*major faults (\d+), reads \d+, read (\d+) kB\n`)
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(s[1+i])
	}
	return reads{faults: n[1], readKB: n[2], available: n[0]}
}

const (
	// pageCosts is by how many more instructions a story may take while a page in a
	// browser follows it; aloudCosts, while the page has it read aloud too, which
	// is the voice's own work, as it is for a loudspeaker.
	pageCosts, aloudCosts = 0.05, 0.15
)

// TestServing counts what a page costs the story. In this machine each instruction
// takes one nanosecond of its clock (QEMU's icount), whatever the PC does.
func TestServing(t *testing.T) {
	t.Parallel()
	if os.Getenv("STORYTELLER_SERVING") == "" {
		t.Skip("takes minutes: STORYTELLER_SERVING=1, or make test-serving")
	}
	image := buildCard(t, golden.Data(t, "standin15M.bin"), golden.Data(t, "tokenizer.bin"))
	args, count := countInstructions(t)
	m, page := bootWithNetwork(t, changed(t, image, configured("prompt = \"A\"\nsteps = 3\nvoice = \"off\"\nmicrophone = \"off\"\n")),
		append(args, "-icount", "shift=0,sleep=off")...)
	m.story()
	m.waitFor(prompt)
	m.said("storyteller: the page is at")
	c := golden.Case{Prompt: "Once upon a time", Seed: 1, Temperature: 0, TopP: 0.9, Steps: 256}
	story := func(how string, begin func() (followed func())) executed {
		before := m.counters()
		m.waitFor(prompt)
		begun := count()
		followed := begin()
		m.waitFor(`achieved tok/s: ([\d.]+)\n`)
		cost := count().since(begun)
		followed()
		m.waitFor(prompt)
		after := m.counters()
		m.waitFor(prompt)
		t.Logf("%-14s %6.1f M instructions, %5.1f M of them the kernel's; %4d pages and %6d kB from the card, then %5d kB available (emulated)",
			how, cost.all(), cost.kernel, after.faults-before.faults, after.readKB-before.readKB, after.available)
		return cost
	}
	alone := func() executed {
		return story("alone", func() func() {
			m.send("tell -s %d -t %v -n %d %s", c.Seed, c.Temperature, c.Steps, c.Prompt)
			return func() {}
		})
	}
	served := func(how string, aloud bool) executed {
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
		if aloud {
			t.Logf("%s: %.1f s of speech", how, float64(l.sound)/32000)
		}
		return s
	}
	// So that all that can be in the memory is. A story told again still becomes
	// cheaper each time for a while, which the order below evens out.
	alone()
	served("once before", true)
	alone()
	var alones, pages, alouds float64
	for _, turn := range []func(){
		func() { alones += alone().all() },
		func() { pages += served("served", false).all() },
		func() { alouds += served("served, aloud", true).all() },
		func() { alouds += served("served, aloud", true).all() },
		func() { pages += served("served", false).all() },
		func() { alones += alone().all() },
	} {
		turn()
	}
	for _, c := range []struct {
		what       string
		cost, most float64
	}{
		{"a page costs", pages/alones - 1, pageCosts},
		{"a page that reads aloud costs", alouds/alones - 1, aloudCosts},
	} {
		t.Logf("%s the story %.1f %% of its instructions (emulated count)", c.what, 100*c.cost)
		if c.cost > c.most {
			t.Errorf("%s the story %.1f %%; want at most %.0f", c.what, 100*c.cost, 100*c.most)
		}
	}
	m.powerOff()
}
