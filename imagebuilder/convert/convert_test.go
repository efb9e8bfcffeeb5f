package convert

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/llama"
	"duostoryteller/app/llama/builtin"
	"duostoryteller/tests/testmodel"

	"github.com/nlpodyssey/safetensors"
	"google.golang.org/protobuf/encoding/protowire"
)

// folder is a model in Hugging Face's form, to be damaged and written.
type folder struct {
	config  map[string]any
	weights map[string]safetensors.TensorView
	files   map[string][]byte
}

func (f folder) write(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, data []byte, err error) {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(f.config)
	put("config.json", text, err)
	if f.weights != nil {
		data, err := safetensors.Serialize(f.weights, map[string]string{"format": "pt"})
		put("model.safetensors", data, err)
	}
	for name, data := range f.files {
		put(name, data, nil)
	}
	return dir
}

func view(t testing.TB, values []float32, shape ...int) safetensors.TensorView {
	t.Helper()
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	var sizes []uint64
	for _, s := range shape {
		sizes = append(sizes, uint64(s))
	}
	tensor, err := safetensors.NewTensorView(safetensors.F32, sizes, data)
	if err != nil {
		t.Fatal(err)
	}
	return tensor
}

// halves moves rows as transformers' convert_llama_weights_to_hf.py does: of each
// head those with even numbers first.
func halves(w []float32, heads, columns int) (out []float32) {
	headSize := len(w) / columns / heads
	for h := range heads {
		for odd := range 2 {
			for j := range headSize / 2 {
				row := h*headSize + 2*j + odd
				out = append(out, w[row*columns:][:columns]...)
			}
		}
	}
	return out
}

// export writes c as Hugging Face has it.
func export(t testing.TB, c *llama.Checkpoint, v vocabulary) folder {
	t.Helper()
	dim, kv, hidden := c.Dim, c.KVDim(), c.HiddenDim
	f := folder{
		config: map[string]any{"model_type": "llama", "hidden_size": dim, "intermediate_size": hidden, "num_hidden_layers": c.Layers, "num_attention_heads": c.Heads,
			"num_key_value_heads": c.KVHeads, "vocab_size": c.VocabSize, "max_position_embeddings": c.SeqLen, "tie_word_embeddings": c.SharedClassifier,
			"hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "rope_scaling": nil, "torch_dtype": "float32"},
		weights: map[string]safetensors.TensorView{"model.embed_tokens.weight": view(t, c.TokenEmbedding, c.VocabSize, dim), "model.norm.weight": view(t, c.RMSFinal, dim)},
		files:   map[string][]byte{"tokenizer.model": v.sentencePiece()},
	}
	if !c.SharedClassifier {
		f.weights["lm_head.weight"] = view(t, c.Classifier, c.VocabSize, dim)
	}
	for i := range c.Layers {
		part := func(w []float32) []float32 { return w[len(w)/c.Layers*i:][:len(w)/c.Layers] }
		for name, tensor := range map[string]safetensors.TensorView{
			"input_layernorm": view(t, part(c.RMSAtt), dim), "post_attention_layernorm": view(t, part(c.RMSFFN), dim),
			"self_attn.q_proj": view(t, halves(part(c.WQ), c.Heads, dim), dim, dim), "self_attn.k_proj": view(t, halves(part(c.WK), c.KVHeads, dim), kv, dim),
			"self_attn.v_proj": view(t, part(c.WV), kv, dim), "self_attn.o_proj": view(t, part(c.WO), dim, dim),
			"mlp.gate_proj": view(t, part(c.W1), hidden, dim), "mlp.down_proj": view(t, part(c.W2), dim, hidden), "mlp.up_proj": view(t, part(c.W3), hidden, dim),
		} {
			f.weights[fmt.Sprintf("model.layers.%d.%s.weight", i, name)] = tensor
		}
	}
	return f
}

// readVocabulary takes a tokenizer.bin apart, back to sentencepiece's spelling.
func readVocabulary(t testing.TB, path string) (v vocabulary) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for data = data[4:]; len(data) > 0; {
		n := binary.LittleEndian.Uint32(data[4:])
		v.scores = append(v.scores, math.Float32frombits(binary.LittleEndian.Uint32(data)))
		v.pieces = append(v.pieces, strings.ReplaceAll(string(data[8:8+n]), " ", space))
		data = data[8+n:]
	}
	v.pieces[llama.BOS], v.pieces[llama.EOS] = "<s>", "</s>"
	return v
}

