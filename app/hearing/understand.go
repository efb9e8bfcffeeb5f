package hearing

import (
	"slices"
	"strings"

	"duostoryteller/app/opening"
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
	var heroes []opening.Hero
	var about []string
	kind := ""
	for _, word := range heard {
		switch {
		case slices.Contains(w.Kinds, word):
			kind = word
		case slices.Contains(w.Things, word):
			thing := strings.TrimSpace(kind + " " + word)
			heroes = append(heroes, opening.Hero{Noun: thing})
			about = append(about, opening.Article(thing)+" "+thing)
			kind = ""
		case slices.Contains(w.Girls, word):
			heroes = append(heroes, opening.Hero{Noun: "girl", Name: capital(word)})
			about = append(about, capital(word))
		case slices.Contains(w.Boys, word):
			heroes = append(heroes, opening.Hero{Noun: "boy", Name: capital(word)})
			about = append(about, capital(word))
		}
	}
	switch len(heroes) {
	case 0:
		return Understood{Command: Tell, Answer: "A story."}
	case 1:
		heroes[0] = heroes[0].Named()
	default:
		heroes, about = heroes[:2], about[:2]
		if heroes[0].Name == "" && heroes[1].Name == "" {
			heroes[0] = heroes[0].Named()
			heroes[1] = heroes[1].Named(heroes[0])
		}
	}
	return Understood{Command: Tell, Opening: opening.Wish{Heroes: heroes}.Text(), Answer: "A story about " + strings.Join(about, " and ") + "."}
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
