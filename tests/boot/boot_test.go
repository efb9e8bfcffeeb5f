// Package boot boots card images in QEMU, from the card, and reads the console:
// what is told must be what llama2.c's run.c tells, and what is broken must be
// said. Everything here is emulated.
//
// The kernel comes from the builder's cache. A machine that has none builds it
// once, which takes some 20 minutes: go test needs -timeout 120m then.
package boot

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"duostoryteller/imagebuilder/build"
	"duostoryteller/imagebuilder/cachedir"
	"duostoryteller/imagebuilder/emulator"
	"duostoryteller/imagebuilder/fetch"
	"duostoryteller/imagebuilder/inputs"
	"duostoryteller/imagebuilder/linux"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/testmodel"
)

const repository = "../.."

// silence is how long a machine may say nothing while something is waited for,
// and patience how long one may live that does speak: not what a test takes, but
// what it takes at the most, on any PC.
const (
	silence  = 2 * time.Minute
	patience = 30 * time.Minute
)

// buildCard returns a card image with a checkpoint and its tokenizer, built once
// for all tests: they change copies of it. Without the tools for it the test is
// skipped.
func buildCard(t *testing.T, model, tokenizer string) string {
	t.Helper()
	image, err := cards.get(cardKey(t, model, tokenizer), func(out string) string { return buildCardIn(t, out, model, tokenizer) })
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// cards are what buildCard has built.
var cards = shelf{image: make(map[string]string)}

// A shelf keeps cards in a folder of its own until all tests have ended.
type shelf struct {
	mu    sync.Mutex
	dir   string
	image map[string]string // by model
}

func (s *shelf) get(key string, build func(out string) string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if image, ok := s.image[key]; ok {
		return image, nil
	}
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "cards")
		if err != nil {
			return "", err
		}
		s.dir = dir
	}
	image := build(filepath.Join(s.dir, key))
	s.image[key] = image
	return image, nil
}

func TestMain(m *testing.M) {
	status := m.Run()
	os.RemoveAll(cards.dir)
	os.Exit(status)
}

// cardKey tells cards of different models apart.
func cardKey(t *testing.T, files ...string) string {
	t.Helper()
	key := ""
	for _, name := range files {
		sum, _, err := fetch.Sum(name)
		if err != nil {
			t.Fatal(err)
		}
		key += sum[:16]
	}
	return key
}

