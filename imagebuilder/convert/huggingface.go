package convert

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"duostoryteller/app/llama"
	"duostoryteller/app/memory"

	"github.com/nlpodyssey/safetensors"
)

// Model is a converted model.
type Model struct {
	Checkpoint *llama.Checkpoint
	Tokenizer  []byte   // tokenizer.bin
	Notes      []string // what a person should know of it, a sentence each
}

// hfConfig is config.json, as far as it decides what the model computes.
// https://huggingface.co/docs/transformers/model_doc/llama has the names.
type hfConfig struct {
	ModelType         string          `json:"model_type"`
	HiddenSize        int             `json:"hidden_size"`
	IntermediateSize  int             `json:"intermediate_size"`
	Layers            int             `json:"num_hidden_layers"`
	Heads             int             `json:"num_attention_heads"`
	KVHeads           int             `json:"num_key_value_heads"`
	HeadDim           int             `json:"head_dim"`
	VocabSize         int             `json:"vocab_size"`
	Positions         int             `json:"max_position_embeddings"`
	TieWordEmbeddings bool            `json:"tie_word_embeddings"`
	Act               string          `json:"hidden_act"`
	Eps               *float64        `json:"rms_norm_eps"`
	Theta             *float64        `json:"rope_theta"`
	RopeScaling       json.RawMessage `json:"rope_scaling"`
	RopeParameters    struct {
		Theta *float64 `json:"rope_theta"`
		Type  string   `json:"rope_type"`
	} `json:"rope_parameters"`
	Quantization json.RawMessage `json:"quantization_config"`
}

// shape checks that run.c computes what the configuration says, and returns the shape.
func (h hfConfig) shape() (c llama.Config, notes []string, err error) {
	absent := func(m json.RawMessage) bool { return len(m) == 0 || string(m) == "null" }
	theta := h.Theta
	if theta == nil {
		theta = h.RopeParameters.Theta
	}
	switch {
	case h.ModelType != "llama":
		return c, nil, fmt.Errorf("model_type is %q: llama is converted only", h.ModelType)
	case !absent(h.Quantization):
		return c, nil, errors.New("quantization_config: the weights are quantised; take the model with weights of 16 or 32 bits")
	case h.Act != "" && h.Act != "silu":
		return c, nil, fmt.Errorf("hidden_act is %q, run.c has silu", h.Act)
	case theta != nil && *theta != 10000:
		return c, nil, fmt.Errorf("rope_theta is %v, run.c has 10000", *theta)
	case !absent(h.RopeScaling):
		return c, nil, fmt.Errorf("rope_scaling is %s, run.c has none", h.RopeScaling)
	case h.RopeParameters.Type != "" && h.RopeParameters.Type != "default":
		return c, nil, fmt.Errorf("rope_type is %q, run.c has the default", h.RopeParameters.Type)
	case h.Heads > 0 && h.HeadDim != 0 && h.HeadDim*h.Heads != h.HiddenSize:
		return c, nil, fmt.Errorf("head_dim is %d, run.c wants hidden_size/num_attention_heads, %d", h.HeadDim, h.HiddenSize/h.Heads)
	}
	if eps := h.Eps; eps != nil && *eps != 1e-5 {
		notes = append(notes, fmt.Sprintf("The model was trained with rms_norm_eps %v; llama2.c's run.c, and so this project, computes with 1e-05.", *eps))
	}
	c = llama.Config{
		Dim: h.HiddenSize, HiddenDim: h.IntermediateSize, Layers: h.Layers, Heads: h.Heads, KVHeads: h.KVHeads,
		VocabSize: h.VocabSize, SeqLen: h.Positions, SharedClassifier: h.TieWordEmbeddings,
	}
	if c.KVHeads == 0 { // older files leave it out: one for each query head
		c.KVHeads = c.Heads
	}
	if err := c.Validate(); err != nil {
		return c, nil, fmt.Errorf("its shape: %w", err)
	}
	return c, notes, nil
}

