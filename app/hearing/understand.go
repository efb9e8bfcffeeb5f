package hearing

import (
	"slices"
	"strings"
)

// A Command is what an utterance asks the storyteller to do.
type Command int

const (
	Nothing Command = iota // nothing was understood
	Tell                   // a story that begins with the opening; empty: any
	Again                  // another story like the last
	Stop
	Louder
	Quieter
)

// Understood is the meaning of an utterance.
type Understood struct {
	Command Command
	Opening string // of the story, for the model to continue
	Answer  string // a short sentence to say
}

// Missed is the answer to what was not understood.
const Missed = "I didn't catch that."

// Understand returns what a sequence of the grammar's words asks for.
func (w Words) Understand(heard []string) Understood {
	for len(heard) > 0 && (heard[0] == "hello" || heard[0] == "storyteller") {
		heard = heard[1:]
	}
	switch strings.Join(heard, " ") {
	case "":
		return Understood{Answer: Missed}
	case "again", "another story":
		return Understood{Command: Again, Answer: "Another story."}
	case "stop":
		return Understood{Command: Stop, Answer: "All right."}
	case "louder":
		return Understood{Command: Louder, Answer: "Louder."}
	case "quieter":
		return Understood{Command: Quieter, Answer: "Quieter."}
	}
	var beings []being
	kind := ""
	for _, word := range heard {
		switch {
		case slices.Contains(w.Kinds, word):
			kind = word
		case slices.Contains(w.Things, word):
			thing := strings.TrimSpace(kind + " " + word)
			beings = append(beings, being{word: article(thing) + " " + thing, called: "was " + article(thing) + " " + thing})
			kind = ""
		case slices.Contains(w.Girls, word):
			beings = append(beings, being{word: capital(word), called: "was a little girl named " + capital(word), name: true, she: "She"})
		case slices.Contains(w.Boys, word):
			beings = append(beings, being{word: capital(word), called: "was a little boy named " + capital(word), name: true, she: "He"})
		}
	}
	opening, about := "Once upon a time", ""
	switch len(beings) {
	case 0:
		return Understood{Command: Tell, Answer: "A story."}
	case 1:
		opening += ", there " + beings[0].called
		about = beings[0].word
	default:
		a, b := beings[0], beings[1]
		about = a.word + " and " + b.word
		if b.name && !a.name { // the stories that models learn from name who has what
			a, b = b, a
		}
		switch {
		case a.name && b.name:
			opening += ", there were two friends named " + a.word + " and " + b.word
		case a.name:
			opening += ", there " + a.called + ". " + a.she + " had " + b.word
		default:
			opening += ", there " + a.called + " and " + b.word
		}
	}
	return Understood{Command: Tell, Opening: opening, Answer: "A story about " + about + "."}
}

// being is one of those that a story is about.
type being struct {
	word   string // "a little dragon", "Lily"
	called string // "was a little girl named Lily"
	name   bool
	she    string
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// article is a or an. Words that begin with u as in unicorn are said with a y.
func article(s string) string {
	if strings.HasPrefix(s, "uni") || strings.HasPrefix(s, "use") || !strings.ContainsRune("aeiou", rune(s[0])) {
		return "a"
	}
	return "an"
}
