package boardtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// A board is a simulated one at the other end of a serial line: it boots, tells
// a story and answers as init does.
type board struct {
	answers map[string]string // to commands; anything else begins a story
	boots   bool              // when the line is opened, else it is idle
	typed   []string
}

// serve speaks until the line is closed.
func (b *board) serve(line io.ReadWriter) {
	say := func(text string) { io.WriteString(line, strings.ReplaceAll(text, "\n", "\r\n")) }
	telling := false
	if b.boots {
		say("U-Boot 2021.10\nHit any key to stop autoboot:  0\n[    0.000000] Linux\ninit: 900 ms  story starts, seed 1  MemAvailable 1 kB\nOnce upon a time")
		telling = true
	}
	for s := bufio.NewScanner(line); s.Scan(); {
		b.typed = append(b.typed, s.Text())
		say(s.Text() + "\n") // the echo
		answer, known := b.answers[s.Text()]
		switch {
		case s.Text() == "stop":
			if telling {
				telling = false
				say("init: 2000 ms  story ends  MemAvailable 1 kB\n")
			}
			say("storyteller> ")
		case known:
			for len(answer) > 0 { // a line is slow: it comes in pieces
				n := min(len(answer), 100)
				say(answer[:n])
				answer = answer[n:]
			}
			say("init: 9000 ms  done\nstoryteller> ")
		default:
			say("init: 3000 ms  story starts, seed 7  MemAvailable 1 kB\n" + s.Text() + " there was\nstoryteller> ")
		}
	}
}

// The suites as the board prints them.
const (
	goodRegression = `suite regression begins
{
  "name": "regression",
  "report": {
    "environment": {"kind": "measured"},
    "reference": "llama2.c's run.c",
    "right": 2, "total": 2, "pass_rate": 1,
    "results": [{"text": "Once {upon} a\nstoryteller> time"}]
  }
}
`
	goodPerformance = "suite performance begins\nstoryteller: a note before\n" + `{
  "name": "performance",
  "report": {
    "environment": {"kind": "measured"},
    "runs": [{"tokens_per_second": 25}],
    "tokens_per_second": {"mean": 25, "min": 24, "max": 26}
  }
}
`
	goodMemory = `suite memory begins
{
  "name": "memory",
  "report": {
    "environment": {"kind": "measured", "machine": "Milk-V Duo", "arch": "riscv64"},
    "clock_hz": 998000000,
    "memory": {"fill_bytes_per_s": 1100000000},
    "card": {"sequential_bytes_per_s": 20500000, "random_4k_ms": 1.1, "direct": true}
  }
}
`
	good = goodRegression + goodPerformance + goodMemory
)

// connect connects a simulated board over a pseudo-terminal.
func connect(t *testing.T, b *board) *Serial {
	t.Helper()
	far, near, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	s, err := OpenSerial(near.Name(), 115200, nil)
	if err != nil {
		t.Fatal(err)
	}
	near.Close()
	s.quiet = 100 * time.Millisecond
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.serve(far)
	}()
	t.Cleanup(func() {
		s.Close()
		far.Close()
		<-done
	})
	return s
}

