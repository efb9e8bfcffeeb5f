package cost

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"duostoryteller/imagebuilder/build"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/packing"
)

// TestARM64 counts a token's instructions on 64-bit ARM, of our engines and of a build of
// llama2.c's run.c, which is not ours to ship:
//
//	aarch64-linux-gnu-gcc -static -Ofast -o run run.c -lm
//	STORYTELLER_RUN_ARM64=$PWD/run go test -count=1 -v -run TestARM64 ./tests/cost
func TestARM64(t *testing.T) {
	run := os.Getenv("STORYTELLER_RUN_ARM64")
	if run == "" {
		t.Skip("STORYTELLER_RUN_ARM64= names no build of run.c for linux/arm64")
	}
	c := newCounterFor(t, "arm64", "qemu-aarch64", "cortex-a72", "neon")
	checkpoint, tokenizer := golden.Data(t, "standin15M.bin"), golden.Data(t, "tokenizer.bin")

	// The plugin says the whole process's instructions: two lengths, and what is between.
	qemu := append(emulator(t, "qemu-aarch64"), "-cpu", "cortex-a72", "-plugin", compilePlugin(t, filepath.Join(t.TempDir(), "count.so")), "-d", "plugin")
	process := func(steps int) float64 {
		args := append(slices.Clone(qemu[1:]), run, checkpoint, "-z", tokenizer, "-t", "1", "-p", "0.9", "-s", "123", "-i", "Once upon a time", "-n", strconv.Itoa(steps))
		cmd := exec.CommandContext(t.Context(), qemu[0], args...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		err := cmd.Run()
		said := strings.Fields(stderr.String())
		if err != nil || len(said) == 0 {
			t.Fatalf("%s: %v: %s", run, err, &stderr)
		}
		n, err := strconv.ParseFloat(said[len(said)-1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	const prompt, some = 5, 16
	theirs := (process(prompt+officialTokens) - process(some)) / (prompt + officialTokens - some)

	packed := packing.File(t, checkpoint, build.HotTokens)
	for kind, least := range map[string]float64{"exact": 3, "fast": 9} {
		ours := c.perToken(t, packed, tokenizer, kind, officialTokens)
		ratio := theirs / float64(ours)
		t.Logf("%s: %d instructions a token, run.c's %.0f (emulated count): %.2f times fewer", kind, ours, theirs, ratio)
		if ratio < least {
			t.Errorf("%s: %.2f times fewer instructions than run.c; want %.0f", kind, ratio, least)
		}
	}
}
