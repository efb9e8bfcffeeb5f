package packed

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"duostoryteller/app/engine/classifier"
	"duostoryteller/app/llama"
	"duostoryteller/app/machine"
	"duostoryteller/tests/testmodel"
)

// packFile returns a model of the repository as a packed file, with the checkpoint.
func packFile(t testing.TB, m testmodel.Model) (*llama.Checkpoint, []byte) {
	t.Helper()
	path, _, err := m.Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := llama.OpenCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	p, err := Pack(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var b bytes.Buffer
	if n, err := p.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("WriteTo() = %d, %v; want %d bytes", n, err, b.Len())
	}
	return c, b.Bytes()
}

func file(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.packed")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpen(t *testing.T) {
	for _, m := range testmodel.Models() {
		c, content := packFile(t, m)
		path := file(t, content)
		if err := Verify(path); err != nil {
			t.Error(err)
		}
		var last, all int64
		p, err := Open(path, Exact, func(done, total int64) { last, all = done, total })
		if err != nil {
			t.Fatal(err)
		}
		if err := p.WaitAll(); err != nil {
			t.Fatal(err)
		}
		row := make([]float32, c.Dim)
		for r := range c.VocabSize {
			if err := p.Classifier.ReadRows(row, r); err != nil || !slices.Equal(row, c.Classifier[r*c.Dim:][:c.Dim]) {
				t.Fatalf("%s: row %d of the classifier = %v, %v", m.Name, r, row, err)
			}
			if err := p.Embedding.ReadRows(row, r); err != nil || !slices.Equal(row, c.TokenEmbedding[r*c.Dim:][:c.Dim]) {
				t.Fatalf("%s: row %d of the embedding = %v, %v", m.Name, r, row, err)
			}
		}
		if !slices.Equal(p.FinalNorm, c.RMSFinal) || !slices.Equal(p.Layers[1].FFNNorm, c.RMSFFN[c.Dim:2*c.Dim]) {
			t.Errorf("%s: norms differ from the checkpoint's", m.Name)
		}
		// Row r of the output matrix, column j.
		const r, j = 17, 3
		if got, want := p.Layers[1].Exact[WO][(r/16*c.Dim+j)*16+r%16], c.WO[c.Dim*c.Dim+r*c.Dim+j]; got != want {
			t.Errorf("%s: a weight of wo = %v; want %v", m.Name, got, want)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if last > all || last == 0 {
			t.Errorf("%s: progress ended at %d of %d", m.Name, last, all)
		}
		if _, again := packFile(t, m); !bytes.Equal(again, content) {
			t.Errorf("%s: packed twice, the bytes differ", m.Name)
		}
	}
}

func TestSections(t *testing.T) {
	var content []byte
	for _, m := range []int{1, 3} { // a classifier of its own; not all rows hot
		_, content = packFile(t, testmodel.Models()[m])
		sections, err := Sections(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sections {
			bad := bytes.Clone(content)
			for _, at := range []int64{s.Offset, s.Offset + s.Length/2, s.Offset + s.Length - 1} {
				bad[at] ^= 1
				if err := Verify(file(t, bad)); err == nil || !strings.Contains(err.Error(), strconv.Quote(s.Name)) {
					t.Errorf("byte %d of section %q damaged: %v; want it named", at-s.Offset, s.Name, err)
				}
				bad[at] ^= 1
			}
		}
		last := sections[len(sections)-1]
		if last.Offset+last.Length != int64(len(content)) {
			t.Errorf("the last section ends at byte %d; want the file's end, %d", last.Offset+last.Length, len(content))
		}
		if left := last.Name == "remainder"; left != (m == 3) {
			t.Errorf("the last section is %q; want a remainder where not all rows are hot, and only there", last.Name)
		}
	}
	if _, err := Sections(bytes.NewReader(content[:100])); err == nil || !strings.Contains(err.Error(), "truncated") {
		t.Errorf("100 bytes: %v; want truncated", err)
	}
}

func TestDamage(t *testing.T) {
	_, content := packFile(t, testmodel.Models()[1])
	l, err := parseHeader(content)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int64) []byte {
		b := slices.Clone(content)
		b[at] ^= 0x10
		return b
	}
	for _, tt := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"empty", nil, "truncated"},
		{"half a header", content[:100], "truncated"},
		{"other file", append([]byte("not packed"), make([]byte, pageSize)...), "not a packed checkpoint"},
		{"version", flip(8), "version"},
		{"shape", flip(12), "header damaged"},
		{"checksum of the header", flip(fixedHeader), "header damaged"},
		{"short", content[:len(content)-1], `section "embed"`},
		{"a layer", flip(l.sections[l.layer(1)].offset + 100), `section "layer 1"`},
		{"the screen", flip(l.sections[l.screen()].offset), `section "screen"`},
		{"a draft", flip(l.sections[l.draft(2)].offset + 7), `section "draft 2"`},
		{"a fast layer", flip(l.sections[l.fast(0)].offset + 7), `section "fast layer 0"`},
	} {
		path := file(t, tt.content)
		p, err := Open(path, whole, nil)
		if err == nil {
			err = p.WaitAll()
			p.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want one line with the path and %q", tt.name, err, tt.want)
		}
	}
	path := file(t, flip(l.sections[l.rows()].offset+5))
	if err := Verify(path); err == nil || !strings.Contains(err.Error(), `section "rows"`) {
		t.Errorf("Verify() with a damaged row = %v", err)
	}
}

