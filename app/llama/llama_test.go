package llama

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// header returns a checkpoint's header with these seven fields.
func header(fields ...int32) []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, fields)
	return b.Bytes()
}

func TestParseConfig(t *testing.T) {
	for _, tt := range []struct {
		name   string
		header []byte
		want   string // part of the error
	}{
		{"stories15M", header(288, 768, 6, 6, 6, 32000, 256), ""},
		{"separate classifier", header(64, 172, 5, 8, 4, -512, 512), ""},
		{"short", header(288, 768, 6), "the file has 12"},
		{"zeros", make([]byte, HeaderSize), "dim 0"},
		{"absurd layers", header(288, 768, 1<<30, 6, 6, 32000, 256), "layers"},
		{"lowest vocabulary", header(288, 768, 6, 6, 6, math.MinInt32, 256), "vocabulary"},
		{"heads do not divide", header(288, 768, 6, 7, 7, 32000, 256), "7 heads"},
		{"groups do not divide", header(288, 768, 6, 6, 4, 32000, 256), "4 key/value heads"},
		{"odd head", header(30, 64, 1, 6, 6, 32000, 256), "odd"},
	} {
		_, err := ParseConfig(tt.header)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: ParseConfig() = %v; want an error with %q", tt.name, err, tt.want)
		}
	}
	c, _ := ParseConfig(header(288, 768, 6, 6, 6, 32000, 256))
	if got := c.FileSize(); got != 60816028 {
		t.Errorf("FileSize() of stories15M's shape = %d; want 60816028", got)
	}
}

func TestOpenCheckpoint(t *testing.T) {
	dir := t.TempDir()
	c, err := ParseConfig(header(8, 12, 1, 2, 1, -300, 4))
	if err != nil {
		t.Fatal(err)
	}
	whole := append(header(8, 12, 1, 2, 1, -300, 4), make([]byte, c.FileSize()-HeaderSize)...)
	binary.LittleEndian.PutUint32(whole[len(whole)-4:], math.Float32bits(7))
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"whole", whole, ""},
		{"longer", append(slices.Clone(whole), 1, 2, 3), ""},
		{"empty", nil, "28 bytes, the file has 0"},
		{"header", whole[:HeaderSize], "the file has 28"},
		{"truncated", whole[:len(whole)-1], "truncated"},
		{"text", []byte(strings.Repeat("Once upon a time ", 10)), "not a llama2.c checkpoint"},
	} {
		path := filepath.Join(dir, tt.name)
		if err := os.WriteFile(path, tt.data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := OpenCheckpoint(path)
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: OpenCheckpoint() = %v; want an error with the path and %q", tt.name, err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: OpenCheckpoint() = %v", tt.name, err)
			continue
		}
		if got := c.Classifier[len(c.Classifier)-1]; got != 7 || len(c.Classifier) != 300*8 {
			t.Errorf("%s: the last of %d classifier weights = %v; want the 2400th, 7", tt.name, len(c.Classifier), got)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// vocabulary returns a tokenizer file.
func vocabulary(longest int32, pieces []string, scores []float32) []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, longest)
	for i, p := range pieces {
		binary.Write(&b, binary.LittleEndian, scores[i])
		binary.Write(&b, binary.LittleEndian, int32(len(p)))
		b.WriteString(p)
	}
	return b.Bytes()
}

// smallTokenizer has the raw bytes and a few pieces whose merges compete.
func smallTokenizer(t testing.TB) (*Tokenizer, []byte) {
	t.Helper()
	pieces := []string{"<unk>", "\n<s>\n", "\n</s>\n"}
	for b := range 256 {
		pieces = append(pieces, "<0x"+strings.ToUpper(string("0123456789abcdef"[b>>4])+string("0123456789abcdef"[b&15]))+">")
	}
	scores := make([]float32, len(pieces))
	for i, p := range []string{" ", "a", "b", "é", "☕", "ab", "ba", "aa", "abab", " a", "bb", "ab", "aaa", "é☕"} {
		pieces, scores = append(pieces, p), append(scores, []float32{0, 0, 0, 0, 0, -1, -1, -2, -3, -4, -1, -7, -0.5, -9}[i])
	}
	file := vocabulary(8, pieces, scores)
	tok, err := ReadTokenizer(bytes.NewReader(file), len(pieces))
	if err != nil {
		t.Fatal(err)
	}
	return tok, file
}

func TestReadTokenizer(t *testing.T) {
	tok, file := smallTokenizer(t)
	n := tok.VocabSize()
	for _, tt := range []struct {
		name string
		file []byte
		size int
		want string
	}{
		{"too small", file, n + 1, "ends after"},
		{"too large", file, n - 1, "more than the model's"},
		{"truncated", file[:len(file)-1], n, "truncated"},
		{"empty", nil, n, "ends after 0"},
		{"a checkpoint", append(header(288, 768, 6, 6, 6, 32000, 256), make([]byte, 400)...), n, "not a tokenizer"},
		{"text", []byte("Once upon a time there was"), n, "not a tokenizer"},
	} {
		if _, err := ReadTokenizer(bytes.NewReader(tt.file), tt.size); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: ReadTokenizer() = %v; want an error with %q", tt.name, err, tt.want)
		}
	}
}