// HuggingFace reads a Llama model from a folder as Hugging Face has it: config.json,
// model.safetensors (or the parts that model.safetensors.index.json lists) and
// tokenizer.model or tokenizer.json. context, if not 0, makes the context shorter.
func HuggingFace(folder string, context int) (*Model, error) {
	var h hfConfig
	name := filepath.Join(folder, "config.json")
	text, err := readSmall(name)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c, notes, err := h.shape()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if context > c.SeqLen || context < 0 {
		return nil, fmt.Errorf("a context of %d: %s has max_position_embeddings %d", context, name, c.SeqLen)
	}
	if context > 0 {
		c.SeqLen = context
	}
	tokenizer, more, err := readTokenizer(folder, c.VocabSize)
	if err != nil {
		return nil, err
	}
	files, err := weightFiles(folder)
	if err != nil {
		return nil, err
	}
	t := tensors{taken: map[string]bool{}}
	defer t.close()
	for _, f := range files {
		if err := t.open(f); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
	}
	checkpoint, err := t.checkpoint(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	return &Model{checkpoint, tokenizer, append(notes, more...)}, nil
}

// smallFile is what no configuration or tokenizer is larger than.
const smallFile = 64 << 20

// readSmall reads a file of text or of a tokenizer.
func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, smallFile+1))
	if err == nil && len(data) > smallFile {
		err = fmt.Errorf("larger than %d bytes", smallFile)
	}
	if err == nil {
		err = checkPointer(data)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

// checkPointer reports a pointer of Git LFS: what a clone has without git-lfs.
func checkPointer(data []byte) error {
	if bytes.HasPrefix(data, []byte("version https://git-lfs")) {
		return errors.New("a pointer of Git LFS, not the file it stands for: run `git lfs pull` in the folder, or download the file itself")
	}
	return nil
}

// weightFiles lists the files that have the weights.
func weightFiles(folder string) ([]string, error) {
	one := filepath.Join(folder, "model.safetensors")
	if _, err := os.Stat(one); !errors.Is(err, fs.ErrNotExist) {
		return []string{one}, err
	}
	index := one + ".index.json"
	text, err := readSmall(index)
	if errors.Is(err, fs.ErrNotExist) {
		for _, other := range []string{"pytorch_model.bin", "pytorch_model.bin.index.json", "consolidated.00.pth"} {
			if _, err := os.Stat(filepath.Join(folder, other)); err == nil {
				return nil, fmt.Errorf("%s has its weights in %s, a form of PyTorch's that can run programs: safetensors are converted only", folder, other)
			}
		}
		return nil, fmt.Errorf("%s has no model.safetensors, nor model.safetensors.index.json", folder)
	}
	if err != nil {
		return nil, err
	}
	var list struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", index, err)
	}
	var files []string
	for _, f := range list.WeightMap {
		if f != filepath.Base(f) {
			return nil, fmt.Errorf("%s names %q, which is not in the folder", index, f)
		}
		files = append(files, filepath.Join(folder, f))
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// tensors are those of all files.
type tensors struct {
	mapped [][]byte
	views  []safetensors.SafeTensors
	taken  map[string]bool
}

func (t *tensors) close() {
	for _, m := range t.mapped {
		memory.Unmap(m) // only read
	}
}

func (t *tensors) open(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < 9 || info.Size() > math.MaxInt {
		return fmt.Errorf("not a safetensors file: it has %d bytes", info.Size())
	}
	m, err := memory.Map(f, int(info.Size()))
	if err != nil {
		return err
	}
	t.mapped = append(t.mapped, m)
	if err := checkPointer(m); err != nil {
		return err
	}
	view, err := safetensors.Deserialize(m)
	if err != nil {
		return fmt.Errorf("not a safetensors file, or truncated: %w", err)
	}
	t.views = append(t.views, view)
	return nil
}

func (t *tensors) find(name string) (safetensors.TensorView, bool) {
	for _, v := range t.views {
		if tensor, ok := v.Tensor(name); ok {
			t.taken[name] = true
			return tensor, true
		}
	}
	return safetensors.TensorView{}, false
}

// read fills dst with a tensor of that shape.
func (t *tensors) read(dst []float32, name string, shape ...int) error {
	tensor, ok := t.find(name)
	if !ok {
		return fmt.Errorf("no tensor %s", name)
	}
	same := slices.EqualFunc(tensor.Shape(), shape, func(have uint64, want int) bool { return have == uint64(want) })
	if !same {
		return fmt.Errorf("tensor %s has the shape %v, config.json asks for %v", name, tensor.Shape(), shape)
	}
	data := tensor.Data()
	switch tensor.DType() {
	case safetensors.F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
	case safetensors.BF16: // the upper half of a float32
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(data[2*i:])) << 16)
		}
	case safetensors.F16:
		for i := range dst {
			dst[i] = half(binary.LittleEndian.Uint16(data[2*i:]))
		}
	default:
		return fmt.Errorf("tensor %s is of type %s: F32, F16 and BF16 are converted only", name, tensor.DType())
	}
	for i, v := range dst {
		if v-v != 0 {
			return fmt.Errorf("tensor %s: number %d is %v: damaged", name, i, v)
		}
	}
	return nil
}