// A row that is read alone is checked alone, and no row passes for another.
func TestDamagedRows(t *testing.T) {
	c, content := packFile(t, testmodel.Models()[1]) // its classifier is separate
	l, err := parseHeader(content)
	if err != nil {
		t.Fatal(err)
	}
	const damaged, swapped = 5, 130 // the second is not in the first call to the kernel
	stride := 4*c.Dim + sumSize
	row := func(section, number int) []byte {
		return content[int(l.sections[section].offset)+number*stride:][:stride]
	}
	for bit := 0; bit < 8*stride; bit += 97 {
		row(l.rows(), damaged)[bit/8] ^= 1 << (bit % 8)
		path := file(t, content)
		checkRows(t, path, c, "rows", damaged)
		checkRows(t, path, c, "embed", -1)
		row(l.rows(), damaged)[bit/8] ^= 1 << (bit % 8)
	}
	a, b := row(l.embed(), swapped), row(l.embed(), swapped+1)
	for i := range a {
		a[i], b[i] = b[i], a[i]
	}
	path := file(t, content)
	checkRows(t, path, c, "rows", -1)
	checkRows(t, path, c, "embed", swapped)
}

// A panel is checked when it is read, past the page cache as well.
func TestDamagedPanel(t *testing.T) {
	c, content := packFile(t, testmodel.Models()[3]) // not all its rows are hot
	l, err := parseHeader(content)
	if err != nil {
		t.Fatal(err)
	}
	read := func(past bool) error {
		path := file(t, content)
		p, err := Open(path, Exact, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if direct := openDirect(path); past && direct != nil { // as in a small machine
			defer direct.Close()
			p.Remainder.(*fileRemainder).pages.file = direct
		}
		for i := 0; i*classifier.PanelRows < c.VocabSize; i++ {
			if _, err := p.Remainder.ReadPanel(i); err != nil {
				return err
			}
		}
		return nil
	}
	s := l.sections[l.remainder()]
	if s.length == 0 || int64(len(content)) < s.offset+s.length {
		t.Fatalf("the remainder is %d bytes from %d on in a file of %d", s.length, s.offset, len(content))
	}
	if err := errors.Join(read(false), read(true)); err != nil {
		t.Error(err)
	}
	content[s.offset+s.length-100] ^= 4
	for _, past := range []bool{false, true} {
		if err := read(past); err == nil || !strings.Contains(err.Error(), `section "remainder" is damaged`) || strings.Contains(err.Error(), "\n") {
			t.Errorf("a damaged panel, past the page cache %v: %v; want one line that says so", past, err)
		}
	}
}

// checkRows reads the rows of a section, alone and together; bad is the first
// one that cannot be read, -1 for none.
func checkRows(t *testing.T, path string, c *llama.Checkpoint, section string, bad int) {
	t.Helper()
	p, err := Open(path, whole, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	rows, want := p.Classifier, c.Classifier
	if section == "embed" {
		rows, want = p.Embedding, c.TokenEmbedding
	}
	checkRowsOf(t, rows, want, c, path, section, bad)
	if direct := openDirect(path); direct != nil { // as in a small machine
		defer direct.Close()
		rows.(*fileRows).pages.file = direct
		checkRowsOf(t, rows, want, c, path, section, bad)
	}
}

func checkRowsOf(t *testing.T, rows Rows, want []float32, c *llama.Checkpoint, path, section string, bad int) {
	t.Helper()
	refused := func(err error) bool {
		return err != nil && strings.Contains(err.Error(), path) && !strings.Contains(err.Error(), "\n") &&
			strings.Contains(err.Error(), fmt.Sprintf("row %d of section %q is damaged", bad, section))
	}
	alone, all := make([]float32, c.Dim), make([]float32, c.VocabSize*c.Dim)
	for r := range c.VocabSize {
		err := rows.ReadRows(alone, r)
		switch {
		case r == bad:
			if !refused(err) {
				t.Errorf("row %d = %v; want it refused in one line", r, err)
			}
		case bad >= 0 && section == "embed" && r == bad+1: // the other one of the swapped
			if err == nil {
				t.Errorf("row %d was taken for its neighbour", r)
			}
		case err != nil || !slices.Equal(alone, want[r*c.Dim:][:c.Dim]):
			t.Errorf("row %d of %q = %v; want the checkpoint's", r, section, err)
		}
	}
	switch err := rows.ReadRows(all, 0); {
	case bad >= 0 && !refused(err):
		t.Errorf("all rows = %v; want row %d refused", err, bad)
	case bad < 0 && (err != nil || !slices.Equal(all, want)):
		t.Errorf("all rows = %v; want the checkpoint's", err)
	}
}

func TestCheckMemory(t *testing.T) {
	c := llama.Config{Dim: 512, HiddenDim: 1376, Layers: 8, Heads: 8, KVHeads: 8, VocabSize: 32000, SeqLen: 1024}
	need, err := Settle(c, Exact, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	machineOf := func(availableKB int, err error) func() (machine.Memory, error) {
		return func() (machine.Memory, error) { return machine.Memory{Total: 59600, Available: availableKB}, err }
	}
	large := c
	large.Dim, large.HiddenDim, large.Layers = 768, 2048, 12
	if l, err := newLayout(large, Hot, true); err != nil {
		t.Error(err)
	} else if _, _, err := settleHere(l, Exact, machineOf(52_000, nil)); err == nil || !strings.Contains(err.Error(), "too large for this machine") || strings.Contains(err.Error(), "\n") {
		t.Errorf("110M weights in 52 MB: %v; want it refused in one line", err)
	} else if use, context, err := settleHere(l, Fast, machineOf(52_000, nil)); use != Partial || context != 263 || err != nil || l.drafts != 0 {
		t.Errorf("110M weights in 52 MB, fast: use %d with %d layers in memory, a context of %d, %v; want all layers read for each pass", use, l.drafts, context, err)
	} else if use, context, err := settleHere(l, Fast, machineOf(70_000, nil)); use != Partial || context < Short || err != nil || l.drafts != 5 {
		t.Errorf("110M weights in 70 MB, fast: use %d with %d layers in memory, a context of %d, %v; want five layers in memory", use, l.drafts, context, err)
	} else if _, _, err := settleHere(l, Fast, machineOf(36_000, nil)); err == nil {
		t.Error("110M weights are told from in 36 MB")
	}
	l, err := newLayout(c, Hot, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		kb        int
		use, want Use
		context   int
	}{
		{500_000, Exact, Exact, 1024},
		{52_000, Exact, Streamed, 418},
		{52_000, Fast, Narrow, 482},
		{60_000, Fast, Fast, 346},
		{52_000, Streamed, Streamed, 418},
		{40_000, Exact, Streamed, 256}, // with nothing left for a voice
	} {
		use, context, err := settleHere(l, tt.use, machineOf(tt.kb, nil))
		if err != nil || use != tt.want || context != tt.context {
			t.Errorf("42M weights in %d kB for use %d: use %d, a context of %d, %v; want %d, %d", tt.kb, tt.use, use, context, err, tt.want, tt.context)
		}
	}
	if _, _, err := settleHere(l, Exact, machineOf(30_000, nil)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("42M weights in 30 MB: %v; want them refused", err)
	}
	if err := checkMemory(need.Memory, machineOf(500_000, nil)); err != nil {
		t.Errorf("42M weights in 500 MB: %v", err)
	}
	if err := checkMemory(need.Memory, machineOf(0, os.ErrNotExist)); err != nil {
		t.Errorf("without /proc/meminfo: %v", err)
	}
	l, err = newLayout(c, c.VocabSize, false)
	if err != nil {
		t.Fatal(err)
	}
	raw := l.unpackedMemory()
	if weights := 4 * (c.Weights() - int64(c.VocabSize*c.Dim)); raw.Weights <= weights || raw.Weights > 2*weights || raw.KVCache != need.KVCache {
		t.Errorf("told from the checkpoint as it is: %v; want the weights that a token reads, the screened classifier, and the same KV cache as %v", raw, need)
	}
	if err := checkMemory(raw, machineOf(52_000, nil)); err == nil {
		t.Error("a checkpoint of 42M weights is told as it is in 52 MB")
	}
	// Just too little: the story's memory counts.
	if err := checkMemory(Memory{Weights: 60 << 20, KVCache: 1}, machineOf(60<<10, nil)); err == nil {
		t.Error("a model that leaves nothing for a story was taken")
	}
}

// TestUse: a model holds what it is loaded for, the same as it was packed, and
// takes no memory for the rest.
func TestUse(t *testing.T) {
	c, content := packFile(t, testmodel.Models()[0])
	packed, err := Pack(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	checkUses(t, c, packed, content)
	var without bytes.Buffer
	before := packed.Resident()
	if err := packed.DropFast(); err != nil {
		t.Fatal(err)
	}
	if _, err := packed.WriteTo(&without); err != nil {
		t.Fatal(err)
	}
	if packed.Resident() >= before || without.Len() >= len(content) {
		t.Errorf("without fast layers %d bytes of memory, %d of file; want less than %d, %d", packed.Resident(), without.Len(), before, len(content))
	}
	if err := Verify(file(t, without.Bytes())); err != nil {
		t.Error(err)
	}
	checkUses(t, c, packed, without.Bytes())
}

func checkUses(t *testing.T, c *llama.Checkpoint, packed *Model, content []byte) {
	t.Helper()
	path, hasFast := file(t, content), packed.layout.hasFast
	for _, use := range []Use{Exact, Fast} {
		m, err := Open(path, use, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		for i := range m.Layers {
			if err := m.WaitLayer(i); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.WaitAll(); err != nil {
			t.Fatal(err)
		}
		if (use == Fast || hasFast) && m.Resident() >= packed.Resident() {
			t.Errorf("use %d takes %d bytes of memory, all takes %d", use, m.Resident(), packed.Resident())
		}
		for i := range m.Layers {
			got, want := m.Layers[i], packed.Layers[i]
			if !slices.Equal(got.AttNorm, want.AttNorm) || !slices.Equal(got.FFNNorm, want.FFNNorm) {
				t.Errorf("use %d, layer %d: the norms differ from those packed", use, i)
			}
			if own := c.RMSAtt[i*c.Dim:][:c.Dim]; !slices.Equal(got.AttNorm, own) {
				t.Errorf("use %d, layer %d: the norms differ from the checkpoint's", use, i)
			}
			for p := range want.Exact {
				switch {
				case use == Exact:
					if !slices.Equal(got.Exact[p], want.Exact[p]) || !slices.Equal(got.Draft[p].Weights, want.Draft[p].Weights) ||
						!slices.Equal(got.Draft[p].Scale, want.Draft[p].Scale) || got.Fast[p].Weights != nil {
						t.Errorf("layer %d, product %d, loaded for the exact engine, differs from what was packed", i, p)
					}
				case !hasFast:
					if !slices.Equal(got.Draft[p].Weights, want.Draft[p].Weights) || !slices.Equal(got.Draft[p].Scale, want.Draft[p].Scale) ||
						got.Exact[p] != nil || got.Fast[p].Weights != nil {
						t.Errorf("layer %d, product %d, loaded for the fast engine, differs from the draft", i, p)
					}
				default:
					if !slices.Equal(got.Fast[p].Weights, want.Fast[p].Weights) || !slices.Equal(got.Fast[p].Scale, want.Fast[p].Scale) ||
						got.Exact[p] != nil || got.Draft[p].Weights != nil {
						t.Errorf("layer %d, product %d, loaded for the fast engine, differs from what was packed", i, p)
					}
				}
			}
		}
		if !slices.Equal(m.Screen.Weights, packed.Screen.Weights) || !slices.Equal(m.Head.Weights, packed.Head.Weights) || !slices.Equal(m.HotRows, packed.HotRows) {
			t.Errorf("use %d: the classifier differs from what was packed", use)
		}
	}
}

// FuzzHeader: no header makes the reader fail badly or believe in sections that
// it could not hold.
func FuzzHeader(f *testing.F) {
	l, err := newLayout(llama.Config{Dim: 8, HiddenDim: 12, Layers: 2, Heads: 2, KVHeads: 1, VocabSize: 300, SeqLen: 4}, 300, true)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(l.header())
	f.Add([]byte(Magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := parseHeader(b)
		if err != nil {
			return
		}
		at := int64(pageSize)
		for _, s := range l.sections {
			if s.offset < at || s.length < 0 {
				t.Fatalf("section %q at %d, %d bytes; the one before ends at %d", s.name, s.offset, s.length, at)
			}
			at = s.offset + s.length
		}
		if again := l.header(); !bytes.Equal(again[:l.headerLen()], b[:l.headerLen()]) {
			t.Fatalf("header written again differs")
		}
	})
}
