package engine_test

import (
	"encoding/binary"
	"math"
	"os"
	"testing"
	"unsafe"

	"duostoryteller/app/arith"
	"duostoryteller/app/engine"
	"duostoryteller/app/engine/classifier"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
	"duostoryteller/tests/testmodel"
)

// TestPerplexity compares with the plain transformer's logits.
func TestPerplexity(t *testing.T) {
	m := testmodel.Models()[0]
	c, path, _ := ownCheckpoint(t, m)
	tokens := []int{llama.BOS}
	for i := range 29 {
		tokens = append(tokens, (i*37+3)%m.Config.VocabSize)
	}
	transformer, want := llama.NewTransformer(c, llama.Strict), 0.0
	for pos, token := range tokens[:len(tokens)-1] {
		logits, sum := transformer.Forward(token, pos), 0.0
		for _, v := range logits {
			sum += math.Exp(float64(v))
		}
		want += math.Log(sum) - float64(logits[tokens[pos+1]])
	}
	want = math.Exp(want / float64(len(tokens)-1))
	for _, tt := range []struct {
		fast bool
		off  float64
	}{{false, 1e-9}, {true, 0.1}} {
		e, err := engine.Open(path, engine.Options{Fast: tt.fast}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Perplexity(tokens)
		if err != nil || math.Abs(got/want-1) > tt.off || tt.fast && got == want {
			t.Errorf("Perplexity, fast %t = %v, %v; want %v within %g", tt.fast, got, err, want, tt.off)
		}
		for _, n := range []int{0, 1, m.Config.SeqLen + 1} {
			if got, err := e.Perplexity(make([]int, n)); err == nil {
				t.Errorf("Perplexity of %d tokens = %v; want an error", n, got)
			}
		}
		e.Close()
	}
}

// TestGarbage: telling leaves next to none, or the board's small memory would be
// collected again and again.
func TestGarbage(t *testing.T) {
	m := testmodel.Models()[0]
	path, _ := ownModel(t, m)
	for _, fast := range []bool{false, true} {
		p, err := packed.Open(path, engine.Options{Fast: fast}.Use(), nil)
		if err != nil {
			t.Fatal(err)
		}
		e, err := engine.New(p, arith.All()[0], engine.Options{Fast: fast})
		if err != nil {
			t.Fatal(err)
		}
		s := llama.NewSampler(m.Config.VocabSize, 1, 0.9, 3)
		tell := func() {
			if err := e.Start([]int{llama.BOS, 5, 6}, s); err != nil {
				t.Fatal(err)
			}
			for range m.Config.SeqLen {
				if _, err := e.Next(); err != nil {
					t.Fatal(err)
				}
			}
		}
		tell() // what grows has grown
		if got := testing.AllocsPerRun(5, tell); got > float64(m.Config.SeqLen)/4 {
			t.Errorf("fast %t: %v allocations in a story of %d tokens; want next to none", fast, got, m.Config.SeqLen)
		} else {
			t.Logf("fast %t: %v allocations in a story of %d tokens", fast, got, m.Config.SeqLen)
		}
		e.Close()
	}
}

// TestFastLayers: the packer leaves the fast engine the draft's layers where these cost
// next to nothing, as those do whose weights are few whole numbers anyway, and only there.
func TestFastLayers(t *testing.T) {
	m := testmodel.Models()[0]
	for _, whole := range []bool{false, true} {
		checkpoint, _, err := m.Files(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if whole {
			roundLayers(t, checkpoint)
		}
		c, err := llama.OpenCheckpoint(checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		p, err := engine.Pack(c, arith.All()[0], 100)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for i, layer := range p.Layers {
			for j, own := range layer.Fast {
				if (own.Weights == nil) != whole {
					t.Errorf("weights rounded %t: layer %d, product %d, for the fast engine alone: %t", whole, i, j, own.Weights != nil)
				}
			}
		}
	}
}

// roundLayers makes the rows of a checkpoint's layers four-bit numbers times a scale.
func roundLayers(t *testing.T, path string) {
	t.Helper()
	c, err := llama.OpenCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []struct {
		weights []float32
		n       int
	}{{c.WQ, c.Dim}, {c.WK, c.Dim}, {c.WV, c.Dim}, {c.WO, c.Dim}, {c.W1, c.Dim}, {c.W2, c.HiddenDim}, {c.W3, c.Dim}} {
		// Both are views of the file, in its order.
		at := llama.HeaderSize + int(uintptr(unsafe.Pointer(&w.weights[0]))-uintptr(unsafe.Pointer(&c.TokenEmbedding[0])))
		for r := 0; r < len(w.weights); r += w.n {
			row, q := make([]float64, w.n), make([]int8, w.n)
			for i, v := range w.weights[r:][:w.n] {
				row[i] = float64(v)
			}
			scale, _, _ := classifier.QuantizeRow(q, row, 7)
			for i := range row {
				binary.LittleEndian.PutUint32(data[at+4*(r+i):], math.Float32bits(scale*float32(q[i])))
			}
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
