// Package sentence cuts a text that is still being written into sentences, so
// that a voice can begin with the first while the model goes on with the rest.
//
// The cut depends on the bytes alone, never on how they arrive, and nothing is
// dropped: the sentences joined together are the text.
package sentence

import (
	"bytes"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// softWords is where a sentence without an end is cut at its last clause,
	// and at any space from hardWords on: about 10 and 15 seconds of speech.
	softWords, hardWords = 28, 42
	// minClause keeps a soft cut from making fragments of a few words.
	minClause = 8
	// maxBytes bounds the memory of a text without spaces.
	maxBytes = 1024
)

// Splitter collects pieces of text and gives back whole sentences. The zero
// value is ready. White space after a sentence belongs to that sentence.
type Splitter struct {
	buf    []byte
	words  int // words begun in buf
	clause int // where in buf a soft cut may go, 0: nowhere
}

// Write adds the next piece and returns the sentences that are now known to be
// complete. A sentence is complete when the first letter after it is there.
func (s *Splitter) Write(piece []byte) []string {
	var out []string
	for _, c := range piece {
		if !isSpace(c) && (len(s.buf) == 0 || isSpace(s.buf[len(s.buf)-1]) || runsOn(s.buf, c)) {
			if cut := s.cut(c); cut > 0 {
				out = append(out, s.take(cut))
			}
			s.words++
		}
		s.buf = append(s.buf, c)
		if len(s.buf) >= maxBytes {
			out = append(out, s.take(lastRuneStart(s.buf)))
		}
	}
	return out
}

// Flush ends the text and returns what is left, which may be an unfinished
// sentence, or "" when nothing is.
func (s *Splitter) Flush() string {
	rest := string(s.buf)
	*s = Splitter{}
	return rest
}

// take removes the first n bytes of the buffer and returns them.
func (s *Splitter) take(n int) string {
	head := string(s.buf[:n])
	s.buf = append(s.buf[:0], s.buf[n:]...)
	s.words, s.clause = len(bytes.Fields(s.buf)), 0
	return head
}

// cut says how many bytes of the buffer form a sentence of their own when c
// begins the next word; 0: none yet.
func (s *Splitter) cut(c byte) int {
	text := bytes.TrimRightFunc(s.buf, func(r rune) bool { return r < 0x80 && isSpace(byte(r)) })
	if len(text) == 0 {
		return 0
	}
	gap := s.buf[len(text):]
	if bytes.Count(gap, []byte("\n")) > 1 { // a blank line: a new paragraph
		return len(s.buf)
	}
	if endsSentence(text, c, bytes.IndexByte(gap, '\n') >= 0) {
		return len(s.buf)
	}
	if bytes.IndexByte([]byte(",;:"), text[len(text)-1]) >= 0 || bytes.HasSuffix(text, []byte("—")) {
		if s.words >= minClause {
			s.clause = len(s.buf)
		}
	}
	switch {
	case s.words >= softWords && s.clause > 0:
		return s.clause
	case s.words >= hardWords:
		return len(s.buf)
	}
	return 0
}

// runsOn says whether c begins a sentence though no space is before it, as in
// "bed.Then".
func runsOn(text []byte, c byte) bool {
	n := len(text)
	return c >= 'A' && c <= 'Z' && n > 1 && bytes.IndexByte([]byte(".!?"), text[n-1]) >= 0 && text[n-2] >= 'a' && text[n-2] <= 'z'
}

// endsSentence says whether text, without the space after it, ends a sentence
// when the next word begins with next; newline: on another line.
func endsSentence(text []byte, next byte, newline bool) bool {
	bare := trimClosers(text)
	words := bytes.TrimRight(bare, ".!?")
	words = bytes.TrimSuffix(words, []byte("…"))
	mark := bare[len(words):]
	if len(mark) == 0 || bytes.IndexByte([]byte(".!?,;:)"), next) >= 0 {
		return false
	}
	// "Stop!" said Tom. / and then... nothing.
	if next >= 'a' && next <= 'z' && !newline {
		return false
	}
	if string(mark) == "." && len(bare) == len(text) {
		return !isAbbreviation(words, next)
	}
	return true
}

