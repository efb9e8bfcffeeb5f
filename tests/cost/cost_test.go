// Package cost holds the engines to a budget of instructions a token. The
// programs are built for the board's processor and run in user-mode QEMU, where
// a plugin of ours counts what is outside Go's runtime: figures are the
// same on every PC.
//
// A change that makes a token dearer by more than the tolerance fails. If it is
// worth that, or if it made tokens cheaper, write the new figures with
//
//	go test ./tests/cost -update
//
// and commit budget.json.
package cost

import (
	"bytes"
	"cmp"
	"context"
	"debug/elf"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"duostoryteller/imagebuilder/cachedir"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/packing"
	"duostoryteller/tests/testmodel"
)

var update = flag.Bool("update", false, "write budget.json anew")

// tolerance is by how much a token may become dearer.
const tolerance = 0.03

const budgetFile = "budget.json"

func TestBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("emulation takes a minute: not with -short")
	}
	c := newCounter(t)
	budget := map[string]int64{}
	if data, err := os.ReadFile(budgetFile); err != nil {
		if !*update {
			t.Fatal(err)
		}
	} else if err := json.Unmarshal(data, &budget); err != nil {
		t.Fatalf("%s: %v", budgetFile, err)
	}
	measured := map[string]int64{}
	check := func(t *testing.T, name, checkpoint, tokenizer string, tokens int) {
		packed := packing.File(t, checkpoint, fewTokens)
		for _, kind := range []string{"exact", "fast"} {
			key := name + " " + kind
			got := c.perToken(t, packed, tokenizer, kind, tokens)
			measured[key] = got
			want, ok := budget[key]
			switch most := want + int64(float64(want)*tolerance); {
			case *update:
			case !ok:
				t.Errorf("%s: %d instructions a token, and no budget; go test ./tests/cost -update writes one", key, got)
			case got > most:
				t.Errorf("%s: %d instructions a token; the budget is %d, and %.0f %% more", key, got, want, 100*tolerance)
			default:
				t.Logf("%s: %d instructions a token (emulated); the budget is %d", key, got, want)
			}
		}
	}
	for _, m := range testmodel.Models() {
		if m.Name != "shared" && m.Name != "separate" {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			checkpoint, tokenizer, err := m.Files(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			check(t, m.Name, checkpoint, tokenizer, 32)
		})
	}
	t.Run("standin15M", func(t *testing.T) {
		check(t, "standin15M", golden.Data(t, "standin15M.bin"), golden.Data(t, "tokenizer.bin"), 24)
	})
	if *update {
		maps.Copy(budget, measured)
		data, err := json.MarshalIndent(budget, "", "  ")
		if err == nil {
			err = os.WriteFile(budgetFile, append(data, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %s", budgetFile, data)
	}
}

// TestRepeats holds the counting to what the budget rests on. Where Go's
// allocator puts small things depends on its threads, and so do a few
// instructions of what moves them.
func TestRepeats(t *testing.T) {
	if testing.Short() {
		t.Skip("emulation takes a minute: not with -short")
	}
	c := newCounter(t)
	checkpoint, tokenizer, err := testmodel.Models()[0].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	packed := packing.File(t, checkpoint, fewTokens)
	first := c.perToken(t, packed, tokenizer, "exact", 20)
	again := c.perToken(t, packed, tokenizer, "exact", 20)
	if off := float64(again-first) / float64(first); off < -1e-3 || off > 1e-3 {
		t.Errorf("instructions a token of the same story: %d, then %d; want the same within one in 1,000", first, again)
	}
	if more := c.perToken(t, packed, tokenizer, "fast", 20); more == first {
		t.Errorf("the fast engine takes the exact one's %d instructions: what is counted?", more)
	}
}

// fewTokens is how many tokens a checkpoint tells of its own while it is packed for
// what is only compared with itself.
const fewTokens = 200

// counter runs the program story and counts.
type counter struct {
	qemu    []string // the command line's beginning
	program string
	kernels string // as STORYTELLER_CPU names them
}

// newCounter counts on the board's processor. The vector code of version 1.0 is that of
// the board's 0.7.1 but for a few encodings.
func newCounter(t *testing.T) *counter {
	t.Helper()
	return newCounterFor(t, "riscv64", "qemu-riscv64", "rv64,v=true,vlen=128,vext_spec=v1.0", "rvv10")
}

func newCounterFor(t *testing.T, arch, qemu, cpu, kernels string) *counter {
	t.Helper()
	dir := t.TempDir()
	c := &counter{qemu: emulator(t, qemu), program: filepath.Join(dir, "story"), kernels: kernels}
	build := exec.Command("go", "build", "-o", c.program, "./story")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "GORISCV64=rva20u64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build for %s: %v\n%s", arch, err, out)
	}
	plugin := compilePlugin(t, filepath.Join(dir, "count.so"))
	c.qemu = slices.Insert(c.qemu, 3, "--preload", plugin)
	c.qemu = append(c.qemu, "-cpu", cpu, "-plugin", plugin+arguments(t, c.program), "-d", "plugin")
	return c
}

// compilePlugin compiles the plugin that counts, and returns its path.
func compilePlugin(t *testing.T, plugin string) string {
	t.Helper()
	compile := exec.Command("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-nostdlib", "-o", plugin, "testdata/count.c")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Skipf("the counting plugin does not compile (apt-get install gcc libc6-dev): %v: %s", err, out)
	}
	return plugin
}

