package regress

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"duostoryteller/imagebuilder/boardtest"
	"duostoryteller/imagebuilder/card"

	"github.com/creack/pty"
)

// stage is what stands around a board that a test plays: a file is its card, a script
// its power switch, a pseudo-terminal its serial line.
type stage struct {
	Options
	log      *bytes.Buffer
	card     string   // the file
	line     *os.File // the board's end of the serial line
	switched []string // what the script was called with
}

// play puts a board on a bench. When it is switched on it says what it says when it
// boots, and then does what answer does, which ends when the line is closed.
func play(t *testing.T, boot string, answer func(line *os.File)) *stage {
	t.Helper()
	far, near, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	dir := t.TempDir()
	s := &stage{log: new(bytes.Buffer), card: filepath.Join(dir, "card.img"), line: far}
	image := smallImage()
	put(t, s.card, "", 0o644)
	if err := os.Truncate(s.card, image.Size()+1<<20); err != nil {
		t.Fatal(err)
	}
	c, err := ParseCard("file:" + s.card)
	if err != nil {
		t.Fatal(err)
	}
	// The script tells the test, and ends when the board has said what it says at once:
	// no test depends on how soon that is.
	pipe := func(name string) *os.File {
		name = filepath.Join(dir, name)
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(name, os.O_RDWR, 0) // which does not wait for the other end
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	calls, done := pipe("calls"), pipe("done")
	script := filepath.Join(dir, "power's switch")
	put(t, script, "#!/bin/sh\ncd \"${0%/*}\" && echo \"$2 $1\" >calls && read done <done\n", 0o755)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var playing sync.WaitGroup
		defer playing.Wait()
		for lines := bufio.NewScanner(calls); lines.Scan() && lines.Text() != "end"; {
			s.switched = append(s.switched, lines.Text())
			if lines.Text() == "on port 3" {
				say(far, boot)
				playing.Go(func() { answer(far) })
			}
			io.WriteString(done, "done\n")
		}
	}()
	t.Cleanup(func() {
		far.Close()
		near.Close()
		io.WriteString(calls, "end\n")
		<-ended
	})
	s.Options = Options{
		Board: "milkv-duo", Card: c, Power: `"` + script + `" 'port 3'`, Serial: near.Name(), Baud: 115200,
		Image: image, Size: image.Size(), Time: time.Unix(1_700_000_000, 0), Short: true,
		Silence: time.Minute, Start: 10 * time.Minute, Log: s.log,
	}
	return s
}

