package hearing

import (
	"fmt"
	"slices"
	"strings"

	"duostoryteller/app/textfile"
)

// Words are what a story can be asked for, by their kind.
type Words struct {
	Things []string // nouns: dragon
	Kinds  []string // adjectives: little
	Girls  []string // names
	Boys   []string
}

// MaxWords is how many words a list may have: the recogniser's time and errors
// grow with them.
const MaxWords = 200

// ParseWords reads a word list: lines of "thing:", "kind:", "girl:" or "boy:"
// and words; # begins a remark. The text is as package textfile reads it. ParseWords
// always returns what can be used; a problem is a line of text about what cannot.
func ParseWords(text string) (w Words, problems []string) {
	seen := make(map[string]bool)
	n := 0
	for line := range strings.Lines(text) {
		n++
		if err := textfile.CheckLine(line); err != nil {
			problems = append(problems, fmt.Sprintf("line %d: %v", n, err))
			continue
		}
		line, _, _ := strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, rest, found := strings.Cut(line, ":")
		list := w.list(strings.ToLower(strings.TrimSpace(name)))
		if !found || list == nil {
			problems = append(problems, fmt.Sprintf("line %d: %.40q left out; a line is thing, kind, girl or boy, a colon, and words", n, strings.TrimSpace(line)))
			continue
		}
		for _, word := range strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' || r == '\n' }) {
			word = strings.ToLower(word)
			switch {
			case strings.Trim(word, "abcdefghijklmnopqrstuvwxyz'") != "" || len(word) > 30:
				problems = append(problems, fmt.Sprintf("line %d: %.40q left out; a word has the letters a to z only", n, word))
			case seen[word] || slices.Contains(fixed, word):
				problems = append(problems, fmt.Sprintf("line %d: %s left out; it is there already", n, word))
			case len(seen) == MaxWords:
				problems = append(problems, fmt.Sprintf("line %d: %s left out; a list has %d words at most", n, word, MaxWords))
			default:
				seen[word] = true
				*list = append(*list, word)
			}
		}
	}
	return w, textfile.Few(problems, func(n int) string { return fmt.Sprintf("and %d more", n) })
}

func (w *Words) list(kind string) *[]string {
	switch kind {
	case "thing":
		return &w.Things
	case "kind":
		return &w.Kinds
	case "girl":
		return &w.Girls
	case "boy":
		return &w.Boys
	}
	return nil
}

// all lists every word.
func (w Words) all() []string { return slices.Concat(w.Things, w.Kinds, w.Girls, w.Boys) }

// known returns w without the words that known does not have.
func (w Words) known(known func(string) bool) Words {
	keep := func(words []string) []string {
		return slices.DeleteFunc(slices.Clone(words), func(s string) bool { return !known(s) })
	}
	return Words{keep(w.Things), keep(w.Kinds), keep(w.Girls), keep(w.Boys)}
}
