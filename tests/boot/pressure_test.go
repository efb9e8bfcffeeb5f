package boot

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"duostoryteller/app/llama"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/rootfs"
	"duostoryteller/tests/golden"
)

// tooLarge boots a card whose model, llama2.c's 42M in shape, takes more
// memory than the machine has: it is refused in a line, and nothing is killed.
func (k tough) tooLarge(t *testing.T) {
	shape := llama.Config{Dim: 512, HiddenDim: 1376, Layers: 8, Heads: 8, KVHeads: 8, VocabSize: 32000, SeqLen: 1024, SharedClassifier: true}
	model := filepath.Join(t.TempDir(), "42M.bin")
	f, err := os.Create(model)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// The weights are zeros; what counts is how many.
	if err := binary.Write(f, binary.LittleEndian, []int32{512, 1376, 8, 8, 8, 32000, 1024}); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(shape.FileSize()); err != nil {
		t.Fatal(err)
	}
	large := changedTo(t, k.image, func(l []card.Partition) { l[1].Size = 256 << 20 }, func(c contents) {
		withoutModel(c)
		const path = "/usr/share/storyteller/model.bin"
		file, err := rootfs.HostFile(path, 0o644, model)
		if err != nil {
			t.Fatal(err)
		}
		c.root[path] = file
	})
	m := boot(t, large)
	m.waitFor(`storyteller: .*this model is too large for this machine: it takes \d+ MB of memory.*\n`)
	m.waitFor("init: the storyteller cannot tell stories")
	m.waitFor(prompt)
	m.unharmed(0)
	m.powerOff()
}

// anyPrompt is a prompt behind which the kernel may have said something.
const anyPrompt = `storyteller> `

// unharmed asks for the guest's counters: only so many processes may have been
// killed for want of memory, and init is process 1 still, the last to be killed.
func (m *machine) unharmed(kills int) {
	m.t.Helper()
	got := m.show("stats", `stats: .*OOM kills (\d+), .*\n`)
	m.t.Log(strings.TrimSpace(got[0]))
	if n, _ := strconv.Atoi(got[1]); n < min(kills, 1) || n > kills {
		m.t.Errorf("%d processes killed for want of memory; want at most %d, and some if any", n, kills)
	}
	m.waitFor(anyPrompt)
	m.show("memory", `(?m)^ *1 .* -1000  init$`)
	m.waitFor(anyPrompt)
	if strings.Contains(m.Console(), "Kernel panic") || strings.Contains(m.Console(), "fault of init") {
		m.t.Error("init or the kernel came to harm")
	}
}

// leaking is a voice that takes memory for ever. It speaks all the while, a sample
// for every 4 MB, and keeps its own program in the memory, which else would be read
// from the card again and again before it is killed: on a slow machine so long that
// it is held for hung.
const leaking = `package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"syscall"
)

func main() {
	frame := func(kind string, payload []byte) {
		os.Stdout.Write(append(binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(payload))), payload...))
	}
	maps, err := os.ReadFile("/proc/self/maps")
	check(err)
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 && strings.Contains(line, "/voice-") {
			if _, _, errno := syscall.Syscall(syscall.SYS_MLOCK, from, to-from, 0); errno != 0 {
				check(errno)
			}
		}
	}
	frame("RATE", binary.LittleEndian.AppendUint32(nil, 16000))
	for {
		_, err := syscall.Mmap(-1, 0, 4<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_POPULATE)
		check(err)
		frame("PCM ", []byte{0, 0})
	}
}

func check(err error) {
	if err != nil {
		println("leaking:", err.Error())
		os.Exit(1)
	}
}
`

// compile makes a program for the board of a Go source file.
func compile(t *testing.T, text string) (program string) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return goBuild(t, source)
}

// goBuild makes a program for the board of a Go source file or package.
func goBuild(t *testing.T, source string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, source)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=riscv64", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return program
}

// put gives a tree of files another program.
func put(t *testing.T, root map[string]rootfs.File, path, program string) {
	t.Helper()
	file, err := rootfs.HostFile(path, 0o755, program)
	if err != nil {
		t.Fatal(err)
	}
	root[path] = file
}