// smallImage is that of a small card.
var smallImage = sync.OnceValue(func() *bytes.Reader {
	f, err := os.CreateTemp("", "image")
	if err != nil {
		panic(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	const mib = 1 << 20
	root := bytes.NewReader(bytes.Repeat([]byte("root"), 1024))
	if _, err := card.Write(f, card.Spec{
		Layout: card.Layout{BootStart: mib, BootSize: 34 * mib, RootStart: 35 * mib, RootSize: mib}, Label: "STORY",
		Files: []card.File{{Name: "boot.sd", Data: []byte("boot")}}, Root: root, RootSize: root.Size(), Time: time.Unix(1_700_000_000, 0),
	}); err != nil {
		panic(err)
	}
	data, err := os.ReadFile(f.Name())
	if err != nil {
		panic(err)
	}
	return bytes.NewReader(data)
})

// What a board says, after the emulated Duo's console.
const (
	rom      = "C.SCS/0/0.C.SCS/0/0.WD.URPL.B.SCS/0/0.BS/SD.PS.SD/0x0/0x1000/0x1000/0.PE.BE.J.\n"
	loader   = rom + "\n\nU-Boot 2021.10-gd57da1ad8 (Mar 01 2024 - 00:00:00 +0000) milkv_duo\n\nDRAM:  63.3 MiB\nHit any key to stop autoboot:  0\n"
	linux    = loader + "Boot from SD ...\n## Loading kernel from FIT Image at 81400000 ...\nStarting kernel ...\n\n[    0.000000] Linux version 7.3.1\n[    0.000000] printk: bootconsole [sbi0] enabled\n"
	running  = linux + "init: 812 ms  root mounted\n"
	telling  = running + "init: 950 ms  story starts, seed 42  MemAvailable 41000 kB\nOnce upon a time, there was a little girl named Lily."
	complete = telling + " The end.\nachieved tok/s: 39.5\ninit: 7400 ms  first word  MemAvailable 9000 kB\ninit: 14000 ms  story ends  MemAvailable 9000 kB\ninit: 14000 ms  memory at its lowest  MemAvailable 8000 kB\nstoryteller> "
)

// suites are what the board's suites say.
const suites = `suite regression begins
{
  "name": "regression",
  "report": {
    "environment": {"kind": "emulated", "machine": "Milk-V Duo", "card_sha256": "0123456789abcdef"},
    "reference": "llama2.c's run.c",
    "right": 2, "total": 2, "pass_rate": 1,
    "results": [{"command": "-s 1", "right": true, "text": "Once"}, {"command": "-s 2", "right": true, "text": "upon"}]
  }
}
suite performance begins
{
  "name": "performance",
  "report": {
    "environment": {"kind": "emulated"},
    "runs": [{"tokens_per_second": 25}],
    "tokens_per_second": {"mean": 25, "min": 24, "max": 26}
  }
}
init: 99000 ms  suites ends
storyteller> `

func say(line io.Writer, text string) {
	io.WriteString(line, strings.ReplaceAll(text, "\n", "\r\n"))
}

// silent is a board that says nothing more.
func silent(*os.File) {}

// answers is a board that answers what is typed.
func answers(suites string) func(*os.File) {
	return func(line *os.File) {
		for typed := bufio.NewScanner(line); typed.Scan(); {
			say(line, typed.Text()+"\n")
			if strings.HasPrefix(typed.Text(), "suites ") {
				say(line, suites)
			} else {
				say(line, "storyteller> ")
			}
		}
	}
}

// damaged is text with every so many bytes damaged, as by another speed of the line.
func damaged(text string, every int) string {
	b := []byte(text)
	for i := range b {
		if i%every == 0 && b[i] != '\n' {
			b[i] ^= 0x90
		}
	}
	return string(b)
}

func TestGood(t *testing.T) {
	t.Parallel()
	s := play(t, complete, answers(suites))
	s.Parts = "0123456789abcdef"
	var said []string
	s.Say = func(what string) { said = append(said, what) }
	r, err := Run(t.Context(), s.Options)
	if err != nil || !r.Passed() {
		t.Fatalf("Run() = %+v, %v; want it passed", r, err)
	}
	want := []string{lineStep, offStep, findStep, writeStep, switchStep, onStep, "U-Boot speaks", "U-Boot starts the kernel", "the card's init runs",
		"the story begins", "the story is told", "the board prompts", "the regression suite", "the performance suite", sameStep}
	if got, want := strings.Join(said, "; "), strings.Join(want, "; "); got != want {
		t.Errorf("said %s\nwant %s", got, want)
	}
	if r.Kind != "emulated" {
		t.Errorf("the figures are %q; want emulated", r.Kind)
	}
	s.mustBeOff(t)
	// What is on the card is the image.
	got, err := os.ReadFile(s.card)
	if err != nil {
		t.Fatal(err)
	}
	im, err := card.Open(s.Image, s.Size)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range im.Used() {
		want := make([]byte, e.Size)
		if _, err := s.Image.ReadAt(want, e.Start); err != nil || !bytes.Equal(got[e.Start:e.Start+e.Size], want) {
			t.Errorf("the card differs from its image in %+v, %v", e, err)
		}
	}
	if log := strings.ReplaceAll(s.log.String(), "\r", ""); !strings.HasPrefix(log, complete) || !strings.HasSuffix(log, suites) {
		t.Errorf("the log has not all that the board said: %q", log)
	}
	files := save(t, r)
	for ending, text := range files {
		// The page explains the word once.
		if n := strings.Count(text, `>measured<`) + strings.Count(text, `"measured"`); n > 1 || n == 1 && ending != ".html" {
			t.Errorf("%s says %d times that something was measured", ending, n)
		}
		if !strings.Contains(text, "emulated") {
			t.Errorf("%s does not say that the board was emulated", ending)
		}
	}
	if x := readXML(t, files[".xml"]); x.Tests != 13+2+1 || x.Failures+x.Errors+x.Skipped != 0 {
		t.Errorf("JUnit's report = %+v; want 16 tests, all passed", x)
	}
}

// mustBeOff fails unless the board was off before the card was touched, then on, and
// is off now.
func (s *stage) mustBeOff(t *testing.T) {
	t.Helper()
	if got, want := strings.Join(s.switched, ", "), "off port 3, on port 3, off port 3"; got != want {
		t.Errorf("the power was switched %s; want %s", got, want)
	}
}

// save saves results and returns the files by their endings.
func save(t *testing.T, r boardtest.Results) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if _, err := r.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, ending := range []string{".json", ".html", ".xml"} {
		text, err := os.ReadFile(r.Stem(dir) + ending)
		if err != nil {
			t.Fatal(err)
		}
		files[ending] = string(text)
	}
	return files
}

// junit is what a CI server reads.
type junit struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
	Suites   []struct {
		Name  string `xml:"name,attr"`
		Cases []struct {
			Name    string `xml:"name,attr"`
			Failure struct {
				Message string `xml:"message,attr"`
			} `xml:"failure"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func readXML(t *testing.T, text string) (x junit) {
	t.Helper()
	if err := xml.Unmarshal([]byte(text), &x); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return x
}

// TestFaults has a bench fail in every way that somebody at a bench meets: each is one
// clear line, the results say where it was, and the board is off.
func TestFaults(t *testing.T) {
	const quiet = 3 * time.Second // for those whose fault is silence
	for _, tt := range []struct {
		name, step, want string
		boot             string // "-": the board is never switched on
		with             func(*stage)
	}{
		{"dead board", "U-Boot speaks", "the board is dead: not a byte came in 3s", "", func(s *stage) { s.Silence = quiet }},
		{"plug pulled in mid-story", "the story is told", "the board fell silent in mid-story for 3s: its power, or the serial line, was cut", telling, func(s *stage) { s.Silence = quiet }},
		{"plug pulled and put back", "the story is told", "the board started again by itself in mid-story: its power failed", telling + loader, nil},
		{"adapter pulled", "the story is told", "is gone", telling, func(s *stage) {
			s.Say = func(what string) {
				if what == "the story begins" {
					s.line.Close()
				}
			}
		}},
		{"no U-Boot", "U-Boot speaks", "the board speaks, but U-Boot never does", rom + "E:Boot failed\n", func(s *stage) { s.Silence = quiet }},
		{"no boot.sd", "U-Boot starts the kernel", `the firmware does not start this card: U-Boot says "Failed to load 'boot.sd'"`, loader + "Boot from SD ...\nFailed to load 'boot.sd'\nmilkv_duo# ", nil},
		{"another U-Boot", "U-Boot starts the kernel", `U-Boot says "SCRIPT FAILED: continuing..."`, loader + "SCRIPT FAILED: continuing...\n=> ", nil},
		{"another system", "the card's init runs", `another system than the card's has started: it says "milkv-duo login:"`, linux + "Starting syslogd: OK\n\nmilkv-duo login: ", nil},
		{"another system, root's", "the card's init runs", `it says "[root@milkv-duo]~#"`, linux + "Starting app...\n\n[root@milkv-duo]~# ", nil},
		{"no init", "the card's init runs", "not the card's init", linux, func(s *stage) { s.Silence = quiet }},
		{"panic", "the card's init runs", `the kernel gives up: "Kernel panic - not syncing: No working init found."`, linux + "[    1.2] Kernel panic - not syncing: No working init found.\n", nil},
		{"no model", "the story is told", "the card's storyteller cannot tell a story: \"storyteller: cannot open model.bin\"", telling + "\nstoryteller: cannot open model.bin\ninit: the storyteller cannot tell stories, see above; `help` works here\n", nil},
		{"no story", "the story begins", "has told no story", running + "storyteller> ", nil},
		{"a story without words", "the story is told", "the story has no word", strings.Replace(complete, "Once upon a time, there was a little girl named Lily. The end.", "", 1), nil},
		{"another speed", "U-Boot speaks", "the serial line is garbled: ", damaged(complete, 1), nil},
		{"another speed, few bytes", "U-Boot speaks", "the serial line is garbled: 20 of 20 bytes", damaged(rom[:20], 1), func(s *stage) { s.Silence = quiet }},
		{"a bad line", "the story begins", "the serial line is garbled: ", strings.Replace(running, "DRAM:", damaged(rom, 3), 1) + strings.TrimPrefix(complete, running), nil},
		{"no card", findStep, "there is no card /does/not/exist", "-", func(s *stage) { s.Card.device = "/does/not/exist" }},
		{"no reader", findStep, "/does/not/exist: no such file or directory; with a card in the reader, lsblk", "-", func(s *stage) { s.Card = Card{device: "/does/not/exist"} }},
		{"a file as a device", findStep, "file:", "-", func(s *stage) { s.Card.kind = reader }},
		{"small card", findStep, "a larger card is needed", "-", func(s *stage) { os.Truncate(s.card, 1<<20) }},
		{"no mux", findStep, "no mux /dev/usb-sd-mux/id-1", "-", func(s *stage) { s.Card = Card{kind: usbsdmux, mux: "/dev/usb-sd-mux/id-1", sys: "/sys"} }},
		{"no other mux", findStep, "no mux with the serial number sd-wire_1", "-", func(s *stage) { s.Card = Card{kind: sdMux, mux: "sd-wire_1", sys: t.TempDir()} }},
		{"no serial line", lineStep, "plug the serial adapter in", "-", func(s *stage) { s.Serial = "/does/not/exist" }},
		{"no switch", offStep, "`./no-such-switch off` fails: exit status 127: ", "-", func(s *stage) { s.Power = "./no-such-switch" }},
		{"a bad switch", offStep, "fails: exit status 3: No compatible devices detected!", "-", func(s *stage) { s.Power = "echo Permission denied; echo No compatible devices detected! >&2; exit 3;" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, tt.boot, silent)
			if tt.with != nil {
				tt.with(s)
			}
			r, err := Run(t.Context(), s.Options)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("Run() = %v; want one line with %q", err, tt.want)
			}
			t.Log(err)
			if r.Passed() {
				t.Error("the results say that all passed")
			}
			if tt.boot != "-" {
				s.mustBeOff(t)
			}
			failed := ""
			files := save(t, r)
			x := readXML(t, files[".xml"])
			for _, c := range x.Suites[0].Cases {
				if c.Failure.Message != "" {
					failed = c.Name
				}
			}
			if failed != tt.step || x.Failures != 1 || x.Skipped == 0 {
				t.Errorf("JUnit's report has %d failures, %d skipped, and %q failed; want 1, some, %q", x.Failures, x.Skipped, failed, tt.step)
			}
			for _, ending := range []string{".json", ".html"} {
				if !strings.Contains(html.UnescapeString(files[ending]), failed) {
					t.Errorf("%s does not say what failed", ending)
				}
			}
		})
	}
}

