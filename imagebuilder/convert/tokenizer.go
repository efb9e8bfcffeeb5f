package convert

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strings"

	"duostoryteller/app/llama"

	"google.golang.org/protobuf/encoding/protowire"
)

// vocabulary is a tokenizer's, by token.
type vocabulary struct {
	pieces []string
	scores []float32
}

// never is the score of a piece that no merge may make: run.c merges what scores more
// than -1e10.
const never = -1e11

// space is sentencepiece's way to write a space.
const space = "▁"

// readTokenizer makes tokenizer.bin for a model of so many tokens, of the folder's
// tokenizer.model, or tokenizer.json.
func readTokenizer(folder string, size int) (file []byte, notes []string, err error) {
	var v vocabulary
	name := filepath.Join(folder, "tokenizer.model")
	data, err := readSmall(name)
	if err == nil {
		v, err = parseSentencePiece(data)
	} else if errors.Is(err, fs.ErrNotExist) {
		name = filepath.Join(folder, "tokenizer.json")
		if data, err = readSmall(name); err == nil {
			v, err = parseTokenizerJSON(data)
		} else if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("%s has neither tokenizer.model nor tokenizer.json", folder)
		} else {
			return nil, nil, err
		}
	} else {
		return nil, nil, err
	}
	if err == nil {
		err = v.check()
	}
	if have := len(v.pieces); err == nil && have > size {
		err = fmt.Errorf("it has %d tokens, config.json's vocab_size is %d: it belongs to another model", have, size)
	} else if err == nil && have < size {
		notes = append(notes, fmt.Sprintf("%s has %d tokens, the model %d: the others were given names.", name, have, size))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	for i := len(v.pieces); i < size; i++ {
		v.pieces, v.scores = append(v.pieces, fmt.Sprintf("<unused %d>", i)), append(v.scores, never)
	}
	file = v.file()
	if _, err := llama.ReadTokenizer(bytes.NewReader(file), size); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return file, notes, nil
}

// check holds a vocabulary to what run.c takes for granted: which tokens begin and end
// a text, and which are raw bytes.
func (v vocabulary) check() error {
	const firstByte = 3
	if len(v.pieces) < firstByte+256 {
		return fmt.Errorf("it has %d tokens: run.c wants three special ones and the 256 bytes", len(v.pieces))
	}
	for b := range 256 {
		if want := fmt.Sprintf("<0x%02X>", b); v.pieces[firstByte+b] != want {
			return fmt.Errorf("token %d is %q: run.c takes tokens 3 to 258 for the raw bytes, %s here", firstByte+b, v.pieces[firstByte+b], want)
		}
	}
	return nil
}

