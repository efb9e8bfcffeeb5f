package engine_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/arith"
	"duostoryteller/app/engine"
	"duostoryteller/app/engine/classifier"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
	"duostoryteller/tests/testmodel"
)

// FuzzPacked damages a packed checkpoint and mends its checksums, as nobody but
// an enemy would: then the engine refuses it or tells nonsense, but does not
// reach outside of its memory and comes to an end.
func FuzzPacked(f *testing.F) {
	var models [2][]byte
	for i, m := range []int{0, 3} { // the second has a remainder, and takes it
		path, _ := ownModel(f, testmodel.Models()[m])
		var err error
		if models[i], err = os.ReadFile(path); err != nil {
			f.Fatal(err)
		}
	}
	whole := models[0]
	f.Add(uint32(0), []byte("DUOSTORY"))
	f.Add(uint32(12), binary.LittleEndian.AppendUint32(nil, 1<<31))           // the shape
	f.Add(uint32(40), []byte{1, 0, 0, 0})                                     // fewer hot rows
	f.Add(uint32(4096), []byte{0, 0, 0xc0, 0x7f})                             // NaN in the last norm
	f.Add(uint32(len(whole)-100), []byte{0xff, 0xff, 0x7f, 0x7f, 0, 0, 0, 1}) // the largest number
	f.Add(uint32(len(whole)/2), slices.Repeat([]byte{0x80}, 4096))
	left := remainder(models[1])
	if left.Length == 0 {
		f.Fatal("the second model has no remainder")
	}
	for _, v := range []uint32{0x7fc00000, 0x7f7fffff, 0xff800000} { // scales and errors of many rows
		f.Add(uint32(left.Offset+panelsFrom), bytes.Repeat(binary.LittleEndian.AppendUint32(nil, v), 2*classifier.PanelRows))
	}
	set := arith.All()[0]
	damaged := filepath.Join(f.TempDir(), "model.packed")
	f.Fuzz(func(t *testing.T, at uint32, noise []byte) {
		b, from := slices.Clone(models[0]), int(at)
		if from >= panelsFrom {
			b, from = slices.Clone(models[1]), from-panelsFrom
		}
		if len(noise) > 0 {
			copy(b[from%len(b):], noise)
		}
		mend(b)
		if err := os.WriteFile(damaged, b, 0o600); err != nil {
			t.Fatal(err)
		}
		o := engine.Options{Fast: at%2 == 1}
		p, err := packed.Open(damaged, o.Use(), nil)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %q", err)
			}
			return
		}
		e, err := engine.New(p, set, o)
		if err != nil {
			p.Close()
			return
		}
		defer e.Close()
		for _, temperature := range []float32{0, 1} {
			if err := e.Start([]int{llama.BOS, 5}, llama.NewSampler(e.Config().VocabSize, temperature, 0.9, 1)); err != nil {
				return
			}
			for range min(8, e.Config().SeqLen) {
				token, err := e.Next()
				if err != nil {
					break
				}
				if token < 0 || token >= e.Config().VocabSize {
					t.Fatalf("token %d of %d", token, e.Config().VocabSize)
				}
			}
		}
	})
}

// panelsFrom is where the second model's bytes begin.
const panelsFrom = 1 << 30

// remainder is where the classifier's remainder lies; empty if there is none.
func remainder(b []byte) packed.Section {
	sections, err := packed.Sections(bytes.NewReader(b))
	if err != nil {
		return packed.Section{}
	}
	for _, s := range sections {
		if s.Name == "remainder" && s.Offset+s.Length <= int64(len(b)) {
			return s
		}
	}
	return packed.Section{}
}

// mend makes the checksums of a packed checkpoint right again, as far as its
// header leads to the sections.
func mend(b []byte) {
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	le := binary.LittleEndian
	const page, list = 4096, 48
	at := uint64(page)
	sections := int(min(le.Uint32(b[list-4:]), (page-list-4)/12))
	for i := range sections {
		entry := b[list+12*i:]
		length := le.Uint64(entry)
		if length > uint64(len(b)) || at+length > uint64(len(b)) {
			return
		}
		le.PutUint32(entry[8:], crc32.Checksum(b[at:at+length], castagnoli))
		at += (length + page - 1) / page * page
	}
	end := list + 12*sections
	le.PutUint32(b[end:], crc32.Checksum(b[:end], castagnoli))
	const rows, dim = classifier.PanelRows, 32 // each panel has its own
	s, length := remainder(b), 8*rows+arith.PackedI8Len(dim, rows)+4
	panels := b[s.Offset:][:s.Length]
	for i := uint32(0); len(panels) > 0; i++ {
		n := min(length, len(panels)) - 4
		if n < 0 {
			return
		}
		le.PutUint32(panels[n:], crc32.Update(i, castagnoli, panels[:n]))
		panels = panels[n+4:]
	}
}
