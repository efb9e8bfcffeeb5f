package llama

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// The two tokens that delimit a text, and the first of the 256 raw bytes.
const (
	BOS       = 1
	EOS       = 2
	firstByte = 3 // after <unk>, <s> and </s>
)

// Tokenizer turns text into tokens and back, by byte pair encoding as in
// run.c, from llama2.c's tokenizer.bin: the longest piece's length, then for
// each token its score (float32), length (int32) and bytes.
type Tokenizer struct {
	text   string  // all pieces, one after the other: 32,000 strings of their own would take three times as much
	ends   []int32 // of the pieces in text
	scores []float32
	sorted []int32 // token ids in the order of their pieces
}

// piece is the spelling of a token.
func (t *Tokenizer) piece(token int) string {
	start := int32(0)
	if token > 0 {
		start = t.ends[token-1]
	}
	return t.text[start:t.ends[token]]
}

// maxPiece bounds the length of one vocabulary entry; real ones have some tens of bytes.
const maxPiece = 1 << 12

// OpenTokenizer reads the tokenizer at path for a model of vocabSize tokens.
func OpenTokenizer(path string, vocabSize int) (*Tokenizer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	defer f.Close()
	t, err := ReadTokenizer(f, vocabSize)
	if err != nil {
		return nil, fmt.Errorf("tokenizer %s: %w", path, err)
	}
	return t, nil
}

// ReadTokenizer reads a tokenizer of exactly vocabSize entries. The file does
// not say how many it has, so the model's size decides; a file that has fewer
// or more belongs to another model.
func ReadTokenizer(r io.Reader, vocabSize int) (*Tokenizer, error) {
	if vocabSize <= EOS || vocabSize > maxVocabSize { // every text has BOS
		return nil, fmt.Errorf("vocabulary size %d is not in %d..%d", vocabSize, EOS+1, maxVocabSize)
	}
	in := bufio.NewReader(r)
	word := make([]byte, 8)
	if _, err := io.ReadFull(in, word[:4]); err != nil {
		return nil, shortTokenizer(err, 0, vocabSize)
	}
	longest := int32(binary.LittleEndian.Uint32(word))
	if longest < 1 || longest > maxPiece {
		return nil, fmt.Errorf("not a tokenizer: longest piece of %d bytes is not in 1..%d", longest, maxPiece)
	}
	t := &Tokenizer{ends: make([]int32, 0, vocabSize), scores: make([]float32, 0, vocabSize)}
	var text strings.Builder
	piece := make([]byte, longest)
	for i := range vocabSize {
		if _, err := io.ReadFull(in, word); err != nil {
			return nil, shortTokenizer(err, i, vocabSize)
		}
		score := math.Float32frombits(binary.LittleEndian.Uint32(word))
		n := int32(binary.LittleEndian.Uint32(word[4:]))
		if n < 1 || n > longest {
			return nil, fmt.Errorf("not a tokenizer: piece %d of %d bytes is not in 1..%d", i, n, longest)
		}
		if _, err := io.ReadFull(in, piece[:n]); err != nil {
			return nil, shortTokenizer(err, i, vocabSize)
		}
		// run.c's pieces are C strings: they end at a zero byte.
		spelling, _, _ := bytes.Cut(piece[:n], []byte{0})
		text.Write(spelling)
		if text.Len() > math.MaxInt32 {
			return nil, fmt.Errorf("not a tokenizer: its pieces have more than %d bytes", math.MaxInt32)
		}
		t.ends = append(t.ends, int32(text.Len()))
		t.scores = append(t.scores, score)
	}
	t.text = strings.Clone(text.String()) // without the builder's spare room
	switch _, err := in.ReadByte(); {
	case err == nil:
		return nil, fmt.Errorf("has more than the model's %d tokens: it belongs to another model", vocabSize)
	case err != io.EOF:
		return nil, err
	}
	t.sorted = make([]int32, vocabSize)
	for i := range t.sorted {
		t.sorted[i] = int32(i)
	}
	first := make([]uint64, vocabSize) // eight bytes, which mostly decide: pieces have no zero byte
	for i := range first {
		copy(word, "\x00\x00\x00\x00\x00\x00\x00\x00")
		copy(word, t.piece(i))
		first[i] = binary.BigEndian.Uint64(word)
	}
	slices.SortFunc(t.sorted, func(a, b int32) int {
		if order := cmp.Compare(first[a], first[b]); order != 0 {
			return order
		}
		return cmp.Or(strings.Compare(t.piece(int(a)), t.piece(int(b))), cmp.Compare(a, b))
	})
	return t, nil
}