// file is tokenizer.bin, as tokenizer.py of llama2.c writes it: BOS and EOS between
// line ends, spaces as they are.
func (v vocabulary) file() []byte {
	pieces, longest := make([]string, len(v.pieces)), 0
	for i, p := range v.pieces {
		switch i {
		case llama.BOS:
			p = "\n<s>\n"
		case llama.EOS:
			p = "\n</s>\n"
		}
		pieces[i] = strings.ReplaceAll(p, space, " ")
		longest = max(longest, len(pieces[i]))
	}
	le := binary.LittleEndian
	b := le.AppendUint32(nil, uint32(longest))
	for i, p := range pieces {
		b = le.AppendUint32(b, math.Float32bits(v.scores[i]))
		b = le.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

// fields calls do for each field of a protocol buffers message. https://protobuf.dev/programming-guides/encoding/
func fields(data []byte, do func(number protowire.Number, value []byte, n uint64) error) error {
	for len(data) > 0 {
		number, kind, size := protowire.ConsumeTag(data)
		if size < 0 {
			return fmt.Errorf("not a tokenizer of sentencepiece, or truncated: %w", protowire.ParseError(size))
		}
		data = data[size:]
		var value []byte
		var n uint64
		switch kind {
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(data)
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var small uint32
			small, size = protowire.ConsumeFixed32(data)
			n = uint64(small)
		default:
			size = protowire.ConsumeFieldValue(number, kind, data)
		}
		if size < 0 {
			return fmt.Errorf("not a tokenizer of sentencepiece, or truncated: %w", protowire.ParseError(size))
		}
		data = data[size:]
		if err := do(number, value, n); err != nil {
			return err
		}
	}
	return nil
}

// parseSentencePiece reads a ModelProto, whose fields are in sentencepiece_model.proto
// of https://github.com/google/sentencepiece.
func parseSentencePiece(data []byte) (v vocabulary, err error) {
	const unigram, bpe = 1, 2
	model, unk, bos, eos, prefix := uint64(unigram), int32(0), int32(1), int32(2), true
	err = fields(data, func(number protowire.Number, value []byte, _ uint64) error {
		switch number {
		case 1: // pieces
			piece, score := "", float32(0)
			err := fields(value, func(number protowire.Number, value []byte, n uint64) error {
				switch number {
				case 1:
					piece = string(value)
				case 2:
					score = math.Float32frombits(uint32(n))
				}
				return nil
			})
			v.pieces, v.scores = append(v.pieces, piece), append(v.scores, score)
			return err
		case 2: // trainer_spec
			return fields(value, func(number protowire.Number, _ []byte, n uint64) error {
				switch number {
				case 3:
					model = n
				case 40:
					unk = int32(n)
				case 41:
					bos = int32(n)
				case 42:
					eos = int32(n)
				}
				return nil
			})
		case 3: // normalizer_spec
			return fields(value, func(number protowire.Number, _ []byte, n uint64) error {
				if number == 3 {
					prefix = n != 0
				}
				return nil
			})
		}
		return nil
	})
	switch {
	case err != nil:
		return v, err
	case len(v.pieces) == 0:
		return v, errors.New("not a tokenizer of sentencepiece: it has no pieces")
	case model != bpe:
		return v, fmt.Errorf("its model_type is %d, not BPE (%d), which is what run.c computes", model, bpe)
	case unk != 0 || bos != llama.BOS || eos != llama.EOS:
		return v, fmt.Errorf("its tokens for unknown, begin and end are %d, %d, %d: run.c has 0, %d, %d", unk, bos, eos, llama.BOS, llama.EOS)
	case !prefix:
		return v, errors.New("it puts no space before a text (add_dummy_prefix), run.c does")
	}
	for i, s := range v.scores {
		if s != s {
			return v, fmt.Errorf("the score of token %d is not a number", i)
		}
	}
	return v, nil
}

// tokenizerJSON is a file of Hugging Face's tokenizers, as far as it matters here.
// https://huggingface.co/docs/tokenizers
type tokenizerJSON struct {
	AddedTokens []struct {
		ID      int    `json:"id"`
		Content string `json:"content"`
	} `json:"added_tokens"`
	Normalizer   *step `json:"normalizer"`
	PreTokenizer *step `json:"pre_tokenizer"`
	Model        struct {
		Type         string            `json:"type"`
		ByteFallback bool              `json:"byte_fallback"`
		Vocab        json.RawMessage   `json:"vocab"`
		Merges       []json.RawMessage `json:"merges"`
	} `json:"model"`
}

// step is a normalizer or a pre-tokenizer.
type step struct {
	Type           string          `json:"type"`
	Normalizers    []step          `json:"normalizers"`
	Prepend        string          `json:"prepend"`
	Pattern        json.RawMessage `json:"pattern"`
	Content        string          `json:"content"`
	PrependScheme  string          `json:"prepend_scheme"`
	AddPrefixSpace *bool           `json:"add_prefix_space"`
}

// spaces says whether the steps do what run.c does before it merges: a space in front,
// and spaces become part of the pieces. It returns the first step that does more.
func (t tokenizerJSON) spaces() (does bool, other string) {
	var steps []step
	for _, s := range []*step{t.Normalizer, t.PreTokenizer} {
		switch {
		case s == nil:
		case s.Type == "Sequence":
			steps = append(steps, s.Normalizers...)
		default:
			steps = append(steps, *s)
		}
	}
	for _, s := range steps {
		switch s.Type {
		case "Prepend":
			does = does || s.Prepend == space
		case "Replace":
			var pattern struct{ String string }
			if json.Unmarshal(s.Pattern, &pattern) != nil || pattern.String != " " || s.Content != space {
				return does, "Replace"
			}
		case "Metaspace":
			does = does || s.PrependScheme != "never" && (s.AddPrefixSpace == nil || *s.AddPrefixSpace)
		default:
			return does, s.Type
		}
	}
	return does, ""
}

// parseTokenizerJSON makes scores of the order of the merges: run.c merges the pair
// whose union scores most, where the file has the pair that comes first. The two are
// the same if all pairs that make a piece are listed side by side, as in every
// tokenizer that was converted from sentencepiece's.
func parseTokenizerJSON(data []byte) (v vocabulary, err error) {
	var t tokenizerJSON
	if err := json.Unmarshal(data, &t); err != nil {
		return v, err
	}
	if t.Model.Type != "BPE" {
		return v, fmt.Errorf("its model is %q: run.c computes BPE", t.Model.Type)
	}
	does, other := t.spaces()
	switch {
	case other != "":
		return v, fmt.Errorf("it prepares a text by %q, which run.c cannot: it is no tokenizer of Llama 2's kind", other)
	case !does:
		return v, errors.New("it puts no space before a text, run.c does")
	case !t.Model.ByteFallback:
		return v, errors.New("it has no byte_fallback, by which run.c writes what has no token")
	}
	var ids map[string]int
	if err := json.Unmarshal(t.Model.Vocab, &ids); err != nil {
		return v, fmt.Errorf("its vocabulary: %w", err)
	}
	for _, a := range t.AddedTokens {
		ids[a.Content] = a.ID
	}
	v.pieces, v.scores = make([]string, len(ids)), make([]float32, len(ids))
	for piece, id := range ids {
		if id < 0 || id >= len(ids) || v.pieces[id] != "" || piece == "" {
			return v, fmt.Errorf("token %q has the number %d: %d tokens are wanted, each with one of its own from 0 on", piece, id, len(ids))
		}
		v.pieces[id], v.scores[id] = piece, never
	}
	for rank, m := range t.Model.Merges {
		union, err := parseMerge(m)
		if err != nil {
			return v, fmt.Errorf("merge %d: %w", rank, err)
		}
		id, ok := ids[union]
		if !ok {
			return v, fmt.Errorf("merge %d makes %q, which is no token", rank, union)
		}
		if v.scores[id] == never {
			v.scores[id] = -float32(rank)
		}
	}
	if ids["<s>"] != llama.BOS || ids["</s>"] != llama.EOS {
		return v, fmt.Errorf("its tokens <s> and </s> are %d and %d: run.c has %d and %d", ids["<s>"], ids["</s>"], llama.BOS, llama.EOS)
	}
	return v, nil
}

// parseMerge returns what a merge makes: it is "left right", or in newer files
// ["left", "right"].
func parseMerge(m json.RawMessage) (string, error) {
	var pair [2]string
	var text string
	if json.Unmarshal(m, &pair) == nil && pair[0] != "" && pair[1] != "" {
		return pair[0] + pair[1], nil
	}
	if err := json.Unmarshal(m, &text); err != nil {
		return "", err
	}
	left, right, ok := strings.Cut(text, " ")
	if !ok || left == "" || right == "" || strings.Contains(right, " ") {
		return "", fmt.Errorf("%q is not two pieces", text)
	}
	return left + right, nil
}
