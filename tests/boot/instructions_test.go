package boot

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// executed is how many millions of instructions a machine has executed.
type executed struct{ programs, kernel float64 }

func (e executed) all() float64 { return e.programs + e.kernel }

func (e executed) since(before executed) executed {
	return executed{e.programs - before.programs, e.kernel - before.kernel}
}

// countInstructions returns the arguments that have an emulator count its machine's
// instructions, and what reads the count. Waiting is none of them.
func countInstructions(t *testing.T) (args []string, count func() executed) {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("counting needs a C compiler: apt-get install gcc libc6-dev")
	}
	dir := t.TempDir()
	plugin, file := filepath.Join(dir, "instructions.so"), filepath.Join(dir, "instructions")
	if text, err := exec.CommandContext(t.Context(), cc, "-O2", "-Wall", "-shared", "-fPIC", "-o", plugin, "testdata/instructions.c").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if err := os.WriteFile(file, make([]byte, 16), 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{"-plugin", plugin + ",counts=" + file}, func() executed {
		t.Helper()
		counts, err := os.ReadFile(file)
		if err != nil || len(counts) != 16 {
			t.Fatalf("%d bytes, %v", len(counts), err)
		}
		return executed{float64(binary.NativeEndian.Uint64(counts)) / 1e6, float64(binary.NativeEndian.Uint64(counts[8:])) / 1e6}
	}
}