func shortTokenizer(err error, have, want int) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("ends after %d tokens, the model has %d: truncated, or it belongs to another model", have, want)
	}
	return err
}

// VocabSize is the number of tokens.
func (t *Tokenizer) VocabSize() int { return len(t.ends) }

// lookup returns the token spelled text, or -1. It halves as the C library's
// bsearch does: of several tokens with one spelling, both find the same.
func (t *Tokenizer) lookup(text string) int {
	low, high := 0, len(t.sorted)
	for low < high {
		mid := (low + high) / 2
		id := int(t.sorted[mid])
		switch strings.Compare(text, t.piece(id)) {
		case -1:
			high = mid
		case 1:
			low = mid + 1
		default:
			return id
		}
	}
	return -1
}

// Encode returns the tokens of text, by run.c's rules: a space is put before
// it, each code point that is not a token becomes its raw bytes, then the
// neighbours whose union scores highest are merged, the leftmost first among
// equals, until none can be. Like a C string, text ends at a zero byte.
// Where run.c would read outside its vocabulary (one without a space or
// without raw bytes), the space is left out and the byte becomes <unk>.
func (t *Tokenizer) Encode(text string, bos, eos bool) []int {
	text, _, _ = strings.Cut(text, "\x00")
	var tokens []int
	if bos {
		tokens = append(tokens, BOS)
	}
	if text != "" {
		if space := t.lookup(" "); space >= 0 {
			tokens = append(tokens, space)
		}
	}
	for len(text) > 0 {
		n := codePointLen(text)
		if id := t.lookup(text[:n]); id >= 0 {
			tokens = append(tokens, id)
		} else {
			for _, b := range []byte(text[:n]) {
				id := int(b) + firstByte
				if id >= len(t.ends) {
					id = 0
				}
				tokens = append(tokens, id)
			}
		}
		text = text[n:]
	}
	tokens = t.merge(tokens)
	if eos {
		tokens = append(tokens, EOS)
	}
	return tokens
}

// codePointLen is how many bytes run.c takes as one code point: a byte and
// the continuation bytes after it, four at most, well-formed or not.
func codePointLen(text string) int {
	n := 1
	for n < len(text) && n < 4 && text[n]&0xC0 == 0x80 {
		n++
	}
	return n
}

// merge joins neighbours in place. unions[i] is the token that tokens[i] and
// tokens[i+1] make together, or -1: only the pairs beside a merge are looked
// up again.
func (t *Tokenizer) merge(tokens []int) []int {
	union := func(i int) int { return t.lookup(t.piece(tokens[i]) + t.piece(tokens[i+1])) }
	unions := make([]int, max(0, len(tokens)-1))
	for i := range unions {
		unions[i] = union(i)
	}
	for {
		best, bestScore := -1, float32(-1e10)
		for i, id := range unions {
			if id >= 0 && t.scores[id] > bestScore {
				best, bestScore = i, t.scores[id]
			}
		}
		if best < 0 {
			return tokens
		}
		tokens[best] = unions[best]
		tokens = slices.Delete(tokens, best+1, best+2)
		unions = slices.Delete(unions, best, best+1)
		if best > 0 {
			unions[best-1] = union(best - 1)
		}
		if best < len(unions) {
			unions[best] = union(best)
		}
	}
}

// Decode returns the bytes of token after prev: the first word of a text loses
// its space, and a raw byte token such as <0x0A> is that byte.
func (t *Tokenizer) Decode(prev, token int) []byte {
	piece := t.piece(token)
	if prev == BOS {
		piece = strings.TrimPrefix(piece, " ")
	}
	if b, ok := rawByte(piece); ok {
		return []byte{b}
	}
	return []byte(piece)
}

// rawByte reads "<0xHH"; like run.c's sscanf it needs only one of the two
// digits and does not look at what follows.
func rawByte(piece string) (b byte, ok bool) {
	digits, found := strings.CutPrefix(piece, "<0x")
	if !found {
		return 0, false
	}
	for _, c := range []byte(digits[:min(2, len(digits))]) {
		d, err := strconv.ParseUint(string(c), 16, 4)
		if err != nil {
			break
		}
		b, ok = b<<4|byte(d), true
	}
	return b, ok
}

// Printable reports whether run.c prints a piece: it keeps back single bytes
// that are neither printable ASCII nor white space.
func Printable(piece []byte) bool {
	if len(piece) != 1 {
		return len(piece) > 0
	}
	b := piece[0]
	return b >= ' ' && b <= '~' || b >= '\t' && b <= '\r'
}