// referenceMerge looks every pair up in every round, as run.c does.
func referenceMerge(t *Tokenizer, tokens []int) []int {
	for {
		best, id, score := -1, -1, float32(-1e10)
		for i := range len(tokens) - 1 {
			if u := t.lookup(t.piece(tokens[i]) + t.piece(tokens[i+1])); u >= 0 && t.scores[u] > score {
				best, id, score = i, u, t.scores[u]
			}
		}
		if best < 0 {
			return tokens
		}
		tokens = append(append(slices.Clone(tokens[:best]), id), tokens[best+2:]...)
	}
}

func TestEncode(t *testing.T) {
	tok, _ := smallTokenizer(t)
	space := tok.lookup(" ")
	for _, tt := range []struct {
		text string
		want []int
	}{
		{"", []int{BOS}},
		{"b", []int{BOS, space, tok.lookup("b")}},
		{"ab\x00ab", []int{BOS, tok.lookup(" a"), tok.lookup("b")}}, // the "ab" that is found scores less
		{"\xff", []int{BOS, space, 0xff + 3}},
		{"é\xa9", []int{BOS, space, 0xc3 + 3, 0xa9 + 3, 0xa9 + 3}}, // one code point to run.c, and unknown
		{"\xa9\xa9\xa9\xa9\xa9", []int{BOS, space, 0xac, 0xac, 0xac, 0xac, 0xac}},
		{"🐱", []int{BOS, space, 0xf0 + 3, 0x9f + 3, 0x90 + 3, 0xb1 + 3}},
	} {
		if got := tok.Encode(tt.text, true, false); !slices.Equal(got, tt.want) {
			t.Errorf("Encode(%q) = %v; want %v", tt.text, got, tt.want)
		}
	}
	if got := tok.Encode("", false, true); !slices.Equal(got, []int{EOS}) {
		t.Errorf("Encode(\"\", false, true) = %v; want EOS", got)
	}
}

func TestDecode(t *testing.T) {
	tok := &Tokenizer{}
	for _, piece := range []string{" a", "<0x0A>", "<0xfF>", "<0x7", "<0xZ>", " <0x41>", "<0x411>"} {
		tok.text += piece
		tok.ends = append(tok.ends, int32(len(tok.text)))
	}
	for _, tt := range []struct {
		prev, token int
		want        string
	}{
		{BOS, 0, "a"}, {5, 0, " a"}, {5, 1, "\n"}, {5, 2, "\xff"}, {5, 3, "\x07"}, {5, 4, "<0xZ>"},
		{5, 5, " <0x41>"}, {BOS, 5, "A"}, {5, 6, "A"},
	} {
		if got := string(tok.Decode(tt.prev, tt.token)); got != tt.want {
			t.Errorf("Decode(%d, %q) = %q; want %q", tt.prev, tok.piece(tt.token), got, tt.want)
		}
	}
	for piece, want := range map[string]bool{"": false, "\x00": false, "\x07": false, "\n": true, "~": true, "\x7f": false, "\xff": false, "\x01\x02": true, "é": true} {
		if got := Printable([]byte(piece)); got != want {
			t.Errorf("Printable(%q) = %v; want %v", piece, got, want)
		}
	}
}

func TestSampler(t *testing.T) {
	log := func(probs ...float32) []float32 {
		for i, p := range probs {
			probs[i] = float32(math.Log(float64(p)))
		}
		return probs
	}
	for _, tt := range []struct {
		name              string
		temperature, topp float32
		logits            []float32
		want              []int // what 200 draws may give, all of them
	}{
		{"argmax, first of equals", 0, 0.9, []float32{1, 3, 3, 2}, []int{1}},
		{"whole distribution", 1, 1, log(0.3, 0.3, 0.2, 0.2), []int{0, 1, 2, 3}},
		{"nucleus", 1, 0.5, log(0.1, 0.4, 0.1, 0.4), []int{1, 3}},
		{"nucleus of one", 1, 0.35, log(0.1, 0.4, 0.1, 0.4), []int{1}},
		{"cold", 0.01, 0.9, log(0.3, 0.4, 0.3), []int{1}},
		{"one token", 1, 0.9, []float32{5}, []int{0}},
	} {
		s := NewSampler(len(tt.logits), tt.temperature, tt.topp, 42)
		var got []int
		for range 200 {
			got = append(got, s.Sample(slices.Clone(tt.logits)))
		}
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, tt.want) {
			t.Errorf("%s: drew %v; want %v", tt.name, got, tt.want)
		}
		if moved := s.State != 42; moved != (tt.temperature != 0) {
			t.Errorf("%s: the generator moved: %v", tt.name, moved)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(header(288, 768, 6, 6, 6, 32000, 256))
	f.Add(header(64, 172, 5, 8, 4, -512, 512))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(data)
		if err != nil {
			return
		}
		if c.FileSize() < HeaderSize+4*int64(c.VocabSize)*int64(c.Dim) || c.HeadSize()*c.Heads != c.Dim || c.KVDim() > c.Dim {
			t.Errorf("ParseConfig(%x) = %+v with a file of %d bytes", data, c, c.FileSize())
		}
		if back := c.AppendHeader(nil); !bytes.Equal(back, data[:HeaderSize]) {
			t.Errorf("ParseConfig(%x) = %+v, whose header is %x", data, c, back)
		}
	})
}