func TestSerial(t *testing.T) {
	for _, boots := range []bool{true, false} {
		b := &board{boots: boots, answers: map[string]string{"suites --json -": good}}
		s := connect(t, b)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var told []string
		list, err := Run(ctx, s.Console, false, func(what string) { told = append(told, what) })
		if err != nil || len(list) != 3 {
			t.Fatalf("Run() = %v, %v; want three suites", list, err)
		}
		if got := strings.Join(told, ", "); got != "waiting for the board, the regression suite, the performance suite, the memory suite" {
			t.Errorf("progress = %s", got)
		}
		for i, want := range []string{
			"regression, measured: 2 of 2 texts right (100.0 %), compared with llama2.c's run.c",
			"performance, measured: 25 tokens/s, mean of 1 runs without the extremes (24 to 26)",
		} {
			if got, ok := list[i].Summary(); got != want || !ok {
				t.Errorf("Summary() = %q, %v; want %q", got, ok, want)
			}
		}
		r := Results{Board: "duo", Way: "serial", Time: time.Unix(1_700_000_000, 0), Suites: list}
		if !r.Passed() {
			t.Error("Passed() = false; want true")
		}
		dir := filepath.Join(t.TempDir(), "results")
		name, err := r.Save(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(dir, "duo-2023-11-14-221320.json"); name != want {
			t.Errorf("Save() = %s; want %s", name, want)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var again Results
		if err := json.Unmarshal(text, &again); err != nil || !again.Passed() {
			t.Errorf("what was saved reads as %+v, %v", again, err)
		}
		if m, err := Measured(name); err != nil || m.Clock != 998000000 || m.Card.Sequential != 20500000 {
			t.Errorf("Measured() = %+v, %v; want what the memory suite said", m, err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 3 {
			t.Errorf("%v in the folder; want three files", left)
		}
		page, err := os.ReadFile(strings.TrimSuffix(name, ".json") + ".html")
		if err != nil || !strings.Contains(string(page), "measured") {
			t.Errorf("the report says %q, %v; want it to name what was measured", page, err)
		}
	}
}

func TestBroken(t *testing.T) {
	for _, tt := range []struct{ name, regression, want string }{
		{"wrong text", strings.Replace(goodRegression, `"right": 2`, `"right": 1`, 1), "1 of 2 texts right"},
		{"no cases", "suite regression begins\n{\n  \"name\": \"regression\", \"report\": {}\n}\n", "nothing in it"},
		{"damaged", "suite regression begins\n{\n  \"name\": \"regression\",\n  \"re[ 12.3] usb 1-1: reset\nport\"", "damaged"},
		{"out of memory", "suite regression begins\n{\n  \"name\": \"regression\",\n  \"error\": \"cannot allocate memory\"\n}\n", "cannot allocate memory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := connect(t, &board{answers: map[string]string{"suites --json -": tt.regression + "\n" + goodPerformance}})
			list, err := Run(t.Context(), s.Console, false, nil)
			if err != nil || len(list) != 2 {
				t.Fatalf("Run() = %v, %v; want two suites", list, err)
			}
			if got, ok := list[0].Summary(); ok || !strings.Contains(got, tt.want) || !strings.HasPrefix(got, "regression") || strings.Contains(got, "\n") {
				t.Errorf("Summary() = %q, %v; want a failure, one line with %q", got, ok, tt.want)
			}
			if _, ok := list[1].Summary(); !ok || (Results{Suites: list}).Passed() {
				t.Errorf("the other suite passed: %v; want true, and not all", ok)
			}
			if _, err := (Results{Board: "duo", Suites: list}).Save(t.TempDir(), nil); err != nil {
				t.Errorf("Save() = %v", err)
			}
		})
	}
}

func TestOldCard(t *testing.T) {
	for _, answer := range []string{"", "storyteller: unknown flag: --json; see 'storyteller suites --help'\n"} {
		b := &board{}
		if answer != "" {
			b.answers = map[string]string{"suites --json - --short": answer}
		}
		s := connect(t, b)
		if _, err := Run(t.Context(), s.Console, true, nil); err == nil || !strings.Contains(err.Error(), "older version") {
			t.Errorf("Run() = %v; want it to name an older version", err)
		}
	}
}

func TestMeasured(t *testing.T) {
	put := func(text string) string {
		name := filepath.Join(t.TempDir(), "file.json")
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	entry := strings.TrimPrefix(goodMemory, "suite memory begins\n")
	alone := entry[strings.Index(entry, `"report": `)+len(`"report": `) : strings.LastIndex(entry, "}")]
	for name, text := range map[string]string{"an entry": entry, "a report alone": alone} {
		if m, err := Measured(put(text)); err != nil || m.Memory.Fill != 1.1e9 {
			t.Errorf("Measured of %s = %+v, %v", name, m, err)
		}
	}
	for text, want := range map[string]string{
		strings.Replace(entry, "measured", "emulated", 1): "were emulated",
		strings.Replace(entry, "riscv64", "amd64", 1):     "not those of a board",
		`{"suites": [{"name": "memory", "error": "x"}]}`:  "x",
		strings.Replace(entry, "1100000000", "0", 1):      "costs nothing",
		`{"suites": []}`: "no result",
		`[]`:             "cannot unmarshal",
	} {
		if m, err := Measured(put(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Measured(%s) = %+v, %v; want %q", text, m, err, want)
		}
	}
}

func TestLineGone(t *testing.T) {
	far, near, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	s, err := OpenSerial(near.Name(), 115200, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if os.Getuid() != 0 { // root may open it nevertheless
		if _, err := OpenSerial(near.Name(), 115200, nil); err == nil || !strings.Contains(err.Error(), "another program") {
			t.Errorf("a second OpenSerial() = %v; want it refused", err)
		}
	}
	near.Close()
	far.Close() // the adapter is pulled out
	if _, err := Run(t.Context(), s.Console, false, nil); err == nil || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("Run() = %v; want the line gone", err)
	}
}

func TestNobodyThere(t *testing.T) {
	c := NewConsole(io.Discard)
	c.quiet = time.Millisecond
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("too late"))
	defer cancel()
	if _, err := Run(ctx, c, false, nil); err == nil || !strings.Contains(err.Error(), "too late") {
		t.Errorf("Run() = %v; want it to end when time is over", err)
	}
}

func TestOpenSerial(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path string
		baud int
		want string
	}{
		{"/does/not/exist", 115200, "plug the serial adapter in"},
		{file, 115200, "no serial port"},
		{"/dev/null", 115200, "no serial port"},
		{"/dev/null", 12345, "12345 is no speed"},
	} {
		if _, err := OpenSerial(tt.path, tt.baud, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("OpenSerial(%s, %d) = %v; want %q", tt.path, tt.baud, err, tt.want)
		}
	}
}

func TestOverNetwork(t *testing.T) {
	status, kept, stories := http.StatusOK, true, 0
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "{}") })
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, r *http.Request) { stories-- })
	mux.HandleFunc("POST /suites", func(w http.ResponseWriter, r *http.Request) {
		if stories > 0 {
			http.Error(w, "a story is being told", http.StatusConflict)
			return
		}
		w.WriteHeader(status)
		fmt.Fprintln(w, "regression: 3 of 3, short", r.FormValue("short"))
	})
	mux.HandleFunc("GET /results/memory.json", func(w http.ResponseWriter, r *http.Request) {
		if !kept {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, strings.TrimPrefix(goodMemory, "suite memory begins\n"))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	var live strings.Builder
	got, err := OverNetwork(t.Context(), address, true, &live)
	if err != nil || len(got) != 1 || live.String() != "regression: 3 of 3, short 1\n" {
		t.Fatalf("OverNetwork() = %v, %v, %q; want the memory suite", got, err, &live)
	}
	if line, passed := got[0].Summary(); !passed || line != "memory, measured: clock 0.998 GHz, memory 1.10 GB/s, card 20.5 MB/s" {
		t.Errorf("Summary() = %q, %v", line, passed)
	}
	stories = 1 // as after the board's start
	live.Reset()
	if _, err := OverNetwork(t.Context(), address, false, &live); err != nil || !strings.Contains(live.String(), "a story is being told\nregression") {
		t.Errorf("OverNetwork() beside a story = %v, %q; want it stopped", err, &live)
	}
	for code, want := range map[int]string{404: "has no suites", 500: "3 of 3"} {
		status = code
		if _, err := OverNetwork(t.Context(), address, false, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("OverNetwork() with status %d = %v; want %q", code, err, want)
		}
	}
	status, kept = http.StatusOK, false
	if _, err := OverNetwork(t.Context(), address, false, io.Discard); err == nil || !strings.Contains(err.Error(), "no results to fetch") {
		t.Errorf("OverNetwork() without results = %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	server.Close()
	if _, err := OverNetwork(ctx, address, false, io.Discard); err == nil || !strings.Contains(err.Error(), "no page") {
		t.Errorf("OverNetwork() of nobody = %v; want an error", err)
	}
}
