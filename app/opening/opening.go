// Package opening makes the beginning of a story from what somebody wants it to be
// about: who, where, and what happens. The beginnings are in the words of the stories
// that small models learn from, and such that the model does not lose its hero.
//
// How often the hero, by name or kind, is still there in the last third of a story was
// counted over 72 stories each of the stand-in checkpoint of the shape of stories15M,
// of six heroes, at temperature 1 and top-p 0.9, by the fast engine (tests/opening):
//
//	there was a little bear                                             10 %
//	there was a little bear.                                             1 %
//	there was a little bear named Bruno.                                76 %
//	… named Bruno. Bruno lived in the forest.                           78 %
//	… named Bruno. He lived in the forest.                              72 %
//	… named Bruno. Bruno lived … One day, Bruno found a shiny box.      71 %
//	… named Bruno. He lived … One day, he found a shiny box.            67 %
//	… bear. He lived … One day, the little bear found a shiny box.      36 %
//	a little bear named Bruno lived … One day, Bruno found a shiny box. 78 %
//
// So every hero has a name, which is repeated where another would say he or she: that is
// what a model keeps.
package opening

import (
	"hash/fnv"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Hero is one that a story is about.
type Hero struct {
	Noun string // "bear", "little dragon"; "" for somebody of whom a name is all that is known
	Name string // "Bruno"; "" where another hero has one
}

// A Wish is what a story is to be about.
type Wish struct {
	Heroes []Hero // none, one or two
	Place  string // "in the forest"; "": anywhere
	Event  string // "found a shiny box": what the first hero does one day; "": anything
}

// Plain is how a story begins about nothing in particular.
const Plain = "Once upon a time"

// Text returns the beginning, for the model to continue.
func (w Wish) Text() string {
	if len(w.Heroes) == 0 {
		if w.Place == "" && w.Event == "" {
			return Plain
		}
		w.Heroes = []Hero{{"girl", "Lily"}} // somebody must be there
	}
	a := w.Heroes[0]
	text := Plain + ", "
	if len(w.Heroes) == 1 {
		if w.Place == "" {
			text += "there was " + a.introduced()
		} else {
			text += a.introduced() + " lived " + w.Place
		}
	} else {
		b := w.Heroes[1]
		if b.Name != "" && a.Name == "" { // the stories that models learn from name who has what
			a, b = b, a
		}
		switch {
		case a.Name != "" && b.Name != "" && (beast(a) || beast(b)):
			text += "there were two friends, " + a.introduced() + " and " + b.introduced()
		case a.Name != "" && b.Name != "":
			text += "there were two friends named " + a.Name + " and " + b.Name
		case a.Name != "":
			text += "there was " + a.introduced() + ". " + a.Name + " had " + withArticle(b.Noun)
		default:
			text += "there was " + a.introduced() + " and " + withArticle(b.Noun)
		}
		if w.Place != "" {
			text += ". They lived " + w.Place
		}
	}
	if w.Event != "" {
		text += ". One day, " + a.called() + " " + w.Event
	}
	return text + "."
}

// beast tells a hero of whom the name does not say all.
func beast(h Hero) bool { return h.Noun != "" && h.Noun != "girl" && h.Noun != "boy" }

// introduced is what a hero is called first: "a little bear named Bruno".
func (h Hero) introduced() string {
	switch {
	case h.Noun == "":
		return "a child named " + h.Name
	case h.Name == "":
		return withArticle(h.Noun)
	}
	return withArticle(little(h.Noun)) + " named " + h.Name
}

// called is what a hero is called later: by name if there is one.
func (h Hero) called() string {
	if h.Name != "" {
		return h.Name
	}
	return "the " + h.Noun
}

// little is put before a noun that has nothing before it yet.
func little(noun string) string {
	if strings.Contains(noun, " ") {
		return noun
	}
	return "little " + noun
}

// Named gives a hero without a name one: the same for the same noun, so that the same
// wish is the same story; not the one of a friend.
func (h Hero) Named(friends ...Hero) Hero {
	if h.Name == "" {
		names := []string{"Pip", "Max", "Dot", "Tim", "Mia", "Ben", "Momo", "Sam"}
		sum := fnv.New32a()
		sum.Write([]byte(h.Noun))
		at := int(sum.Sum32() % uint32(len(names)))
		for slices.ContainsFunc(friends, func(f Hero) bool { return f.Name == names[at] }) {
			at = (at + 1) % len(names)
		}
		h.Name = names[at]
	}
	return h
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return ""
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

func withArticle(s string) string { return Article(s) + " " + s }

// Article is a or an. Words that begin with u as in unicorn are said with a y.
func Article(s string) string {
	lower := strings.ToLower(s)
	if lower == "" || strings.HasPrefix(lower, "uni") || strings.HasPrefix(lower, "use") || !strings.ContainsRune("aeiou", rune(lower[0])) {
		return "a"
	}
	return "an"
}