func FuzzParseHeader(f *testing.F) {
	f.Add(header(288, 768, 6, 6, 6, 32000, 256))
	for _, h := range [][]byte{header(0x616b3432, 1, 288, 768, 6, 6, 6, 32000, 256), header(0x616b3432, 2, 288, 768, 6, 6, 6, 32000, 256)} {
		f.Add(append(append(h, 0, 64), make([]byte, 256-len(h)-2)...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ParseHeader(data)
		if err != nil {
			return
		}
		weights := h.Config.FileSize() / 4 // each takes one byte at least
		if size := h.FileSize(); h.Version == 0 && size != h.Config.FileSize() || h.Version != 0 && (size < 256+weights-int64(h.ropeLen())-HeaderSize/4 || size > 256+5*weights) {
			t.Errorf("ParseHeader(%x) = %+v with a file of %d bytes", data, h, size)
		}
	})
}

// FuzzCheckpoint opens whole files and computes with what they hold: no shape and
// no weight makes the transformer reach outside of it.
func FuzzCheckpoint(f *testing.F) {
	for _, shape := range [][]int32{{4, 6, 1, 2, 1, 5, 3}, {8, 4, 2, 2, 2, -7, 4}} {
		b := header(shape...)
		c, err := ParseConfig(b)
		if err != nil {
			f.Fatal(err)
		}
		for i := len(b); i < int(c.FileSize()); i++ {
			b = append(b, byte(i*i%251))
		}
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	for version := range int32(2) { // 1 and 2, the second in groups of 2
		fields := []int32{0x616b3432, version + 1, 4, 6, 1, 2, 1, 5, 3}
		b := header(fields...)
		b = append(b, 1)
		if version == 1 {
			b = append(b, 2, 0, 0, 0)
		}
		b = append(b, make([]byte, 256-len(b))...)
		h, err := ParseHeader(b)
		if err != nil {
			f.Fatal(err)
		}
		for i := len(b); i < int(h.FileSize()); i++ {
			b = append(b, byte(i*i%127))
		}
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	path := filepath.Join(f.TempDir(), "model.bin")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := OpenCheckpoint(path)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %q", err)
			}
			return
		}
		defer c.Close()
		const most = 1 << 20 // a KV cache that is not worth the time
		if c.Layers*c.SeqLen*c.KVDim() > most {
			return
		}
		transformer := NewTransformer(c, Arithmetic(len(data)%2))
		for pos := range min(c.SeqLen, 3) {
			if logits := transformer.Forward(pos%c.VocabSize, pos); len(logits) != c.VocabSize {
				t.Errorf("%d logits; want %d", len(logits), c.VocabSize)
			}
		}
	})
}

func FuzzReadTokenizer(f *testing.F) {
	_, file := smallTokenizer(f)
	f.Add(file, 273)
	f.Add(file[:20], 1)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		tok, err := ReadTokenizer(bytes.NewReader(data), size)
		if err != nil {
			return
		}
		if tok.VocabSize() != size {
			t.Errorf("%d tokens; want %d", tok.VocabSize(), size)
		}
		for _, token := range tok.Encode("a text \xff", true, true)[2:] {
			if token < size { // BOS and EOS are the model's matter
				tok.Decode(BOS, token)
			}
		}
	})
}

func FuzzEncode(f *testing.F) {
	tok, _ := smallTokenizer(f)
	for _, s := range []string{"", " ab", "aaaaabababbb", "é☕🐱", "\xff\xfe\x80\x80\x80\x80\x80", "a\x00b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tokens := tok.Encode(text, true, false)
		text, _, _ = strings.Cut(text, "\x00")
		var back []byte
		prev := 0
		for _, token := range tokens[1:] {
			back = append(back, tok.Decode(prev, token)...)
			prev = token
		}
		if want := " " + text; text != "" && string(back) != want {
			t.Errorf("%q came back as %q", want, back)
		}
		single := []int{tok.lookup(" ")}
		for rest := text; rest != ""; rest = rest[codePointLen(rest):] {
			if id := tok.lookup(rest[:codePointLen(rest)]); id >= 0 {
				single = append(single, id)
				continue
			}
			for _, b := range []byte(rest[:codePointLen(rest)]) {
				single = append(single, int(b)+firstByte)
			}
		}
		if text != "" && !slices.Equal(tokens[1:], referenceMerge(tok, single)) {
			t.Errorf("Encode(%q) = %v; want %v", text, tokens[1:], referenceMerge(tok, single))
		}
	})
}