// leak has a voice eat up the memory: the voice is killed, not the
// storyteller, and the story is told to its end, word for word.
func (k tough) leak(t *testing.T) {
	c := k.c
	program := compile(t, leaking)
	m, _ := bootWithSound(t, changed(t, k.image, func(files contents) {
		configured(configuration(c, c.Steps) + "voice = \"kal16\"\n")(files)
		put(t, files.root, "/usr/lib/storyteller/voices/voice-kal16", program)
	}))
	// The kernel's lines and the storyteller's stand in the middle of the story.
	text := m.waitFor(`(?s)story starts, seed \d+  MemAvailable \d+ kB\n(.*?)achieved tok/s`)[1]
	notes := regexp.MustCompile(`\[ *\d+\.\d+\] [^\n]*\n|\n?storyteller: [^\n]*\n`)
	if got := notes.ReplaceAllString(text, ""); !c.Right([]byte(got)) {
		t.Errorf("%s: told %q", c, got)
	}
	m.waitForAny(`voice: it ended \(signal: killed\); started again\n`)
	m.waitForAny(`sentence skipped: [^\n]*; the story goes on\n`)
	if regexp.MustCompile(`the storyteller died`).MatchString(m.Console()) {
		t.Error("the storyteller died instead of the voice")
	}
	const lives = 10 // the voice is given up before
	m.unharmed(lives)
	m.powerOff()
}

// waitForAny waits until the console has said something, also before.
func (m *machine) waitForAny(pattern string) {
	m.t.Helper()
	if !regexp.MustCompile(pattern).MatchString(m.Console()) {
		m.waitFor(pattern)
	}
}

// atOnce asks the page for a story twice at once, with one seed, and returns how many
// were told. Who is refused is told why in a line; the others' stories are right.
func (m *machine) atOnce(page string, c golden.Case) (begun int) {
	m.t.Helper()
	body, err := json.Marshal(map[string]any{"prompt": c.Prompt, "seed": c.Seed, "temperature": c.Temperature, "topp": c.TopP, "steps": c.Steps})
	if err != nil {
		m.t.Fatal(err)
	}
	var told atomic.Int64
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			response, err := once.Post(page+"/story", "application/json", bytes.NewReader(body))
			if err != nil {
				m.t.Error(err)
				return
			}
			defer response.Body.Close()
			text, _ := io.ReadAll(response.Body)
			switch {
			case response.StatusCode == http.StatusOK:
				told.Add(1)
			case response.StatusCode != http.StatusConflict || !strings.HasPrefix(string(text), "another story is being told"):
				m.t.Errorf("POST /story = %s: %s; want a story, or that another is being told", response.Status, text)
			}
		})
	}
	both.Wait()
	if told.Load() == 0 {
		m.t.Error("of two stories asked for at once none was told")
	}
	for range told.Load() {
		if got := m.story(); !c.Right(got) {
			m.t.Errorf("%s: told %q", c, got)
		}
		m.waitFor(prompt)
	}
	return int(told.Load())
}

// crowd has 200 browsers at once ask the page for everything while stories
// are told: some may be refused, in a line, but the stories come, word for word.
func (k tough) crowd(t *testing.T) {
	c := k.c
	m, page := bootWithNetwork(t, changed(t, k.image, configured("steps = 8\nvoice = \"off\"\n")))
	m.story()
	m.waitForAny(`storyteller: the page is at http://192.168.42.1/\n`)
	m.waitFor(prompt)
	const clients = 200
	ctx, cancel := context.WithCancel(m.ctx)
	var crowd sync.WaitGroup
	var served, refused, failed atomic.Int64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}, Timeout: time.Minute}
	for i := range clients {
		crowd.Go(func() {
			for ctx.Err() == nil {
				path := []string{"/", "/events", "/status", "/stories", "/assets/page.js"}[i%5]
				request, err := http.NewRequestWithContext(ctx, "GET", page+path, nil)
				if err != nil {
					return
				}
				response, err := client.Do(request)
				if err != nil {
					failed.Add(1)
					time.Sleep(200 * time.Millisecond)
					continue
				}
				body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
				response.Body.Close()
				switch {
				case response.StatusCode == http.StatusOK:
					served.Add(1)
				case strings.Count(strings.TrimSpace(string(body)), "\n") == 0:
					refused.Add(1)
				default:
					t.Errorf("GET %s = %s, in several lines", path, response.Status)
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	for range 3 {
		m.tell(c)
		m.waitFor(prompt)
	}
	for served.Load() < clients && ctx.Err() == nil { // on a busy PC three stories are too few
		time.Sleep(100 * time.Millisecond)
	}
	cancel()
	crowd.Wait()
	t.Logf("%d requests served, %d refused, %d without an answer in a minute or broken off", served.Load(), refused.Load(), failed.Load())
	if served.Load() < clients {
		t.Errorf("%d requests served; want each of %d browsers to get something", served.Load(), clients)
	}
	m.unharmed(0)
	// And when they have gone, all is as before.
	response, err := http.Get(page + "/")
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("afterwards the page = %v, %v", response, err)
	}
	response.Body.Close()
	begun := 0
	for range 5 {
		begun += m.atOnce(page, c)
	}
	t.Logf("5 times two stories asked for at once: %d told", begun)
	m.powerOff()
}