// regexpFailed finds the name of a case that failed.
var regexpFailed = regexp.MustCompile(`classname="[^"]+" name="([^"]+)"[^>]*>\s*<(?:failure|error) `)

// TestTimeOver ends a run from without, as the whole run's limit or Ctrl-C does.
func TestTimeOver(t *testing.T) {
	t.Parallel()
	s := play(t, telling, silent)
	ctx, cancel := context.WithCancelCause(t.Context())
	s.Say = func(what string) {
		if what == "the story begins" {
			cancel(errors.New("6h0m0s have passed"))
		}
	}
	r, err := Run(ctx, s.Options)
	if err == nil || !strings.HasPrefix(err.Error(), "6h0m0s have passed before the story is told; its last words: ") || r.Passed() {
		t.Errorf("Run() = %v, passed: %v; want what ended it, and where", err, r.Passed())
	}
	s.mustBeOff(t)
}

// TestSuites breaks what comes behind the prompt.
func TestSuites(t *testing.T) {
	regression := suites[:strings.Index(suites, "suite performance")]
	for _, tt := range []struct {
		name, suites, want, failed string
		with                       func(*stage)
	}{
		{"a wrong text", strings.Replace(strings.Replace(suites, `"right": 2`, `"right": 1`, 1), `"right": true`, `"right": false`, 1), "", "-s 1", nil},
		{"the board starts again", regression + "suite performance begins\n" + loader, "the performance suite does not end: the board has started again by itself", "performance", nil},
		{"another card", suites, "the suites ran on another card", sameStep, func(s *stage) { s.Parts = "fedcba9876543210" }},
		{"figures that were not measured", strings.Replace(suites, `"emulated"}`, `"measured"}`, 1), "", "performance", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, complete, answers(tt.suites))
			if tt.with != nil {
				tt.with(s)
			}
			r, err := Run(t.Context(), s.Options)
			if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run() = %v; want %q", err, tt.want)
			}
			if r.Passed() {
				t.Error("the results say that all passed")
			}
			if len(r.Suites) != 2 {
				t.Errorf("%d suites are kept; want both", len(r.Suites))
			}
			text := save(t, r)[".xml"]
			failed := regexpFailed.FindStringSubmatch(text)
			if failed == nil || failed[1] != tt.failed {
				t.Errorf("failed in JUnit's report: %q; want %q:\n%s", failed, tt.failed, text)
			}
		})
	}
}
