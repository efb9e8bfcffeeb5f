// Package avoid finds in a story, while it is being told, what a list of words and
// phrases says that a story for children must not have.
//
// A list is a text that anybody can edit: one word or phrase a line, # begins a
// remark. A word of the list is found as a whole word only, in capital or small letters,
// in the singular or the plural, with or without 's: "gun" finds "Guns" and "gun's", not
// "begun". Between the words of a phrase may be spaces, line ends and punctuation.
package avoid

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"duostoryteller/app/textfile"
)

// File is what the list is called on the card's FAT partition.
const File = "avoid.txt"

//go:embed avoid.txt
var standard string

const (
	// MaxEntries is how many words and phrases a list may have.
	MaxEntries = 1000
	maxWords   = 8  // of a phrase
	maxLetters = 40 // of a word, in bytes
	// maxRun bounds the memory of a text without an end of a word, in bytes.
	maxRun = 1024
)

// List is what a story must not have. A nil List is an empty one.
type List struct {
	entries []entry
	first   map[string][]int // entries by every form of their first word
	forms   []string         // those forms, sorted
}

// An entry is a word or phrase of a list.
type entry struct {
	line  int        // in the file, from 1
	words [][]string // every form of each word
}

// Load reads the list at path. Where there is no file, it is the standard list; a
// problem is a line of text about what cannot be used.
func Load(path string) (*List, []string) {
	text, err := textfile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Standard(), []string{"no such file; the built-in list is used: for none at all leave it empty"}
	}
	if err != nil {
		return Standard(), []string{fmt.Sprintf("cannot be read (%v); the built-in list is used", err)}
	}
	return Parse(text)
}

// Standard returns the list that is on a new card.
func Standard() *List {
	l, _ := Parse(standard)
	return l
}

// Parse reads a list. The text is as package textfile reads it. Parse always returns
// what can be used; a problem is a line of text about what cannot.
func Parse(text string) (l *List, problems []string) {
	l = &List{first: map[string][]int{}}
	n, over := 0, 0
	for line := range strings.Lines(text) {
		n++
		if err := textfile.CheckLine(line); err != nil {
			problems = append(problems, fmt.Sprintf("line %d: %v", n, err))
			continue
		}
		line, _, _ = strings.Cut(line, "#")
		words := split(line)
		if len(words) == 0 {
			if rest := strings.TrimSpace(line); rest != "" {
				problems = append(problems, fmt.Sprintf("line %d: %.40q left out; it has no word", n, rest))
			}
			continue
		}
		if len(words) > maxWords || slices.ContainsFunc(words, func(w string) bool { return len(w) > maxLetters }) {
			problems = append(problems, fmt.Sprintf("line %d: left out; a phrase has %d words at most, a word %d letters", n, maxWords, maxLetters))
			continue
		}
		if len(l.entries) == MaxEntries {
			over++
			continue
		}
		l.add(n, words)
	}
	if over > 0 {
		problems = append(problems, fmt.Sprintf("%d lines left out; a list has %d words and phrases at most", over, MaxEntries))
	}
	for form := range l.first {
		l.forms = append(l.forms, form)
	}
	slices.Sort(l.forms)
	return l, textfile.Few(problems, func(n int) string { return fmt.Sprintf("and %d more", n) })
}

func (l *List) add(line int, words []string) {
	e := entry{line: line}
	for _, w := range words {
		e.words = append(e.words, forms(w))
	}
	for _, form := range e.words[0] {
		l.first[form] = append(l.first[form], len(l.entries))
	}
	l.entries = append(l.entries, e)
}

// Len returns how many words and phrases the list has.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return len(l.entries)
}

// Find returns the line of the list whose word or phrase comes first in a text; 0 for
// none.
func (l *List) Find(text string) (line int) {
	f := l.Follow()
	if line, _ = f.Write([]byte(text)); line > 0 {
		return line
	}
	return f.End()
}

// A Follower looks for the list's words in a text that grows.
type Follower struct {
	list *List
	word []byte    // the word that has begun
	open []partial // phrases that have begun
}

// A partial is a phrase of which so many words were there.
type partial struct{ entry, words int }

// Follow returns a follower of a text from its beginning.
func (l *List) Follow() *Follower {
	if l == nil {
		l = &List{}
	}
	return &Follower{list: l}
}

// Write takes the next bytes of the text. It returns the line of the list that was
// found, else 0, and whether the text so far may end within a word or phrase of the
// list, so that what was written last must wait.
func (f *Follower) Write(text []byte) (line int, waits bool) {
	if len(f.list.entries) == 0 {
		return 0, false
	}
	for _, c := range text {
		if isWord(c) {
			f.word = append(f.word, c)
			if len(f.word) < maxRun {
				continue
			}
		}
		if line = f.end(); line > 0 {
			return line, true
		}
	}
	return 0, len(f.open) > 0 || f.begins()
}

// End ends the text, and with it its last word.
func (f *Follower) End() (line int) { return f.end() }

// end ends the word that has begun.
func (f *Follower) end() (line int) {
	text := string(f.word)
	f.word = f.word[:0]
	for _, w := range split(text) {
		if line = f.next(w); line > 0 {
			return line
		}
	}
	return 0
}

// next takes one whole word.
func (f *Follower) next(word string) (line int) {
	word = strings.TrimSuffix(word, "'s")
	open := f.open[:0]
	for _, p := range append(slices.Clone(f.open), f.begun(word)...) {
		words := f.list.entries[p.entry].words
		if !slices.Contains(words[p.words], word) {
			continue
		}
		if p.words++; p.words == len(words) {
			f.open = nil
			return f.list.entries[p.entry].line
		}
		open = append(open, p)
	}
	f.open = open
	return 0
}

func (f *Follower) begun(word string) (all []partial) {
	for _, e := range f.list.first[word] {
		all = append(all, partial{entry: e})
	}
	return all
}

// begins says whether the word that has begun may become one that an entry begins with.
func (f *Follower) begins() bool {
	return slices.ContainsFunc(split(string(f.word)), func(w string) bool { // "gun—the" is two
		w = strings.TrimSuffix(w, "'s")
		i, _ := slices.BinarySearch(f.list.forms, w)
		return i < len(f.list.forms) && strings.HasPrefix(f.list.forms[i], w)
	})
}

// isWord says whether a byte is, or may be, part of a word. All of UTF-8 beyond ASCII is: a
// token of the model may be one byte of a letter.
func isWord(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '\'' || c >= utf8.RuneSelf
}

// split returns the words of a text, in small letters, with ' as their apostrophe.
func split(text string) []string {
	words := strings.FieldsFunc(strings.ToLower(strings.ReplaceAll(text, "’", "'")), func(r rune) bool {
		return r != '\'' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
	for i, w := range words {
		words[i] = strings.Trim(w, "'")
	}
	return slices.DeleteFunc(words, func(w string) bool { return w == "" })
}