// sentencePiece writes a tokenizer.model.
func (v vocabulary) sentencePiece() (b []byte) {
	for i, p := range v.pieces {
		piece := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), p)
		piece = protowire.AppendFixed32(protowire.AppendTag(piece, 2, protowire.Fixed32Type), math.Float32bits(v.scores[i]))
		b = protowire.AppendBytes(protowire.AppendTag(b, 1, protowire.BytesType), piece)
	}
	trainer := protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), 2)
	return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), trainer)
}

// json writes a tokenizer.json as transformers makes it of a tokenizer.model: every
// pair of pieces that makes a piece is a merge, the best piece first.
func (v vocabulary) json(t testing.TB, pairs bool) []byte {
	t.Helper()
	ids, order := map[string]int{}, []int{}
	for i, p := range v.pieces {
		ids[p] = i
		if i >= 259 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(v.scores[b], v.scores[a]) })
	merges := []any{}
	for _, id := range order {
		p := v.pieces[id]
		for i := range p {
			if _, ok := ids[p[:i]]; !ok || ids[p[i:]] == 0 {
				continue
			}
			if pairs {
				merges = append(merges, [2]string{p[:i], p[i:]})
			} else {
				merges = append(merges, p[:i]+" "+p[i:])
			}
		}
	}
	text, err := json.Marshal(map[string]any{
		"added_tokens": []any{map[string]any{"id": 1, "content": "<s>", "special": true}},
		"normalizer": map[string]any{"type": "Sequence", "normalizers": []any{
			map[string]any{"type": "Prepend", "prepend": space}, map[string]any{"type": "Replace", "pattern": map[string]any{"String": " "}, "content": space}}},
		"model": map[string]any{"type": "BPE", "byte_fallback": true, "vocab": ids, "merges": merges},
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func openModel(t testing.TB, checkpoint string) *llama.Checkpoint {
	t.Helper()
	c, err := llama.OpenCheckpoint(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func builtinModel(t testing.TB) (*llama.Checkpoint, vocabulary, []byte) {
	t.Helper()
	checkpoint, tokenizer, err := builtin.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	return openModel(t, checkpoint), readVocabulary(t, tokenizer), file
}

func tell(t *testing.T, c *llama.Checkpoint, tokenizer []byte, prompt string) string {
	t.Helper()
	z, err := llama.ReadTokenizer(bytes.NewReader(tokenizer), c.VocabSize)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	_, err = llama.Generate(llama.NewPlain(c, llama.Strict), z, llama.NewSampler(c.VocabSize, 1, 0.9, 123), z.Encode(prompt, true, false), min(80, c.SeqLen), func(_ int, piece []byte) error {
		text.Write(piece)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestHuggingFace writes the built-in model, and others, as Hugging Face has them: the
// converted ones have the same weights and tokenizer, and tell the same texts.
func TestHuggingFace(t *testing.T) {
	small, words, file := builtinModel(t)
	type source struct {
		name string
		*llama.Checkpoint
		vocabulary
		tokenizer []byte
	}
	sources := []source{{"builtin", small, words, file}}
	for _, m := range testmodel.Models()[:3] { // shared and separate classifiers, fewer keys than queries
		checkpoint, tokenizer, err := m.Files(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(tokenizer)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, source{m.Name, openModel(t, checkpoint), readVocabulary(t, tokenizer), file})
	}
	for _, s := range sources {
		m, err := HuggingFace(export(t, s.Checkpoint, s.vocabulary).write(t), 0)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if !bytes.Equal(m.Tokenizer, s.tokenizer) || len(m.Notes) > 0 {
			t.Errorf("%s: the tokenizer came back as another one, with notes %q", s.name, m.Notes)
		}
		var legacy bytes.Buffer
		if err := Legacy(&legacy, m.Checkpoint); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "model.bin")
		if err := os.WriteFile(path, legacy.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		got := openModel(t, path)
		if got.Config != s.Config || !slices.Equal(got.WQ, s.WQ) || !slices.Equal(got.WK, s.WK) || !slices.Equal(got.W3, s.W3) || !slices.Equal(got.Classifier, s.Classifier) {
			t.Errorf("%s: shape %+v, or weights, differ from those before; want %+v", s.name, got.Config, s.Config)
		}
		if got, want := tell(t, got, m.Tokenizer, "Once upon a time"), tell(t, s.Checkpoint, s.tokenizer, "Once upon a time"); got != want {
			t.Errorf("%s: it tells %q; want %q", s.name, got, want)
		}
	}
}

// TestRotary holds the order of rows to what it is for: Hugging Face's way to turn a
// query and a key, by halves of a head, and run.c's, by neighbours, give the same score.
func TestRotary(t *testing.T) {
	const headSize, heads, position = 8, 2, 5
	w := make([]float32, heads*headSize) // a matrix of one column is a vector
	for i := range w {
		w[i] = float32(i*i%7) - 3
	}
	run := slices.Clone(w)
	interleave(run, heads, 1)
	for h := range heads {
		hf, ours := w[h*headSize:][:headSize], run[h*headSize:][:headSize]
		var a, b float64
		for j := range headSize / 2 {
			sin, cos := math.Sincos(position * math.Pow(10000, -2*float64(j)/headSize))
			score := func(x, y float32) float64 { // with the vector at position 0
				return float64(x)*(float64(x)*cos-float64(y)*sin) + float64(y)*(float64(x)*sin+float64(y)*cos)*2
			}
			a += score(hf[j], hf[headSize/2+j])
			b += score(ours[2*j], ours[2*j+1])
		}
		if math.Abs(a-b) > 1e-9 {
			t.Errorf("head %d: scores %v and %v", h, a, b)
		}
	}
}

// TestTokenizerJSON encodes with what is made of tokenizer.json, as with the original.
func TestTokenizerJSON(t *testing.T) {
	c, words, file := builtinModel(t)
	want, err := llama.ReadTokenizer(bytes.NewReader(file), c.VocabSize)
	if err != nil {
		t.Fatal(err)
	}
	for _, pairs := range []bool{false, true} {
		f := export(t, c, words)
		f.files = map[string][]byte{"tokenizer.json": words.json(t, pairs)}
		m, err := HuggingFace(f.write(t), 64)
		if err != nil {
			t.Fatal(err)
		}
		if m.Checkpoint.SeqLen != 64 {
			t.Errorf("the context is %d; want 64", m.Checkpoint.SeqLen)
		}
		got, err := llama.ReadTokenizer(bytes.NewReader(m.Tokenizer), c.VocabSize)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"Once upon a time, there was a little girl named Lily.", "", "  two spaces", "größer ☕ \"quoted\"\n", "the the thethe", strings.Repeat("a", 50)} {
			if got, want := got.Encode(text, true, false), want.Encode(text, true, false); !slices.Equal(got, want) {
				t.Errorf("Encode(%q) = %v; want %v", text, got, want)
			}
		}
	}
}

// TestTypes reads weights of 16 bits, and a model in two files.
func TestTypes(t *testing.T) {
	c, words, _ := builtinModel(t)
	for name, tt := range map[string]struct {
		kind safetensors.DType
		bits func(v float32) uint16
	}{
		"BF16": {safetensors.BF16, func(v float32) uint16 { return uint16(math.Float32bits(v) >> 16) }},
		"F16":  {safetensors.F16, func(v float32) uint16 { return uint16(0x3c00 + int(v)) }}, // small steps above 1
	} {
		f := export(t, c, words)
		want := []float32{}
		var data []byte
		for i := range c.Dim {
			v := float32(i)
			data = binary.LittleEndian.AppendUint16(data, tt.bits(v))
			if name == "F16" {
				v = 1 + v/1024
			}
			want = append(want, v)
		}
		tensor, err := safetensors.NewTensorView(tt.kind, []uint64{uint64(c.Dim)}, data)
		if err != nil {
			t.Fatal(err)
		}
		all := f.weights
		delete(all, "model.norm.weight")
		second, err := safetensors.Serialize(map[string]safetensors.TensorView{"model.norm.weight": tensor}, nil)
		if err != nil {
			t.Fatal(err)
		}
		first, err := safetensors.Serialize(all, nil)
		if err != nil {
			t.Fatal(err)
		}
		f.weights = nil
		f.files["a.safetensors"], f.files["b.safetensors"] = first, second
		f.files["model.safetensors.index.json"] = []byte(`{"weight_map": {"model.embed_tokens.weight": "a.safetensors", "model.norm.weight": "b.safetensors"}}`)
		m, err := HuggingFace(f.write(t), 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(m.Checkpoint.RMSFinal, want) {
			t.Errorf("%s: %v; want %v", name, m.Checkpoint.RMSFinal, want)
		}
	}
	for b, want := range map[uint16]float32{0: 0, 1: 0x1p-24, 0x03ff: 0x3ffp-24, 0x0400: 0x1p-14, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x7c00: float32(math.Inf(1))} {
		if got := half(b); got != want {
			t.Errorf("half(%#x) = %v; want %v", b, got, want)
		}
	}
}

// TestRefused gives what run.c cannot compute, and damaged files: one line each, with
// what is wrong.
func TestRefused(t *testing.T) {
	checkpoint, tokenizer, err := testmodel.Models()[0].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, words := openModel(t, checkpoint), readVocabulary(t, tokenizer)
	for _, tt := range []struct {
		change func(f *folder)
		want   string
	}{
		{func(f *folder) { f.config["model_type"] = "gpt_neo" }, "gpt_neo"},
		{func(f *folder) { f.config["rope_theta"] = 500000.0 }, "rope_theta is 500000"},
		{func(f *folder) { f.config["rope_scaling"] = map[string]any{"type": "linear"} }, "rope_scaling"},
		{func(f *folder) { f.config["rope_parameters"] = map[string]any{"rope_type": "llama3"} }, "llama3"},
		{func(f *folder) { f.config["hidden_act"] = "gelu" }, "gelu"},
		{func(f *folder) { f.config["head_dim"] = 128 }, "head_dim is 128"},
		{func(f *folder) { f.config["quantization_config"] = map[string]any{"bits": 4} }, "quantised"},
		{func(f *folder) { f.config["num_attention_heads"] = 0 }, "heads 0"},
		{func(f *folder) { f.config["vocab_size"] = 1 << 20 }, "take"},
		{func(f *folder) { f.config["vocab_size"] = 300 }, "another model"},
		{func(f *folder) { f.config["hidden_size"] = c.Dim / 2 }, "asks for"},
		{func(f *folder) { f.config["tie_word_embeddings"] = !c.SharedClassifier }, "lm_head"},
		{func(f *folder) { delete(f.weights, "model.norm.weight") }, "no tensor model.norm.weight"},
		{func(f *folder) { f.weights["model.layers.0.self_attn.q_proj.bias"] = f.weights["model.norm.weight"] }, "q_proj.bias"},
		{func(f *folder) { f.weights["model.norm.weight"] = view(t, make([]float32, c.Dim+1), c.Dim+1) }, "shape"},
		{func(f *folder) {
			f.weights["model.norm.weight"] = view(t, slices.Repeat([]float32{float32(math.NaN())}, c.Dim), c.Dim)
		}, "NaN"},
		{func(f *folder) {
			v, err := safetensors.NewTensorView(safetensors.I8, []uint64{uint64(c.Dim)}, make([]byte, c.Dim))
			if err != nil {
				t.Fatal(err)
			}
			f.weights["model.norm.weight"] = v
		}, "type I8"},
		{func(f *folder) { f.weights = nil }, "no model.safetensors"},
		{func(f *folder) { f.weights, f.files["pytorch_model.bin"] = nil, []byte("PK\x03\x04") }, "pytorch_model.bin"},
		{func(f *folder) {
			f.weights, f.files["model.safetensors"] = nil, []byte("version https://git-lfs.github.com/spec/v1\n")
		}, "git lfs pull"},
		{func(f *folder) { f.files["tokenizer.model"] = []byte("version https://git-lfs.github.com/spec/v1\n") }, "git lfs pull"},
		{func(f *folder) { f.weights, f.files["model.safetensors"] = nil, []byte("once upon a time") }, "not a safetensors file"},
		{func(f *folder) {
			f.weights, f.files["model.safetensors.index.json"] = nil, []byte(`{"weight_map": {"a": "../b"}}`)
		}, "not in the folder"},
		{func(f *folder) { f.files = nil }, "neither tokenizer.model nor tokenizer.json"},
		{func(f *folder) { f.files["tokenizer.model"] = []byte("hello") }, "sentencepiece"},
		{func(f *folder) { f.files["tokenizer.model"] = append(words.sentencePiece(), "\x12\x02\x18\x01"...) }, "BPE"},
		{func(f *folder) {
			f.files["tokenizer.model"] = vocabulary{words.pieces[1:], words.scores[1:]}.sentencePiece()
		}, "raw bytes"},
		{func(f *folder) {
			f.files = map[string][]byte{"tokenizer.json": bytes.Replace(words.json(t, false), []byte(`"BPE"`), []byte(`"Unigram"`), 1)}
		}, "Unigram"},
		{func(f *folder) {
			f.files = map[string][]byte{"tokenizer.json": bytes.Replace(words.json(t, false), []byte(`"model"`), []byte(`"pre_tokenizer": {"type": "ByteLevel"}, "model"`), 1)}
		}, "ByteLevel"},
		{func(f *folder) {
			f.files = map[string][]byte{"tokenizer.json": bytes.Replace(words.json(t, false), []byte(`"byte_fallback":true`), []byte(`"byte_fallback":false`), 1)}
		}, "byte_fallback"},
	} {
		f := export(t, c, words)
		tt.change(&f)
		dir := f.write(t)
		_, err := HuggingFace(dir, 0)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n") {
			t.Errorf("HuggingFace() = %v; want one line with the folder and %q", err, tt.want)
		}
	}
	f := export(t, c, words)
	f.config["rms_norm_eps"] = 1e-6
	if m, err := HuggingFace(f.write(t), 0); err != nil || len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "1e-06") {
		t.Errorf("with another epsilon: %v; want it converted, with a note", err)
	}
}

func FuzzSentencePiece(f *testing.F) {
	_, words, _ := builtinModel(f)
	f.Add(vocabulary{words.pieces[:300], words.scores[:300]}.sentencePiece())
	f.Add([]byte("\x12\x02\x18\x02"))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parseSentencePiece(data)
		fuzzed(t, v, err)
	})
}

func FuzzTokenizerJSON(f *testing.F) {
	_, words, _ := builtinModel(f)
	f.Add(words.json(f, false))
	f.Add(words.json(f, true))
	f.Add([]byte(`{"model":{"type":"BPE","byte_fallback":true,"vocab":{"a":0}},"pre_tokenizer":{"type":"Metaspace"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parseTokenizerJSON(data)
		fuzzed(t, v, err)
	})
}

// fuzzed: what is taken has a score for each token, and is read or refused.
func fuzzed(t *testing.T, v vocabulary, err error) {
	if err != nil {
		return
	}
	if len(v.pieces) != len(v.scores) {
		t.Fatalf("%d pieces, %d scores", len(v.pieces), len(v.scores))
	}
	if v.check() == nil {
		llama.ReadTokenizer(bytes.NewReader(v.file()), len(v.pieces))
	}
}

// FuzzSafetensors reads files of weights for a small shape.
func FuzzSafetensors(f *testing.F) {
	c := llama.Config{Dim: 4, HiddenDim: 6, Layers: 1, Heads: 2, KVHeads: 1, VocabSize: 5, SeqLen: 3, SharedClassifier: true}
	m := &llama.Checkpoint{Header: llama.Header{Config: c}, TokenEmbedding: make([]float32, 20), RMSAtt: make([]float32, 4), WQ: make([]float32, 16), WK: make([]float32, 8), WV: make([]float32, 8), WO: make([]float32, 16),
		RMSFFN: make([]float32, 4), W1: make([]float32, 24), W2: make([]float32, 24), W3: make([]float32, 24), RMSFinal: make([]float32, 4)}
	data, err := safetensors.Serialize(export(f, m, vocabulary{}).weights, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)-1])
	path := filepath.Join(f.TempDir(), "model.safetensors")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		files := tensors{taken: map[string]bool{}}
		defer files.close()
		if files.open(path) != nil {
			return
		}
		if got, err := files.checkpoint(c); err == nil && len(got.W2) != 24 {
			t.Errorf("%d weights", len(got.W2))
		}
	})
}
