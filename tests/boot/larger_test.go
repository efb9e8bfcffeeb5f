package boot

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"testing"

	"duostoryteller/app/engine"
	"duostoryteller/app/llama"
	"duostoryteller/app/sums"
	"duostoryteller/app/verify"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/rootfs"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/packing"
	"duostoryteller/tests/testmodel"
)

// TestLarger tells stories with a model of stories42M's shape, whose float32 layers are
// 101 MB: in the exact engine's words, and as the fast engine does, in 64 MB. The soak has
// the fast engine tell with one of stories110M's, too.
func TestLarger(t *testing.T) {
	t.Parallel()
	small := testmodel.Models()[1]
	checkpoint, tokenizer, err := small.Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	image := buildCard(t, checkpoint, tokenizer)
	shape := llama.Config{Dim: 512, HiddenDim: 1376, Layers: 8, Heads: 8, KVHeads: 8, VocabSize: 32000, SeqLen: 1024, SharedClassifier: true}
	tellLarger(t, image, shape, 384<<20, []largerWay{
		{engine.Options{}, `storyteller: the model is larger than the memory: its layers are read from the card.*\n`},
		{engine.Options{Fast: true}, `storyteller: there is no memory for layers of 7 bits a weight.*\nstoryteller: there is memory for stories of up to \d+ tokens, not the model's 1024\n`},
	})
	if os.Getenv("STORYTELLER_SOAK") == "" {
		return
	}
	shape.Dim, shape.HiddenDim, shape.Layers, shape.Heads, shape.KVHeads = 768, 2048, 12, 12, 12
	tellLarger(t, image, shape, 1<<30, []largerWay{
		{engine.Options{Fast: true, Stream: true}, `storyteller: the model is larger than the memory: \d+ of its 12 layers are read from the card for each token\n`},
	})
}

// largerWay is an engine, and what it says of a large model.
type largerWay struct {
	engine.Options
	says string
}

// tellLarger tells a story with a model of a shape, from a root partition of a size. What
// the fast engine tells with layers of 7 bits, for which the board has no memory, is not
// compared.
func tellLarger(t *testing.T, image string, shape llama.Config, size int64, ways []largerWay) {
	t.Helper()
	large := testmodel.Model{Name: "larger", Seed: 42, Config: shape}
	checkpoint, tokenizer, err := large.Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	packed := packing.File(t, checkpoint, 20)
	c := golden.Case{Model: large.Name, Prompt: "Once", TopP: 0.9, Seed: 7, Steps: 6} // a pass takes as long as the story of a smaller model
	for _, way := range ways {
		name := "exact"
		if way.Fast {
			name = "fast"
		}
		c := toldOf(t, packed, tokenizer, c, way.Options)
		m := boot(t, changedTo(t, image, func(l []card.Partition) { l[1].Size = size }, func(on contents) {
			withoutModel(on)
			on.replace(t, "/usr/share/storyteller/model.packed", packed)
			on.replace(t, "/usr/share/storyteller/tokenizer.bin", tokenizer)
			on.listSums(t)
			configured(configuration(c, c.Steps) + fmt.Sprintf("engine = %q\nvoice = \"off\"\n", name))(on)
		}))
		if got := m.story(); (!way.Fast || way.Stream) && !c.Right(got) {
			t.Errorf("%s: told %q", c, got)
		}
		if !regexp.MustCompile(way.says).MatchString(m.Console()) {
			t.Errorf("the %s engine does not say %q", name, way.says)
		}
		m.waitFor(prompt)
		m.checkCounters()
		m.powerOff()
	}
}

// toldOf is the case with what an engine tells on this machine.
func toldOf(t *testing.T, packed, tokenizer string, c golden.Case, o engine.Options) golden.Case {
	t.Helper()
	o.Arithmetic = llama.RISCV64Ofast
	e, err := engine.Open(packed, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	tok, err := llama.OpenTokenizer(tokenizer, e.Config().VocabSize)
	if err != nil {
		t.Fatal(err)
	}
	told, err := verify.Record(t.Context(), e, tok, []golden.Case{c}, "this machine", nil)
	if err != nil {
		t.Fatal(err)
	}
	return told[0]
}

// replace puts a file of this machine's in the place of one of the root file system.
func (c contents) replace(t *testing.T, path, file string) {
	t.Helper()
	f, err := rootfs.HostFile(path, 0o644, file)
	if err != nil {
		t.Fatal(err)
	}
	c.root[path] = f
}

// listSums lists the files of the root file system anew that are listed and still there.
func (c contents) listSums(t *testing.T) {
	t.Helper()
	read := func(path string) []byte {
		t.Helper()
		f, err := c.root[path].Open()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(f); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	listed, err := sums.Parse(read(sums.Path))
	if err != nil {
		t.Fatal(err)
	}
	var all []sums.File
	for _, f := range listed {
		if _, ok := c.root[f.Path]; ok {
			now, err := sums.Of(f.Path, bytes.NewReader(read(f.Path)))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, now)
		}
	}
	c.root[sums.Path] = rootfs.Bytes(sums.Path, 0o644, sums.Format(all))
}