// half is an IEEE 754 number of 16 bits.
func half(b uint16) float32 {
	sign, exponent, fraction := uint32(b>>15)<<31, uint32(b>>10&31), uint32(b&0x3ff)
	switch exponent {
	case 0: // fraction times 2^-24, zero included
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// checkpoint makes one of all tensors, none of which may be left over.
func (t *tensors) checkpoint(c llama.Config) (*llama.Checkpoint, error) {
	l, dim, kv, hidden := c.Layers, c.Dim, c.KVDim(), c.HiddenDim
	floats := func(sizes ...int) []float32 {
		n := 1
		for _, s := range sizes {
			n *= s
		}
		return make([]float32, n)
	}
	// A configuration can promise more than there is: take memory only for what is.
	have := int64(0)
	for _, m := range t.mapped {
		have += int64(len(m))
	}
	if want := c.Weights() * 2; want > have { // of 16 bits at least
		return nil, fmt.Errorf("the weights that config.json asks for take %d bytes at least, its files of weights have %d", want, have)
	}
	m := &llama.Checkpoint{Header: llama.Header{Config: c}, TokenEmbedding: floats(c.VocabSize, dim),
		RMSAtt: floats(l, dim), WQ: floats(l, dim, dim), WK: floats(l, kv, dim), WV: floats(l, kv, dim), WO: floats(l, dim, dim),
		RMSFFN: floats(l, dim), W1: floats(l, hidden, dim), W2: floats(l, dim, hidden), W3: floats(l, hidden, dim), RMSFinal: floats(dim)}
	if err := t.read(m.TokenEmbedding, "model.embed_tokens.weight", c.VocabSize, dim); err != nil {
		return nil, err
	}
	for i := range l {
		for _, p := range []struct {
			name  string
			all   []float32
			shape []int
			heads int // of what rotary encoding turns
		}{
			{"input_layernorm", m.RMSAtt, []int{dim}, 0},
			{"self_attn.q_proj", m.WQ, []int{dim, dim}, c.Heads},
			{"self_attn.k_proj", m.WK, []int{kv, dim}, c.KVHeads},
			{"self_attn.v_proj", m.WV, []int{kv, dim}, 0},
			{"self_attn.o_proj", m.WO, []int{dim, dim}, 0},
			{"post_attention_layernorm", m.RMSFFN, []int{dim}, 0},
			{"mlp.gate_proj", m.W1, []int{hidden, dim}, 0},
			{"mlp.down_proj", m.W2, []int{dim, hidden}, 0},
			{"mlp.up_proj", m.W3, []int{hidden, dim}, 0},
		} {
			size := len(p.all) / l
			dst := p.all[i*size:][:size]
			if err := t.read(dst, fmt.Sprintf("model.layers.%d.%s.weight", i, p.name), p.shape...); err != nil {
				return nil, err
			}
			if p.heads != 0 {
				interleave(dst, p.heads, dim)
			}
		}
	}
	if err := t.read(m.RMSFinal, "model.norm.weight", dim); err != nil {
		return nil, err
	}
	if _, ok := t.find("lm_head.weight"); ok && !c.SharedClassifier {
		m.Classifier = floats(c.VocabSize, dim)
		if err := t.read(m.Classifier, "lm_head.weight", c.VocabSize, dim); err != nil {
			return nil, err
		}
		m.SharedClassifier = slices.Equal(m.Classifier, m.TokenEmbedding) // as export.py has it
	} else if !ok && !c.SharedClassifier {
		return nil, errors.New("no tensor lm_head.weight, and config.json does not say tie_word_embeddings")
	}
	if m.SharedClassifier {
		m.Classifier = m.TokenEmbedding
	}
	for _, v := range t.views {
		for _, name := range v.Names() {
			if !t.taken[name] && !strings.HasSuffix(name, ".rotary_emb.inv_freq") { // a table that follows from rope_theta
				return nil, fmt.Errorf("tensor %s is none of a Llama that run.c can compute", name)
			}
		}
	}
	return m, nil
}

// interleave puts the rows of a query's or key's matrix into run.c's order. Rotary
// encoding turns pairs of numbers of a head: run.c's are neighbours, 2j and 2j+1;
// Hugging Face's are j and headSize/2+j, for which its conversion of Meta's weights
// moved the rows. This is the way back, permute_reverse in llama2.c's export.py
// (load_hf_model), of permute in transformers' convert_llama_weights_to_hf.py.
func interleave(w []float32, heads, columns int) {
	headSize := len(w) / columns / heads
	old := make([]float32, headSize*columns)
	for h := range heads {
		head := w[h*headSize*columns:][:headSize*columns]
		copy(old, head)
		for j := range headSize / 2 {
			copy(head[2*j*columns:][:columns], old[j*columns:][:columns])
			copy(head[(2*j+1)*columns:][:columns], old[(headSize/2+j)*columns:][:columns])
		}
	}
}