// buildCardIn builds a card image in the folder out.
func buildCardIn(t *testing.T, out, model, tokenizer string, change ...func(*build.Options)) string {
	t.Helper()
	if testing.Short() {
		t.Skip("boots take minutes: not with -short")
	}
	o, err := emulator.OptionsFor(filepath.Join(repository, "board"), "qemu-virt", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath(o.Emulator.Program); err != nil {
		t.Skipf("%s is %v", o.Emulator.Program, emulator.ErrNotInstalled)
	}
	if _, err := os.Stat(o.Emulator.UBoot); err != nil {
		t.Skipf("%s is %v", o.Emulator.UBoot, emulator.ErrNotInstalled)
	}
	if err := linux.CheckTools(); err != nil {
		t.Skip("the kernel cannot be built: ", err)
	}
	lock, err := inputs.Read(filepath.Join(repository, inputs.File))
	if err != nil {
		t.Fatal(err)
	}
	cache := cacheDir(t)
	var log bytes.Buffer
	begin := time.Now()
	options := build.Options{
		Source: repository, Board: "milkv-duo", Out: out, Cache: cache,
		Locked: &inputs.Store{Lock: lock, Cache: cache},
		Model:  model, Tokenizer: tokenizer,
		Time: moment(), Log: &log,
	}
	for _, f := range change {
		f(&options)
	}
	if err := build.Run(t.Context(), options); err != nil {
		t.Fatalf("the card cannot be built: %v\n%s", err, log.String())
	}
	t.Logf("card built in %.0f s", time.Since(begin).Seconds())
	return filepath.Join(out, build.Image)
}

// cacheDir is the builder's cache.
func cacheDir(t *testing.T) string {
	t.Helper()
	dir, err := cachedir.Dir()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// A machine is one that was booted for a test.
type machine struct {
	*emulator.Machine
	t   *testing.T
	ctx context.Context
	ssh string // address that leads to its port for SSH; "": no network
}

// boot boots a card.
func boot(t *testing.T, image string) *machine {
	t.Helper()
	return bootWith(t, image, patience)
}

// bootWith boots a card for at most so long.
func bootWith(t *testing.T, image string, patience time.Duration) *machine {
	t.Helper()
	return start(t, patience, machineFor(t, image))
}

// machineFor describes the emulated machine for a card.
func machineFor(t *testing.T, image string) emulator.Options {
	t.Helper()
	o, err := emulator.OptionsFor(filepath.Join(repository, "board"), "qemu-virt", image)
	if err != nil {
		t.Fatal(err)
	}
	o.Started = func(cmd string) { t.Log(cmd) }
	o.Silence = silence
	return o
}

// start starts a machine for at most so long, and shows its console if the test fails.
func start(t *testing.T, patience time.Duration, o emulator.Options) *machine {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	m, err := emulator.Start(ctx, o)
	// U-Boot loses some of what is typed where instructions are the clock.
	for try := 1; err != nil && try < 3 && slices.Contains(o.Args, "-icount"); try++ {
		t.Logf("once more: %v", err)
		m, err = emulator.Start(ctx, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.Close()
		if t.Failed() {
			t.Logf("the console:\n%s", m.Console())
		}
	})
	return &machine{Machine: m, t: t, ctx: ctx}
}

func (m *machine) waitFor(pattern string) []string {
	m.t.Helper()
	got, err := m.WaitFor(m.ctx, regexp.MustCompile(pattern))
	if err != nil {
		m.t.Fatal(err)
	}
	return got
}

func (m *machine) send(format string, args ...any) {
	m.t.Helper()
	if err := m.Send(fmt.Sprintf(format, args...)); err != nil {
		m.t.Fatal(err)
	}
}

// show types a command that shows something and waits for it. Init gives a command
// seconds to answer, which on a busy PC are too few: then it is typed again.
func (m *machine) show(command, pattern string) []string {
	m.t.Helper()
	const none = `init: no answer; `
	for range 10 {
		m.send("%s", command)
		if got := m.waitFor(pattern + `|` + none); got[0] != none {
			return got
		}
		m.waitFor(anyPrompt)
	}
	m.t.Fatalf("%s is never answered", command)
	return nil
}

const prompt = `storyteller> $`

// story waits for a whole story and returns it as run.c's standard output.
func (m *machine) story() []byte {
	m.t.Helper()
	got := m.waitFor(`(?s)story starts, seed \d+  MemAvailable \d+ kB\n(?:storyteller: [^\n]*\n)*(.*?)(?:achieved tok/s: ([\d.]+)\n)?(?:(?:storyteller|speech): [^\n]*\n)*init: (\d+) ms  (?:first word|story ends)  MemAvailable (\d+) kB\n`)
	m.t.Logf("%d bytes told at %s tok/s (emulated), first word %s ms after the kernel's start, %s kB available then", len(got[1]), got[2], got[3], got[4])
	lowest := m.waitFor(`memory at its lowest  MemAvailable (\d+) kB\n`)
	m.t.Logf("memory at its lowest: %s kB available", lowest[1])
	return []byte(got[1])
}

// checkCounters asks for the guest's counters: nothing may have been swapped or
// killed, and some memory must be left.
func (m *machine) checkCounters() {
	m.t.Helper()
	m.checkCountersBeside(0)
}

// checkCountersBeside is checkCounters beside a program of the test's own, which holds so many kB.
func (m *machine) checkCountersBeside(held int) {
	m.t.Helper()
	got := m.show("stats", `stats: MemTotal (\d+) kB, MemAvailable (\d+) kB, swap-ins (\d+), swap-outs (\d+), OOM kills (\d+), .*\n`)
	m.t.Log(strings.TrimSpace(got[0]))
	for i, what := range map[int]string{3: "pages swapped in", 4: "pages swapped out", 5: "processes killed for memory"} {
		if got[i] != "0" {
			m.t.Errorf("%s %s; want 0", got[i], what)
		}
	}
	total, _ := strconv.Atoi(got[1])
	available, _ := strconv.Atoi(got[2])
	if total > 64<<10 || available+held < 5<<10 {
		m.t.Errorf("MemTotal %d kB, MemAvailable %d kB beside %d of the test's; want at most 64 MB, at least 5 MB without them", total, available, held)
	}
}

// powerOff switches the machine off, which must end QEMU.
func (m *machine) powerOff() {
	m.t.Helper()
	m.send("poweroff")
	m.waitFor(`init: \d+ ms  switching off`)
	m.ended()
}

func (m *machine) ended() {
	m.t.Helper()
	if err := m.Wait(m.ctx); err != nil {
		m.t.Errorf("QEMU's end: %v; want a clean one", err)
	}
	if strings.Contains(m.Console(), "Kernel panic") {
		m.t.Error("the kernel panicked")
	}
}

// tell has the case told by what is typed on the console.
func (m *machine) tell(c golden.Case) {
	m.t.Helper()
	m.send("tell -s %d -t %v -p %v -n %d %s", c.Seed, c.Temperature, c.TopP, c.Steps, c.Prompt)
	if got := m.story(); !c.Right(got) {
		m.t.Errorf("%s: told %q", c, got)
	}
}

// typeable picks the cases of a model that can be typed, and whose text a
// terminal does not change.
func typeable(t *testing.T, file, model string) []golden.Case {
	t.Helper()
	all, err := golden.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	cases := slices.DeleteFunc(all, func(c golden.Case) bool {
		text, err := hex.DecodeString(c.TextHex)
		return c.Model != model || c.Seed <= 0 || err != nil || bytes.ContainsRune(text, '\r') ||
			strings.TrimSpace(c.Prompt) != c.Prompt || strings.ContainsFunc(c.Prompt, unicode.IsControl) || len(c.Prompt) > 500
	})
	if len(cases) == 0 {
		t.Fatalf("%s has no case of %s that can be typed", file, model)
	}
	return cases
}

// inConfiguration picks a case that storyteller.toml can ask for.
func inConfiguration(cases []golden.Case) golden.Case {
	return cases[slices.IndexFunc(cases, func(c golden.Case) bool {
		return c.Prompt != "" && c.Temperature > 0 && c.TopP > 0 && c.TopP <= 1
	})]
}

// configuration is a storyteller.toml that asks for the case.
func configuration(c golden.Case, steps int) string {
	return fmt.Sprintf("prompt = %q\nseed = %d\ntemperature = %v\ntopp = %v\nsteps = %d\n", c.Prompt, c.Seed, c.Temperature, c.TopP, steps)
}

// TestCard boots one card, whole and damaged, whose small model the repository
// makes itself.
func TestCard(t *testing.T) {
	t.Parallel()
	models := testmodel.Models()
	model := models[slices.IndexFunc(models, func(m testmodel.Model) bool { return m.Name == "separate" })]
	checkpoint, tokenizer, err := model.Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	image := buildCard(t, checkpoint, tokenizer)
	cases := typeable(t, "../testmodel/golden.jsonl", model.Name)

	t.Run("tells stories", func(t *testing.T) {
		first := inConfiguration(cases)
		m := boot(t, changed(t, image, configured(configuration(first, first.Steps))))
		if got := m.story(); !first.Right(got) {
			t.Errorf("%s: told %q", first, got)
		}
		m.waitFor(prompt)
		for _, c := range cases[:min(3, len(cases))] {
			m.tell(c)
			m.waitFor(prompt)
		}
		m.checkCounters()
		m.testKill(first)
		m.powerOff()
	})

	t.Run("reports a bad storyteller.toml and powers off", func(t *testing.T) {
		m := boot(t, changed(t, image, configured("\ufeffseed = \"seven\"\r\nprompt = no quotes\r\nsteps = 20\r\nafter = \"poweroff\"\r\n")))
		m.waitFor(`init: /boot/storyteller\.toml: line 1: seed = "seven" is not allowed: .*\n`)
		m.waitFor(`init: /boot/storyteller\.toml: line 2: not understood .*\n`)
		if got := m.story(); !bytes.HasPrefix(got, []byte("Once upon a time")) {
			t.Errorf("told %q; want the default prompt's story", got)
		}
		m.waitFor(`init: \d+ ms  switching off`)
		m.ended()
	})

	t.Run("rescues a card without model", func(t *testing.T) {
		m := boot(t, changed(t, image, withoutModel))
		m.waitFor(`storyteller: .*model\.bin.*\n`)
		m.waitFor("init: the storyteller cannot tell stories")
		m.waitFor(prompt)
		m.send("help")
		m.waitFor(`tell \[OPTIONS\]`)
		m.waitFor(prompt)
		m.show("ls /usr/share/storyteller", "tokenizer.bin\n")
		m.powerOff()
	})

	t.Run("rescues a card with a broken tokenizer and FAT", func(t *testing.T) {
		broken := changed(t, image, brokenTokenizer)
		if err := breakFAT(broken); err != nil {
			t.Fatal(err)
		}
		// Whether U-Boot still reads it depends on U-Boot; it is damaged after that.
		o := machineFor(t, broken)
		o.BootSD = bootSD(t, image)
		m := start(t, patience, o)
		m.waitFor(`init: card: partition 1 .* holds no readable FAT`)
		m.waitFor(`init: no story: /usr/share/storyteller/tokenizer\.bin: it has not the \d+ bytes that it should have; write the card anew`)
		m.waitFor(prompt)
		m.send("A story all the same")
		m.waitFor(`init: no story: .*\n`)
		m.waitFor(prompt)
		m.show("cat /proc/version", `Linux version`)
		m.send("reboot")
		m.waitFor(`init: \d+ ms  starting again`)
		m.ended()
	})
}

// testKill kills the storyteller in the middle of a story: it must be started
// again and tell the same story from its beginning.
func (m *machine) testKill(c golden.Case) {
	m.t.Helper()
	for range 5 {
		// Both lines at once, to find the process while it lives.
		m.send("tell -s %d -t %v -p %v -n %d %s\nmemory", c.Seed, c.Temperature, c.TopP, c.Steps, c.Prompt)
		pid := m.waitFor(`(?:\n *(\d+) .* storyteller|storyteller> $)`)[1]
		if pid == "" {
			continue
		}
		m.send("kill %s", pid)
		if got := m.waitFor(`died \(SIGKILL\); starting it again|no process`); got[0] == "no process" {
			continue
		}
		if got := m.story(); !c.Right(got) {
			m.t.Errorf("after its death: %s: told %q", c, got)
		}
		return
	}
	m.t.Error("the storyteller was never alive long enough to kill it")
}

// TestData boots cards with the checkpoints that are too big for the repository.
func TestData(t *testing.T) {
	t.Parallel()
	tests := []struct {
		model, tokenizer, golden string
		steps                    int // 0: the case's own
	}{
		{"stories260K.bin", "stories260K_tok512.bin", "golden/stories260K.jsonl", 0},
		// The beginning only: an emulated machine is slow.
		{"standin15M.bin", "tokenizer.bin", "golden/standin15M.jsonl", 16},
	}
	for _, tt := range tests {
		t.Run(tt.model, func(t *testing.T) {
			image := buildCard(t, golden.Data(t, tt.model), golden.Data(t, tt.tokenizer))
			c := inConfiguration(typeable(t, golden.Data(t, tt.golden), tt.model))
			steps := cmp.Or(tt.steps, c.Steps)
			m := boot(t, changed(t, image, configured(configuration(c, steps))))
			got := m.story()
			if tt.steps == 0 && !c.Right(got) {
				t.Errorf("%s: told %q", c, got)
			}
			want, _ := hex.DecodeString(c.TextHex)
			got = bytes.TrimSuffix(got, []byte("\n"))
			if len(got) <= len(c.Prompt) || !bytes.HasPrefix(want, got) {
				t.Errorf("%s, but %d steps: told %q; want a beginning of %q", c, steps, got, want)
			}
			m.waitFor(prompt)
			m.checkCounters()
			m.powerOff()
		})
	}
}
