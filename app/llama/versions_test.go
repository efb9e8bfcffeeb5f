package llama_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/llama"
	"duostoryteller/app/llama/builtin"
	"duostoryteller/imagebuilder/convert"
	"duostoryteller/tests/testmodel"
)

func open(t *testing.T, path string) *llama.Checkpoint {
	t.Helper()
	c, err := llama.OpenCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// stories tells a few stories of different kinds.
func stories(t *testing.T, c *llama.Checkpoint, tokenizer string) (texts []string) {
	t.Helper()
	z, err := llama.OpenTokenizer(tokenizer, c.VocabSize)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*llama.Sampler{
		llama.NewSampler(c.VocabSize, 0, 0.9, 1), llama.NewSampler(c.VocabSize, 1, 0.9, 123),
	} {
		var text strings.Builder
		_, err := llama.Generate(llama.NewPlain(c, llama.Strict), z, s, z.Encode("Once upon a time", true, false), min(60, c.SeqLen), func(_ int, piece []byte) error {
			text.Write(piece)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text.String())
	}
	return texts
}

// TestVersions writes models, the built-in one among them, as the other versions of
// llama2.c's export. Version 1 has the same weights and tells the same texts. Version 2
// tells those of the legacy checkpoint that its weights make, rounded and back.
func TestVersions(t *testing.T) {
	type model struct{ checkpoint, tokenizer string }
	dir := t.TempDir()
	checkpoint, tokenizer, err := builtin.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	models := []model{{checkpoint, tokenizer}}
	for _, m := range testmodel.Models()[:2] { // the classifier shared, and separate
		checkpoint, tokenizer, err := m.Files(dir)
		if err != nil {
			t.Fatal(err)
		}
		models = append(models, model{checkpoint, tokenizer})
	}
	for _, m := range models {
		name := filepath.Base(m.checkpoint)
		legacy := open(t, m.checkpoint)
		want := stories(t, legacy, m.tokenizer)
		v1 := open(t, file(t, "v1.bin", testmodel.Export(legacy, 1, 0)))
		if v1.Version != 1 || v1.Config != legacy.Config {
			t.Errorf("%s as version 1: version %d of shape %+v; want 1, %+v", name, v1.Version, v1.Config, legacy.Config)
		}
		same(t, name+" as version 1", v1, legacy)
		if got := stories(t, v1, m.tokenizer); !slices.Equal(got, want) {
			t.Errorf("%s as version 1 tells %q; want %q", name, got, want)
		}
		// Groups that a row is a multiple of, and that w2's rows of hidden weights are not.
		for _, group := range []int{legacy.Dim, legacy.Dim / 4} {
			data := testmodel.Export(legacy, 2, group)
			v2 := open(t, file(t, "v2.bin", data))
			if v2.Version != 2 || v2.GroupSize != group || v2.Config != legacy.Config || v2.FileSize() != int64(len(data)) {
				t.Errorf("%s as version 2 in groups of %d: %+v of %d bytes; want %d", name, group, v2.Header, v2.FileSize(), len(data))
			}
			var rounded bytes.Buffer
			if err := convert.Legacy(&rounded, testmodel.Rounded(legacy, group)); err != nil {
				t.Fatal(err)
			}
			back := open(t, file(t, "rounded.bin", rounded.Bytes()))
			same(t, name+" as version 2", v2, back)
			if got, want := stories(t, v2, m.tokenizer), stories(t, back, m.tokenizer); !slices.Equal(got, want) {
				t.Errorf("%s as version 2 in groups of %d tells %q; want %q", name, group, got, want)
			}
		}
	}
}

// same compares all weights, to the bit.
func same(t *testing.T, name string, got, want *llama.Checkpoint) {
	t.Helper()
	all := func(c *llama.Checkpoint) [][]float32 {
		return [][]float32{c.TokenEmbedding, c.RMSAtt, c.WQ, c.WK, c.WV, c.WO, c.RMSFFN, c.W1, c.W2, c.W3, c.RMSFinal, c.Classifier}
	}
	for i, w := range all(want) {
		if !slices.Equal(all(got)[i], w) {
			t.Errorf("%s: the weights of tensor %d differ", name, i)
		}
	}
}

// TestVersionErrors damages headers of both versions.
func TestVersionErrors(t *testing.T) {
	checkpoint, _, err := testmodel.Models()[0].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	legacy := open(t, checkpoint)
	const flag, group, padding = 8 + llama.HeaderSize, 8 + llama.HeaderSize + 1, 200
	for _, tt := range []struct {
		name    string
		version int
		damage  func(b []byte) []byte
		want    string
	}{
		{"whole", 1, func(b []byte) []byte { return b }, ""},
		{"whole", 2, func(b []byte) []byte { return b }, ""},
		{"longer", 2, func(b []byte) []byte { return append(b, 1, 2, 3) }, ""},
		{"short header", 1, func(b []byte) []byte { return b[:100] }, "256 bytes, the file has 100"},
		{"truncated", 1, func(b []byte) []byte { return b[:len(b)-1] }, "truncated"},
		{"truncated", 2, func(b []byte) []byte { return b[:len(b)-1] }, "truncated"},
		{"another version", 1, func(b []byte) []byte { b[4] = 3; return b }, "version 3: versions 1 and 2 are read"},
		{"no dim", 2, func(b []byte) []byte { b[8], b[9] = 0, 0; return b }, "dim 0"},
		{"legacy's sign", 1, func(b []byte) []byte { copy(b[28:], "\xff\xff\xff\xff"); return b }, "vocabulary size -1"},
		{"flag", 1, func(b []byte) []byte { b[flag] = 2; return b }, "flag is 2"},
		{"no groups", 2, func(b []byte) []byte { b[group] = 0; return b }, "group size 0"},
		{"groups of 5", 2, func(b []byte) []byte { b[group] = 5; return b }, "group size 5"},
		{"padding", 2, func(b []byte) []byte { b[padding] = 1; return b }, "byte 200"},
		{"version 1's group size", 1, func(b []byte) []byte { b[group] = 64; return b }, "byte 37"},
		{"negative scale", 2, func(b []byte) []byte { b[len(b)-1] |= 0x80; return b }, "scale"},
		{"no number", 2, func(b []byte) []byte { copy(b[len(b)-4:], "\xff\xff\xff\x7f"); return b }, "NaN"},
	} {
		path := file(t, "model.bin", tt.damage(testmodel.Export(legacy, tt.version, 16)))
		c, err := llama.OpenCheckpoint(path)
		if err == nil {
			c.Close()
		}
		if tt.want == "" && err != nil ||
			tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("version %d, %s: OpenCheckpoint() = %v; want one line with the path and %q", tt.version, tt.name, err, tt.want)
		}
	}
}

// TestReadCheckpoint: a file in memory is the same checkpoint, and a part of it none.
func TestReadCheckpoint(t *testing.T) {
	path, _, err := builtin.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := open(t, path)
	for version := range 3 {
		data := testmodel.Export(want, version, 32)
		if version == 0 {
			if data, err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}
		c, err := llama.ReadCheckpoint(data)
		if err != nil {
			t.Fatal(err)
		}
		if c.Version != version {
			t.Errorf("version %d; want %d", c.Version, version)
		}
		if version < 2 { // the weights of 2 are rounded
			same(t, "in memory", c, want)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		for _, n := range []int{0, 3, llama.HeaderSize, len(data) - 1} {
			if _, err := llama.ReadCheckpoint(data[:n:n]); err == nil {
				t.Errorf("%d of %d bytes of version %d are a checkpoint", n, len(data), version)
			}
		}
	}
}
