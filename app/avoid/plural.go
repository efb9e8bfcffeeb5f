package avoid

import (
	"slices"
	"strings"
)

// irregular are words of stories whose plural no rule forms.
var irregular = [][2]string{
	{"man", "men"}, {"woman", "women"}, {"child", "children"}, {"person", "people"},
	{"mouse", "mice"}, {"goose", "geese"}, {"foot", "feet"}, {"tooth", "teeth"}, {"louse", "lice"}, {"ox", "oxen"},
}

// forms returns a word with its plurals and with what it may be the plural of.
func forms(word string) []string {
	word = strings.TrimSuffix(word, "'s")
	all := append([]string{word}, plurals(word)...)
	for _, s := range singulars(word) {
		if slices.Contains(plurals(s), word) {
			all = append(all, s)
			all = append(all, plurals(s)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// plurals returns how the plural of a word may be spelt.
func plurals(word string) []string {
	for _, p := range irregular {
		if word == p[0] {
			return []string{p[1]}
		}
	}
	if len(word) < 2 {
		return nil
	}
	stem, last := word[:len(word)-1], word[len(word)-1]
	all := []string{word + "s"}
	switch {
	case last == 'y' && !strings.ContainsRune("aeiou", rune(word[len(word)-2])):
		return []string{stem + "ies"}
	case last == 's', last == 'x', last == 'z', strings.HasSuffix(word, "ch"), strings.HasSuffix(word, "sh"):
		return []string{word + "es"}
	case last == 'o':
		all = append(all, word+"es")
	case last == 'f':
		all = append(all, stem+"ves")
	case strings.HasSuffix(word, "fe"):
		all = append(all, word[:len(word)-2]+"ves")
	}
	return all
}

// singulars returns what a word may be the plural of, if it is one.
func singulars(word string) (all []string) {
	for _, p := range irregular {
		if word == p[1] {
			all = append(all, p[0])
		}
	}
	for _, end := range [][2]string{{"ies", "y"}, {"ves", "f"}, {"ves", "fe"}, {"es", ""}, {"s", ""}} {
		if s, ok := strings.CutSuffix(word, end[0]); ok && len(s) > 1 {
			all = append(all, s+end[1])
		}
	}
	return all
}
