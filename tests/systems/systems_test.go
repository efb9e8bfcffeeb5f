// Package systems tells reference stories on systems other than this machine's, in
// emulators of a processor (QEMU's user mode).
package systems

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/verify"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/packing"
	"duostoryteller/tests/testmodel"
)

// cases is how many reference stories of a model are told in each way.
const cases = 2

// patience ends what hangs; nothing else depends on it.
const patience = 10 * time.Minute

// suites are the reference stories by arithmetic: of the small models, and of the large one.
var suites = []struct{ arithmetic, small, large string }{
	{"strict", "../testmodel/golden.jsonl", "golden/standin15M.jsonl"},
	{"riscv64-ofast", "../testmodel/golden-riscv64-ofast.jsonl", "golden/riscv64-ofast/standin15M.jsonl"},
}

// TestLinuxARM64 tells llama2.c's stories on Linux for 64-bit ARM, such as a Raspberry
// Pi's, by each engine that promises run.c's text, in both arithmetics.
func TestLinuxARM64(t *testing.T) {
	if testing.Short() {
		t.Skip("emulation takes half a minute: not with -short")
	}
	s := newSystem(t, "linux", "arm64", "qemu-aarch64")
	for i, m := range testmodel.Models()[:2] {
		checkpoint, tokenizer, err := m.Files(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		packed := packing.File(t, checkpoint, 200)
		for _, suite := range suites {
			right := func(model, engine string, env ...string) {
				t.Helper()
				out, err := s.run(t, env, "verify", "--model", model, "-z", tokenizer, "--suite", suite.small, "--of", m.Name,
					"--arithmetic", suite.arithmetic, "--engine", engine, "--cases", fmt.Sprint(cases))
				if want := fmt.Sprintf("%d of %d right", cases, cases); err != nil || !strings.Contains(out, want) {
					t.Errorf("%s, %s, %s, %q: %v, %s; want %s", m.Name, suite.arithmetic, engine, env, err, out, want)
				}
			}
			right(packed, "exact")
			if i == 0 { // the smallest, as emulation is slow
				right(checkpoint, "exact")
				right(checkpoint, "plain")
				right(packed, "exact", "STORYTELLER_CPU=generic")
			}
		}
	}
	// And as somebody types it, from the large model's file: the beginning of a story.
	t.Run("standin15M", func(t *testing.T) {
		const tokens = 12
		checkpoint, tokenizer := golden.Data(t, "standin15M.bin"), golden.Data(t, "tokenizer.bin")
		for _, suite := range suites {
			all, err := verify.Open(golden.Data(t, suite.large))
			if err != nil {
				t.Fatal(err)
			}
			c := all[0]
			texts, err := c.Texts()
			if err != nil {
				t.Fatal(err)
			}
			out, err := s.run(t, nil, "tell", "--model", checkpoint, "-z", tokenizer, "--arithmetic", suite.arithmetic, "-t", fmt.Sprint(c.Temperature),
				"-p", fmt.Sprint(c.TopP), "-s", fmt.Sprint(c.Seed), "-n", fmt.Sprint(tokens), "-i", c.Prompt)
			if told := strings.TrimSuffix(out, "\n"); err != nil || len(told) < 2*tokens || !strings.HasPrefix(string(texts[0]), told) {
				t.Errorf("%s: %v, %q; want the beginning of %q", suite.arithmetic, err, out, texts[0])
			}
		}
	})
}

// system runs our program as built for another system.
type system struct{ emulator, program string }

// newSystem builds the program and finds an emulator, or skips the test.
func newSystem(t *testing.T, goos, goarch, emulator string) system {
	t.Helper()
	path, err := exec.LookPath(emulator + "-static")
	if err != nil {
		path, err = exec.LookPath(emulator)
	}
	if err != nil {
		t.Skipf("no %s: apt-get install qemu-user-static, or qemu-user where there is no such package", emulator)
	}
	program := filepath.Join(t.TempDir(), "storyteller")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "duostoryteller/app/cmd/storyteller")
	build.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build for %s/%s: %v\n%s", goos, goarch, err, out)
	}
	return system{path, program}
}

// run returns what the program prints.
func (s system) run(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.emulator, append([]string{s.program}, args...)...)
	cmd.Env = append(append(os.Environ(), "STORYTELLER_CACHE=off"), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, &stderr)
	}
	return string(out), err
}
