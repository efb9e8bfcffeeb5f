package boot

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"duostoryteller/app/llama"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/rootfs"
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
	m.send("stats")
	got := m.waitFor(`stats: .*OOM kills (\d+), .*\n`)
	m.t.Log(strings.TrimSpace(got[0]))
	if n, _ := strconv.Atoi(got[1]); n < min(kills, 1) || n > kills {
		m.t.Errorf("%d processes killed for want of memory; want at most %d, and some if any", n, kills)
	}
	m.waitFor(anyPrompt)
	m.send("memory")
	m.waitFor(`(?m)^ *1 .* -1000  init$`)
	m.waitFor(anyPrompt)
	if strings.Contains(m.Console(), "Kernel panic") || strings.Contains(m.Console(), "fault of init") {
		m.t.Error("init or the kernel came to harm")
	}
}
