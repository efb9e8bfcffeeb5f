package opening

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Choice is one that has a picture.
type Choice struct {
	Key  string // of its picture and its label
	Text string // a noun, a place, an event
	Name string // a hero's, unless another is given
}

// Heroes lists who a story can be about.
func Heroes() []Choice {
	return []Choice{
		{"bear", "bear", "Bruno"},
		{"cat", "cat", "Mia"},
		{"dog", "dog", "Spot"},
		{"rabbit", "rabbit", "Dot"},
		{"duck", "duck", "Bella"},
		{"mouse", "mouse", "Pip"},
		{"dragon", "dragon", "Max"},
		{"robot", "robot", "Robo"},
		{"girl", "girl", "Lily"},
		{"boy", "boy", "Tim"},
	}
}

// Places lists where it can be.
func Places() []Choice {
	return []Choice{
		{Key: "forest", Text: "in the forest"},
		{Key: "castle", Text: "in a big castle"},
		{Key: "sea", Text: "by the sea"},
		{Key: "farm", Text: "on a farm"},
		{Key: "garden", Text: "in a pretty garden"},
		{Key: "house", Text: "in a small house"},
		{Key: "moon", Text: "on the moon"},
	}
}

// Events lists what can happen.
func Events() []Choice {
	return []Choice{
		{Key: "box", Text: "found a shiny box"},
		{Key: "lost", Text: "could not find the way home"},
		{Key: "friend", Text: "met a new friend"},
		{Key: "birthday", Text: "had a birthday party"},
		{Key: "rain", Text: "was out in the rain"},
		{Key: "wish", Text: "looked at a star and made a wish"},
		{Key: "help", Text: "helped a sad little bird"},
	}
}

// MaxWords bounds what is typed for a hero, a name, a place or an event, in bytes.
const MaxWords = 60

// Chosen makes a wish of what was picked, by keys, or typed, in words. Words that
// are no key are taken as they are, but for what would not fit into a sentence.
func Chosen(hero, name, place, event string) Wish {
	var w Wish
	hero, name, place, event = tidy(hero), tidy(name), tidy(place), tidy(event)
	if h, ok := heroOf(hero, name); ok {
		w.Heroes = []Hero{h}
	}
	if c, ok := find(Places(), place); ok {
		w.Place = c.Text
	} else if place != "" {
		w.Place = located(place)
	}
	if c, ok := find(Events(), event); ok {
		w.Event = c.Text
	} else {
		w.Event = lowerFirst(event)
	}
	return w
}

func heroOf(hero, name string) (Hero, bool) {
	if name != "" {
		name = capital(name)
	}
	if c, ok := find(Heroes(), hero); ok {
		return Hero{Noun: c.Text, Name: cmp.Or(name, c.Name)}, true
	}
	switch {
	case hero == "" && name == "":
		return Hero{}, false
	case hero == "":
		return Hero{Name: name}, true
	case name == "" && isCapital(hero):
		return Hero{Name: hero}, true // a name was typed where a being was asked for
	}
	for _, article := range []string{"a ", "an ", "the ", "A ", "An ", "The "} {
		hero = strings.TrimPrefix(hero, article)
	}
	return Hero{Noun: hero, Name: name}.Named(), true
}

// located puts in before a place that has no preposition, and the before one without an article.
func located(place string) string {
	first, _, _ := strings.Cut(place, " ")
	switch strings.ToLower(first) {
	case "in", "on", "at", "by", "under", "near", "inside", "behind", "above", "far", "deep", "with", "between", "over", "next", "beside", "up":
		return lowerFirst(place)
	case "a", "an", "the", "my", "our", "his", "her":
		return "in " + lowerFirst(place)
	}
	if isCapital(place) { // it has a name: Paris
		return "in " + place
	}
	return "in the " + place
}

// lowerFirst has a sentence go on in the middle: "Found a box" and "found a box".
func lowerFirst(s string) string {
	first, _, _ := strings.Cut(s, " ")
	if first == "I" || first != capital(strings.ToLower(first)) {
		return s
	}
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToLower(r)) + s[n:]
}

func isCapital(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsUpper(r)
}

func find(choices []Choice, key string) (Choice, bool) {
	for _, c := range choices {
		if strings.EqualFold(c.Key, key) {
			return c, true
		}
	}
	return Choice{}, false
}

// tidy makes one line of what was typed, without what ends a sentence.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == unicode.ReplacementChar:
			return -1
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	for len(s) > MaxWords {
		cut := []rune(s)
		s = string(cut[:len(cut)-1])
	}
	return strings.Trim(strings.Join(strings.Fields(s), " "), ".,;:!? ")
}
