// Package testmodel makes small models out of nothing: checkpoints and
// tokenizers in llama2.c's formats, the same bytes on every machine, so that
// the repository can test itself. They babble, but never the same thing twice.
package testmodel

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"duostoryteller/app/llama"
)

// Model is a shape with random weights.
type Model struct {
	Name   string
	Config llama.Config
	Seed   uint64
}

// Models returns one model for each thing that shapes can differ in. The first
// is the smallest.
func Models() []Model {
	return []Model{
		{"shared", llama.Config{Dim: 48, HiddenDim: 104, Layers: 2, Heads: 4, KVHeads: 4, VocabSize: 301, SeqLen: 96, SharedClassifier: true}, 1},
		{"separate", llama.Config{Dim: 64, HiddenDim: 176, Layers: 3, Heads: 8, KVHeads: 4, VocabSize: 512, SeqLen: 160}, 2},
		{"multiquery", llama.Config{Dim: 36, HiddenDim: 50, Layers: 3, Heads: 6, KVHeads: 1, VocabSize: 333, SeqLen: 200, SharedClassifier: true}, 3},
		{"bigvocab", llama.Config{Dim: 32, HiddenDim: 72, Layers: 2, Heads: 2, KVHeads: 2, VocabSize: 4000, SeqLen: 128, SharedClassifier: true}, 4},
	}
}

// Files writes the model to dir and returns the two files' paths.
func (m Model) Files(dir string) (checkpoint, tokenizer string, err error) {
	checkpoint = filepath.Join(dir, m.Name+".bin")
	tokenizer = filepath.Join(dir, m.Name+"_tok.bin")
	if err := writeFile(checkpoint, m.WriteCheckpoint); err != nil {
		return "", "", err
	}
	return checkpoint, tokenizer, writeFile(tokenizer, m.WriteTokenizer)
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	return f.Close()
}

// firstPiece is the first token that is text: <unk>, <s>, </s> and the 256 raw
// bytes come before.
const firstPiece = 3 + 256

// WriteCheckpoint writes the weights. Their sizes make a layer weigh more than
// the token embedding, so that the model does not just repeat its last token,
// spread the logits over some units, and make raw bytes rare.
func (m Model) WriteCheckpoint(w io.Writer) error {
	c, rng := m.Config, random{m.Seed}
	out := bufio.NewWriter(w)
	out.Write(c.AppendHeader(nil))
	put := func(v float32) { binary.Write(out, binary.LittleEndian, math.Float32bits(v)) }
	uniform := func(n int, size float32) {
		for range n {
			put(size * rng.signed())
		}
	}
	norms := func(n int) {
		for range n {
			put(1 + float32(0.25*rng.signed()))
		}
	}
	root := func(n int) float32 { return float32(math.Sqrt(float64(n))) }
	embedding := func(size float32) {
		for token := range c.VocabSize {
			if token < firstPiece && token != llama.BOS {
				uniform(c.Dim, size/4)
			} else {
				uniform(c.Dim, size)
			}
		}
	}
	l, d, kv, h := c.Layers, c.Dim, c.KVDim(), c.HiddenDim
	embedding(6 / root(d))
	norms(l * d)
	uniform(l*d*d, 4/root(d))
	uniform(l*kv*d, 4/root(d))
	uniform(l*kv*d, 3/root(d))
	uniform(l*d*d, 3/root(d))
	norms(l * d)
	uniform(l*h*d, 3/root(d))
	uniform(l*d*h, 3/root(h))
	uniform(l*h*d, 3/root(d))
	norms(d)
	uniform(2*(c.SeqLen*c.HeadSize()/2), 1) // rotary tables, which nothing reads
	if !c.SharedClassifier {
		embedding(6 / root(d))
	}
	return out.Flush()
}

// WriteTokenizer writes a vocabulary in the order of llama2.c's: the special
// tokens, the raw bytes, single characters, then unions of earlier pieces, the
// earlier the better.
func (m Model) WriteTokenizer(w io.Writer) error {
	pieces := []string{"<unk>", "\n<s>\n", "\n</s>\n"}
	for b := range 256 {
		pieces = append(pieces, fmt.Sprintf("<0x%02X>", b))
	}
	for _, r := range " etaoinshrdlucmfwygpbvk.,\n\"!Té小☕" {
		pieces = append(pieces, string(r))
	}
	rng, seen := random{m.Seed}, map[string]bool{}
	for len(pieces) < m.Config.VocabSize {
		pick := func() string { return pieces[firstPiece+rng.below(len(pieces)-firstPiece)] }
		union := pick() + pick()
		if len(union) <= 12 && !seen[union] {
			seen[union] = true
			pieces = append(pieces, union)
		}
	}
	longest := 0
	for _, p := range pieces {
		longest = max(longest, len(p))
	}
	out := bufio.NewWriter(w)
	binary.Write(out, binary.LittleEndian, int32(longest))
	for i, p := range pieces {
		binary.Write(out, binary.LittleEndian, float32(-max(0, i-firstPiece)))
		binary.Write(out, binary.LittleEndian, int32(len(p)))
		out.WriteString(p)
	}
	return out.Flush()
}

// random is splitmix64 (G. Steele, D. Lea, C. Flood: "Fast splittable
// pseudorandom number generators", 2014).
type random struct{ state uint64 }

func (r *random) next() uint64 {
	r.state += 0x9E3779B97F4A7C15
	z := r.state
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func (r *random) below(n int) int { return int(r.next() % uint64(n)) }

// signed returns a number in [-1, 1), an exact multiple of 2^-23.
func (r *random) signed() float32 { return float32(int32(r.next()>>40)-1<<23) / (1 << 23) }