// arguments tells the plugin where mark is, and where Go's runtime. What the
// scheduler does depends on the clock, so the runtime is left out, but for
// the functions that move and compare memory.
func arguments(t *testing.T, program string) string {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	symbols = slices.DeleteFunc(symbols, func(s elf.Symbol) bool { return elf.ST_TYPE(s.Info) != elf.STT_FUNC })
	slices.SortFunc(symbols, func(a, b elf.Symbol) int { return cmp.Compare(a.Value, b.Value) })
	args, from := "", uint64(0)
	for _, s := range symbols {
		if s.Name == "main.mark" {
			args = fmt.Sprintf(",at=%d", s.Value) + args
		}
		switch skipped := runtimes(s.Name); {
		case skipped && from == 0:
			from = s.Value
		case !skipped && from != 0:
			args += fmt.Sprintf(",skip=%d-%d", from, s.Value)
			from = 0
		}
	}
	if !strings.HasPrefix(args, ",at=") || !strings.Contains(args, ",skip=") {
		t.Fatalf("%s lacks symbols: %q", program, args)
	}
	return args
}

// runtimes says whether a function is the runtime's own business.
func runtimes(name string) bool {
	for _, memory := range []string{"runtime.mem", "runtime.typedmem"} {
		if strings.HasPrefix(name, memory) {
			return false
		}
	}
	for _, prefix := range []string{"runtime.", "runtime/", "internal/runtime/", "internal/abi.", "sync.", "sync/", "internal/sync.", "_rt0", "gogo", "callRet", "gosave"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// counts returns the instructions of each of so many tokens. Tokens are decided
// several at a time, so most have next to none.
func (c *counter) counts(t *testing.T, packed, tokenizer, kind string, tokens int) (counts []int64) {
	t.Helper()
	for _, row := range c.rows(t, c.qemu, packed, tokenizer, kind, tokens) {
		counts = append(counts, row[0])
	}
	return counts
}

// modelled returns a token's instructions, cycles and bytes filled into the cache
// by the plugin's model of the board, on average.
func (c *counter) modelled(t *testing.T, packed, tokenizer, kind string, tokens int) (sum [3]int64) {
	t.Helper()
	qemu := slices.Clone(c.qemu)
	at := slices.Index(qemu, "-plugin") + 1
	qemu[at] += ",memory=on"
	for _, row := range c.rows(t, qemu, packed, tokenizer, kind, tokens) {
		for i, n := range row {
			sum[i] += n
		}
	}
	for i := range sum {
		sum[i] /= int64(tokens)
	}
	return sum
}

// rows runs the program story and returns for each token what the plugin counts.
func (c *counter) rows(t *testing.T, qemu []string, packed, tokenizer, kind string, tokens int) (rows [][]int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	args := append(slices.Clone(qemu[1:]), c.program, packed, tokenizer, kind, strconv.Itoa(tokens))
	cmd := exec.CommandContext(ctx, qemu[0], args...)
	// Nothing but the story: no collector, no preemption, one processor.
	cmd.Env = []string{"GOGC=off", "GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=1", "STORYTELLER_CPU=" + c.kernels}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v: %.500s", qemu[0], err, stderr.String())
	}
	var last []int64
	for line := range strings.Lines(stderr.String()) {
		var now []int64
		for _, word := range strings.Fields(line) {
			n, err := strconv.ParseInt(word, 10, 64)
			if err != nil {
				t.Fatalf("the plugin said %q", line)
			}
			now = append(now, n)
		}
		if last != nil {
			row := slices.Clone(now)
			for i := range row {
				row[i] -= last[i]
			}
			rows = append(rows, row)
		}
		last = now
	}
	if len(rows) != tokens {
		t.Fatalf("%d tokens counted; want %d", len(rows), tokens)
	}
	return rows
}

// perToken is the mean.
func (c *counter) perToken(t *testing.T, packed, tokenizer, kind string, tokens int) int64 {
	t.Helper()
	var sum int64
	for _, n := range c.counts(t, packed, tokenizer, kind, tokens) {
		sum += n
	}
	return sum / int64(tokens)
}

// emulator returns the command line of a user-mode QEMU of this name that loads plugins.
// Debian's static build does not; Debian 13's is static alone. So it is Debian
// 12's, with its libraries, in the builder's cache.
func emulator(t *testing.T, name string) []string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the emulator that counts is fetched for amd64 only")
	}
	cache, err := cachedir.Dir()
	if err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(cache, "emulators", "bookworm-plugins")
	lib := filepath.Join(dir, "lib/x86_64-linux-gnu")
	command := []string{"setarch", "-R", filepath.Join(lib, "ld-linux-x86-64.so.2"), "--library-path", lib + ":" + filepath.Join(dir, "usr/lib/x86_64-linux-gnu"), filepath.Join(dir, "usr/bin", name)}
	if _, err := os.Stat(command[len(command)-1]); err != nil {
		t.Skipf("no QEMU with plugins in %s: make emulators fetches it", dir)
	}
	if out, err := exec.Command(command[0], append(command[1:], "--version")...).CombinedOutput(); err != nil {
		t.Fatalf("%s does not run: %v: %s", command[len(command)-1], err, out)
	}
	return command
}
