// Package opening counts how well stories keep to what they were asked to be about.
package opening

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/engine"
	"duostoryteller/app/llama"
	"duostoryteller/app/opening"
)

// stories is how many are told of each hero in each form.
const stories = 12

// heroes are a few of the page's, with what else is wished.
func heroes() (some []opening.Hero) {
	for _, c := range opening.Heroes() {
		if slices.Contains([]string{"bear", "dragon", "robot", "cat", "girl", "rabbit"}, c.Key) {
			some = append(some, opening.Hero{Noun: c.Text, Name: c.Name})
		}
	}
	return some
}

const place, event = "in the forest", "found a shiny box"

type form struct {
	name string
	make func(opening.Hero) string
	wish bool // it is one that the page makes
}

// forms are ways to begin.
func forms() []form {
	return []form{
		{"the hero", func(h opening.Hero) string { return opening.Wish{Heroes: []opening.Hero{h}}.Text() }, true},
		{"the hero, a place", func(h opening.Hero) string { return opening.Wish{Heroes: []opening.Hero{h}, Place: place}.Text() }, true},
		{"all", func(h opening.Hero) string {
			return opening.Wish{Heroes: []opening.Hero{h}, Place: place, Event: event}.Text()
		}, true},
		{"no name", func(h opening.Hero) string { return fmt.Sprintf("Once upon a time, there was a little %s", h.Noun) }, false},
		{"all, no name", func(h opening.Hero) string {
			return fmt.Sprintf("Once upon a time, there was a little %s. It lived %s. One day, the little %s %s.", h.Noun, place, h.Noun, event)
		}, false},
	}
}

// TestHeroesStay tells stories of the stand-in checkpoint in DUO_DATA, which takes
// five minutes: make test-openings. The openings that the page makes must keep their
// hero in more than half of the stories, and better than those without a name.
func TestHeroesStay(t *testing.T) {
	if os.Getenv("STORYTELLER_OPENINGS") == "" {
		t.Skip("make test-openings asks for this")
	}
	data := os.Getenv("DUO_DATA")
	if data == "" {
		data = "../../../shared/data"
	}
	e, err := engine.Open(filepath.Join(data, "standin15M.bin"), engine.Options{Fast: true}, nil)
	if err != nil {
		t.Skip(err)
	}
	defer e.Close()
	tokenizer, err := llama.OpenTokenizer(filepath.Join(data, "tokenizer.bin"), e.Config().VocabSize)
	if err != nil {
		t.Skip(err)
	}
	share := map[bool][]float64{} // by whether they are the page's
	for _, f := range forms() {
		kept, told := 0, 0
		for _, h := range heroes() {
			for seed := uint64(1); seed <= stories; seed++ {
				text := tell(t, e, tokenizer, f.make(h), seed)
				last := text[len(text)*2/3:]
				if strings.Contains(last, h.Name) || strings.Contains(last, h.Noun) {
					kept++
				}
				told++
			}
		}
		part := float64(kept) / float64(told)
		share[f.wish] = append(share[f.wish], part)
		t.Logf("%-20s the hero is in the last third of %d of %d stories, %.0f %%", f.name, kept, told, 100*part)
	}
	if worst, best := slices.Min(share[true]), slices.Max(share[false]); worst < 0.5 || worst <= best {
		t.Errorf("an opening of the page keeps its hero in %.0f %% of the stories; want more than half, and more than the %.0f %% of those without a name", 100*worst, 100*best)
	}
}

func tell(t *testing.T, e llama.Engine, tokenizer *llama.Tokenizer, prompt string, seed uint64) string {
	t.Helper()
	var text strings.Builder
	sampler := llama.NewSampler(tokenizer.VocabSize(), 1, 0.9, seed)
	_, err := llama.Generate(e, tokenizer, sampler, tokenizer.Encode(prompt, true, false), 256, func(_ int, piece []byte) error {
		text.Write(piece)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}
