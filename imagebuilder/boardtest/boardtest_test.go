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

const (
	goodVerify = `{
  "environment": {"kind": "measured"},
  "reference": "llama2.c's run.c",
  "right": 2, "total": 2, "pass_rate": 1,
  "results": [{"text": "Once {upon} a\nstoryteller> time"}]
}
`
	goodBench = "storyteller: a note before\n" + `{
  "environment": {"kind": "measured"},
  "runs": [{"tokens_per_second": 25}],
  "tokens_per_second": {"mean": 25, "min": 24, "max": 26}
}
`
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
		b := &board{boots: boots, answers: map[string]string{"verify --json -": goodVerify, "bench --json -": goodBench, "bench --engine fast --json -": goodBench}}
		s := connect(t, b)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		list, err := Run(ctx, s.Console, false, nil)
		if err != nil || len(list) != 3 {
			t.Fatalf("Run() = %v, %v; want three suites", list, err)
		}
		for i, want := range []string{
			"regression, measured: 2 of 2 texts right (100.0 %), compared with llama2.c's run.c",
			"performance, measured: 25.00 tokens/s, mean of 1 runs without the extremes (24.00 to 26.00)",
		} {
			if got, ok := list[i].Summary(); got != want || !ok {
				t.Errorf("Summary() = %q, %v; want %q", got, ok, want)
			}
		}
		r := Results{Board: "duo", Time: time.Unix(1_700_000_000, 0), Suites: list}
		if !r.Passed() {
			t.Error("Passed() = false; want true")
		}
		dir := filepath.Join(t.TempDir(), "results")
		name, err := r.Save(dir)
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
		if left, _ := os.ReadDir(dir); len(left) != 2 {
			t.Errorf("%v in the folder; want two files", left)
		}
		page, err := os.ReadFile(strings.TrimSuffix(name, ".json") + ".html")
		if err != nil || !strings.Contains(string(page), "measured") {
			t.Errorf("the report says %q, %v; want it to name what was measured", page, err)
		}
	}
}

func TestBroken(t *testing.T) {
	for _, tt := range []struct{ name, verify, want string }{
		{"wrong text", strings.Replace(goodVerify, `"right": 2`, `"right": 1`, 1), "1 of 2 texts right"},
		{"no cases", "{}\n", "no cases"},
		{"damaged", "{\n  \"environment\": {\"ki[ 12.3] usb 1-1: reset\nnd\"", "damaged"},
		{"out of memory", "storyteller: cannot allocate memory\n", "cannot allocate memory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := connect(t, &board{answers: map[string]string{"verify --json -": tt.verify, "bench --json -": goodBench, "bench --engine fast --json -": goodBench}})
			list, err := Run(t.Context(), s.Console, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := list[0].Summary(); ok || !strings.Contains(got, tt.want) || strings.Contains(got, "\n") {
				t.Errorf("Summary() = %q, %v; want a failure, one line with %q", got, ok, tt.want)
			}
			if _, ok := list[1].Summary(); !ok || (Results{Suites: list}).Passed() {
				t.Errorf("the other suite passed: %v; want true, and not all", ok)
			}
		})
	}
}

func TestOldCard(t *testing.T) {
	s := connect(t, &board{})
	list, err := Run(t.Context(), s.Console, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := list[0].Summary(); ok || !strings.Contains(got, "older version") {
		t.Errorf("Summary() = %q; want it to name an older version", got)
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
	status := http.StatusOK
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "{}") })
	mux.HandleFunc("POST /suites", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintln(w, "regression: 3 of 3")
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	var live strings.Builder
	if got, err := OverNetwork(t.Context(), address, &live); string(got) != "regression: 3 of 3\n" || err != nil || live.String() != string(got) {
		t.Errorf("OverNetwork() = %q, %v", got, err)
	}
	for code, want := range map[int]string{404: "has no suites", 409: "3 of 3"} {
		status = code
		if _, err := OverNetwork(t.Context(), address, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("OverNetwork() with status %d = %v; want %q", code, err, want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	server.Close()
	if _, err := OverNetwork(ctx, address, io.Discard); err == nil || !strings.Contains(err.Error(), "no page") {
		t.Errorf("OverNetwork() of nobody = %v; want an error", err)
	}
}