// isAbbreviation says whether the last word of words, cut off before its full
// stop, is one that a name or number follows.
func isAbbreviation(words []byte, next byte) bool {
	i := len(words)
	for i > 0 && (isLetter(words[i-1]) || words[i-1] == '.') {
		i--
	}
	switch word := string(words[i:]); word {
	case "Mr", "Mrs", "Ms", "Dr", "St", "Mt", "Prof", "Capt", "Sgt", "Lt", "Col", "Gen", "Rev", "Jr", "Sr", "vs", "e.g", "i.e":
		return true
	case "No", "p", "pp":
		return next >= '0' && next <= '9'
	case "I":
		return false // a pronoun far more often than an initial
	default:
		return len(word) == 1 && word[0] >= 'A' && word[0] <= 'Z'
	}
}

// trimClosers removes the quotation marks and brackets that close a sentence.
func trimClosers(text []byte) []byte {
	for {
		t := bytes.TrimRight(text, `"')]*`)
		for _, q := range []string{"”", "’", "»"} {
			t = bytes.TrimSuffix(t, []byte(q))
		}
		if len(t) == len(text) {
			return t
		}
		text = t
	}
}

// lastRuneStart returns a cut in b that tears no rune: before an unfinished
// one at its end, else len(b).
func lastRuneStart(b []byte) int {
	for i := 1; i < utf8.UTFMax && i < len(b); i++ {
		if tail := b[len(b)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return len(b) - i
			}
			break
		}
	}
	return len(b)
}

func isSpace(c byte) bool  { return c == ' ' || c >= '\t' && c <= '\r' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// A voice pauses behind what it is asked for as it does at a comma or a little longer; this
// is what makes a listener hear that a sentence ended, and that a paragraph did.
const (
	sentencePause  = 250 * time.Millisecond
	paragraphPause = 750 * time.Millisecond
)

// Pause is the silence that belongs behind a sentence, as Write or Flush returned it, beside
// the voice's own.
func Pause(sentence string) time.Duration {
	text := strings.TrimRightFunc(sentence, unicode.IsSpace)
	bare := string(trimClosers([]byte(text)))
	switch {
	case text == "":
		return 0
	case strings.Contains(sentence[len(text):], "\n"):
		return paragraphPause
	case strings.HasSuffix(bare, ".") || strings.HasSuffix(bare, "…"):
		return sentencePause
	case strings.HasSuffix(bare, "!") || strings.HasSuffix(bare, "?"):
		if len(bare) < len(text) {
			return 0 // "Why?" Lily asked.
		}
		return sentencePause
	}
	return 0 // a long sentence that goes on, or a story that was broken off
}

// mute are marks that a voice would read by their names.
const mute = "*_`~^|<>{}\\"

// Plain returns a sentence as a voice can read it: printable ASCII on one
// line, typographic marks and accents replaced by their plain form, words that the
// voices say wrong respelt, the rest (emoji, raw bytes, marks of layout) left out. It
// is "" when there is nothing to pronounce.
func Plain(text string) string {
	var b strings.Builder
	spoken, space := false, false
	for _, r := range text {
		plain := string(r)
		switch {
		case r == utf8.RuneError || strings.ContainsRune(mute, r):
			continue
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space = b.Len() > 0
			continue
		case r >= 0x80:
			if plain = asciiForm(r); plain == "" {
				continue
			}
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteString(plain)
		spoken = spoken || isLetter(plain[0]) || isDigit(plain[0])
	}
	if !spoken {
		return ""
	}
	return pronounced(b.String())
}

// asciiForm spells one rune in ASCII, "" when it has no sound.
func asciiForm(r rune) string {
	for _, f := range []struct{ of, as string }{
		{"‘’‚′", "'"}, {"“”„«»″", `"`}, {"–—‒―", " - "}, {"…", "..."}, {"½", " a half"},
		{"ÀÁÂÃÄÅ", "A"}, {"àáâãäåāă", "a"}, {"Æ", "Ae"}, {"æ", "ae"}, {"ÇČ", "C"}, {"çčć", "c"},
		{"ÈÉÊË", "E"}, {"èéêëēė", "e"}, {"ÌÍÎÏ", "I"}, {"ìíîïī", "i"}, {"Ñ", "N"}, {"ñń", "n"},
		{"ÒÓÔÕÖØ", "O"}, {"òóôõöøō", "o"}, {"Œ", "Oe"}, {"œ", "oe"}, {"ß", "ss"}, {"Š", "S"}, {"šś", "s"},
		{"ÙÚÛÜ", "U"}, {"ùúûüū", "u"}, {"Ý", "Y"}, {"ýÿ", "y"}, {"Žžź", "z"}, {"Łł", "l"},
	} {
		if strings.ContainsRune(f.of, r) {
			return f.as
		}
	}
	return ""
}
