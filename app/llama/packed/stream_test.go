package packed

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/arith"
	"duostoryteller/tests/testmodel"

	"go.uber.org/goleak"
)

// TestPass: a model that is streamed keeps its draft alone, and a pass brings the layers
// as the exact engine has them, as often as it is wanted, from pieces of any size.
func TestPass(t *testing.T) {
	for _, shape := range testmodel.Models() {
		c, content := packFile(t, shape)
		path := file(t, content)
		exact, err := Open(path, Exact, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer exact.Close()
		m, err := Open(path, Streamed, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if err := errors.Join(exact.WaitAll(), m.WaitAll()); err != nil {
			t.Fatal(err)
		}
		if !m.Streamed() || exact.Streamed() || m.Resident() >= exact.Resident() {
			t.Errorf("%s: %d bytes are kept of %d", shape.Name, m.Resident(), exact.Resident())
		}
		for range 2 {
			pass := m.Pass()
			for i, layer := range exact.Layers {
				if m.Layers[i].Exact[0] != nil || !slices.Equal(m.Layers[i].Draft[3].Weights, layer.Draft[3].Weights) || !slices.Equal(m.Layers[i].AttNorm, c.RMSAtt[i*c.Dim:][:c.Dim]) {
					t.Errorf("%s: layer %d in memory is not the draft's", shape.Name, i)
				}
				for product, want := range layer.Exact {
					n, d := exact.Shape(product)
					var got []float32
					for row := 0; row < d; {
						weights, rows, err := pass.Next()
						if err != nil {
							t.Fatal(err)
						}
						if rows > m.PieceRows() || len(weights) != arith.PackedF32Len(n, rows) {
							t.Fatalf("%s: %d weights in %d rows", shape.Name, len(weights), rows)
						}
						got, row = append(got, weights...), row+rows
					}
					if !slices.Equal(got, want) {
						t.Errorf("%s: layer %d, product %d is not what was packed", shape.Name, i, product)
					}
				}
			}
			if _, _, err := pass.Next(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s: after all layers Next() = %v", shape.Name, err)
			}
			pass.Close()
		}
	}
}

// TestPartial: a pass brings the draft's layers that are not kept, as they are in a model
// that keeps all; their norms are in memory.
func TestPartial(t *testing.T) {
	for _, shape := range testmodel.Models() {
		_, content := packFile(t, shape)
		path := file(t, content)
		all, err := Open(path, Narrow, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer all.Close()
		m, err := Open(path, Partial, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if err := errors.Join(all.WaitAll(), m.WaitAll()); err != nil {
			t.Fatal(err)
		}
		if !m.Partial() || all.Partial() || m.Streamed() || m.Resident() >= all.Resident() {
			t.Errorf("%s: %d bytes are kept of %d", shape.Name, m.Resident(), all.Resident())
		}
		for range 2 {
			pass := m.Pass()
			for i, want := range all.Layers {
				got := m.Layers[i]
				if got.Draft[0].Weights != nil || !slices.Equal(got.AttNorm, want.AttNorm) || !slices.Equal(got.FFNNorm, want.FFNNorm) {
					t.Errorf("%s: layer %d in memory is not the norms alone", shape.Name, i)
				}
				for product, want := range want.Draft {
					n, _ := all.Shape(product)
					got, err := pass.NextFour(n)
					if err != nil || !slices.Equal(got.Scale, want.Scale) || !slices.Equal(got.Weights, want.Weights) {
						t.Fatalf("%s: layer %d, product %d is not what was packed: %v", shape.Name, i, product, err)
					}
				}
			}
			if _, err := pass.NextFour(1); !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s: after all layers NextFour() = %v", shape.Name, err)
			}
			pass.Close()
		}
	}
}

// TestPartialDamaged: damaged weights, and norms that are not what was kept, are refused
// with the section's name before the last product is used.
func TestPartialDamaged(t *testing.T) {
	_, content := packFile(t, testmodel.Models()[0])
	l, err := parseHeader(content)
	if err != nil {
		t.Fatal(err)
	}
	s := l.sections[l.draft(1)]
	for name, at := range map[string]int64{"a norm": 5, "a weight": s.length - 3} {
		damaged := slices.Clone(content)
		damaged[s.offset+at] ^= 0x10
		m, err := Open(file(t, damaged), Partial, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if err := m.WaitAll(); err != nil {
			t.Fatal(err)
		}
		pass, products := m.Pass(), 0
		for err = nil; err == nil; products++ {
			_, err = pass.NextFour(l.config.Dim)
		}
		pass.Close()
		if products > 8 || !strings.Contains(err.Error(), `section "draft 1" is damaged`) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: after %d products %v; want the section", name, products, err)
		}
	}
	// A norm that was read wrongly when the model was opened.
	m, err := Open(file(t, content), Partial, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.WaitAll(); err != nil {
		t.Fatal(err)
	}
	m.norms[0][3] ^= 1
	pass := m.Pass()
	defer pass.Close()
	if _, err := pass.NextFour(l.config.Dim); err == nil || !strings.Contains(err.Error(), `section "draft 0" is damaged`) {
		t.Errorf("another norm was kept: %v", err)
	}
}

// TestPassDamaged: a damaged layer is refused before its last piece is used, in one line;
// a pass that is given up leaves nothing behind.
func TestPassDamaged(t *testing.T) {
	shape := testmodel.Models()[0]
	_, content := packFile(t, shape)
	l, err := parseHeader(content)
	if err != nil {
		t.Fatal(err)
	}
	s := l.sections[l.layer(1)]
	content[s.offset+s.length/2] ^= 1
	path := file(t, content)
	m, err := Open(path, Streamed, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.WaitAll(); err != nil {
		t.Fatalf("what is kept in memory: %v; want only a layer damaged", err)
	}
	before := goleak.IgnoreCurrent()
	for range 2 {
		pass, pieces := m.Pass(), 0
		for err = nil; err == nil; pieces++ {
			_, _, err = pass.Next()
		}
		pass.Close()
		if want := 2 * len(l.pieces()); pieces != want || !strings.Contains(err.Error(), path+`: section "layer 1" is damaged`) || strings.Contains(err.Error(), "\n") {
			t.Errorf("piece %d: %v; want piece %d refused, with its section and file", pieces, err, want)
		}
	}
	for _, taken := range []int{0, 1, 3} {
		pass := m.Pass()
		for range taken {
			if _, _, err := pass.Next(); err != nil {
				t.Fatal(err)
			}
		}
		pass.Close()
	}
	goleak.VerifyNone(t, before)
	if err := os.Truncate(path, s.offset+1); err != nil {
		t.Fatal(err)
	}
	pass := m.Pass()
	defer pass.Close()
	for err = nil; err == nil; {
		_, _, err = pass.Next()
	}
	if !strings.Contains(err.Error(), `section "layer 1" cannot be read`) {
		t.Errorf("a file that ends too early: %v", err)
	}
}

// TestPieces: together they are the section, whatever its shape.
func TestPieces(t *testing.T) {
	shapes := []func() (*layout, error){}
	for _, m := range testmodel.Models() {
		shapes = append(shapes, func() (*layout, error) { return newLayout(m.Config, 1, true) })
	}
	large := testmodel.Models()[0].Config
	large.Dim, large.HiddenDim, large.Heads, large.KVHeads = 512, 1376, 8, 8
	shapes = append(shapes, func() (*layout, error) { return newLayout(large, 1, false) })
	for _, shape := range shapes {
		l, err := shape()
		if err != nil {
			t.Fatal(err)
		}
		at, rows := int64(0), 0
		for i, p := range l.pieces() {
			if p.begin != at || p.weights < p.begin || i > 0 && p.weights != p.begin || p.end <= p.weights || p.end-p.weights > max(pieceSize, int64(4*arith.PackedF32Len(l.config.HiddenDim, 1)), int64(4*arith.PackedF32Len(l.config.Dim, 1))) {
				t.Errorf("piece %d: %+v after %d", i, p, at)
			}
			at, rows = p.end, rows+p.rows
		}
		want := 0
		for _, m := range matrices(l.config) {
			want += m.d
		}
		if length := l.sections[l.layer(0)].length; at != length || rows != want {
			t.Errorf("the pieces have %d bytes and %d rows, the section %d and %d", at, rows, length, want)
		}
	}
}
