package aloud

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/sentence"
	"duostoryteller/app/voice"
	"duostoryteller/app/voice/child"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/listen"
)

// scored are the sentences that the voices are scored by.
const scored = story + "\n" +
	`Timmy and Sue had a little cat. Its name was Fluffy. Every night Fluffy slept in a soft bed by the door. ` +
	`"Where is my hat?" asked Ben. Jack looked under the chair and found 3 hats and 10 socks. ` +
	`Then Mia and Max went to the pond to see the ducks. The sun was hot, so they sat under a tall tree. ` +
	`"I am sorry," said Tom. "I will not do it again." His mom was not angry. ` +
	`She gave him a cookie and a cup of milk. In the end, they all learned to share.`

// spelt are the numbers of it.
var spelt = map[string]string{"3": "three", "10": "ten"}

// words are those of a text as a recogniser writes them.
func words(text string) []string {
	list := listen.Words(text)
	for i, w := range list {
		if spelt[w] != "" {
			list[i] = spelt[w]
		}
	}
	return list
}

// A recogniser finds so many words of each voice: with a model of which words follow each
// other in stories, as a listener has it; with its own, of all of English; and without one,
// when any word of the stories' vocabulary may follow any other. make test-voices tries
// every voice at every rate, with each of them.
func TestScore(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute of speech is recognised: not with -short")
	}
	if missing := listen.Missing(); missing != "" {
		t.Skip("the words need " + missing)
	}
	all := os.Getenv("STORYTELLER_SCORE") != ""
	dir := t.TempDir()
	models := map[string]string{"stories": filepath.Join(dir, "stories.lm"), "none": filepath.Join(dir, "none.lm"), "English": listen.English}
	sentences, vocabulary := told(t)
	for name, text := range map[string][][]string{"stories": sentences, "none": nil} {
		if err := listen.WriteLanguageModel(models[name], text, vocabulary); err != nil {
			t.Fatal(err)
		}
	}
	limits := map[string]float64{"kal16 1 stories": 0.89 - 0.05, "rms 1 stories": 0.94 - 0.05} // less than was found once
	for _, p := range child.Programs() {
		for _, rate := range []float64{0.7, 1, 1.3} {
			for _, language := range []string{"stories", "English", "none"} {
				name := fmt.Sprintf("%s %g %s", p.Voice, rate, language)
				least, wanted := limits[name]
				if !wanted && !all {
					continue
				}
				t.Run(name, func(t *testing.T) {
					params := voice.Normal()
					params.Rate = rate
					r, _ := aloud(t, program(t, p.Voice), scored, params)
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					heard, err := r.RecogniseBy(ctx, t.TempDir(), models[language])
					if err != nil {
						t.Fatal(err)
					}
					share := listen.Found(heard, words(scored))
					t.Logf("%-6s rate %-3g language model %-7s  %3.0f %% of %d words (on a PC)", p.Voice, rate, language, 100*share, len(words(scored)))
					if share < least {
						t.Errorf("a recogniser finds %.0f %% of the words; want at least %.0f %%: %q", 100*share, 100*least, heard)
					}
				})
			}
		}
	}
}

// told returns the sentences of stories that models told, as far as a recogniser knows
// their words, and all words that it may hear: theirs and those of scored.
func told(t *testing.T) (sentences [][]string, vocabulary []string) {
	t.Helper()
	known, err := listen.Known()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range words(scored) {
		if !known[w] {
			t.Fatalf("the recogniser does not know the word %q", w)
		}
		vocabulary = append(vocabulary, w)
	}
	seen := map[string]bool{}
	for _, name := range []string{"golden/standin15M.jsonl", "golden/stories260K.jsonl"} {
		cases, err := golden.Read(golden.Data(t, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			texts, err := c.Texts()
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range split(string(texts[0])) {
				list := words(sentence.Plain(s))
				if len(list) == 0 || seen[s] || slices.ContainsFunc(list, func(w string) bool { return !known[w] || strings.HasPrefix(w, "'") }) {
					continue
				}
				seen[s] = true
				sentences = append(sentences, list)
				vocabulary = append(vocabulary, list...)
			}
		}
	}
	slices.Sort(vocabulary)
	t.Logf("%d sentences, %d words", len(sentences), len(slices.Compact(slices.Clone(vocabulary))))
	return sentences, vocabulary
}
