package sentence

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// split runs text through a Splitter in pieces of n bytes.
func split(text string, n int) []string {
	var s Splitter
	var out []string
	for b := []byte(text); len(b) > 0; {
		k := min(n, len(b))
		out = append(out, s.Write(b[:k])...)
		b = b[k:]
	}
	if rest := s.Flush(); rest != "" {
		out = append(out, rest)
	}
	return out
}

func TestSplit(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"plain":        {"Once upon a time. There was a cat.", []string{"Once upon a time. ", "There was a cat."}},
		"no full stop": {"Tom ran. Then he", []string{"Tom ran. ", "Then he"}},
		"titles":       {"Mr. Fox met Mrs. Hen. Dr. Owl came.", []string{"Mr. Fox met Mrs. Hen. ", "Dr. Owl came."}},
		"initials":     {"By J. K. Row. I saw it.", []string{"By J. K. Row. ", "I saw it."}},
		"pronoun":      {"It was I. Then we ran.", []string{"It was I. ", "Then we ran."}},
		"number":       {"It is 3.5 feet. Yes.", []string{"It is 3.5 feet. ", "Yes."}},
		"No":           {"He said No. 5 is old. No. Never!", []string{"He said No. 5 is old. ", "No. ", "Never!"}},
		"ellipsis":     {"He waited... and waited... Then he left… Bye.", []string{"He waited... and waited... ", "Then he left… ", "Bye."}},
		"spaced dots":  {"Well . . . maybe. Yes.", []string{"Well . . . maybe. ", "Yes."}},
		"runs":         {"What!? No!!! Why?! Oh.", []string{"What!? ", "No!!! ", "Why?! ", "Oh."}},
		"said":         {`"Stop!" said Tom. "Why?" Lily asked.`, []string{`"Stop!" said Tom. `, `"Why?" `, `Lily asked.`}},
		"closing":      {"“Run.” He ran. (Fast.) Then home.", []string{"“Run.” ", "He ran. ", "(Fast.) ", "Then home."}},
		"lines":        {"The end.\nonce more.\nA line\nwrapped. Yes.", []string{"The end.\n", "once more.\n", "A line\nwrapped. ", "Yes."}},
		"paragraph":    {"The Fox\n\nA fox ran.", []string{"The Fox\n\n", "A fox ran."}},
		"space first":  {"  Hi. You.", []string{"  Hi. ", "You."}},
		"only space":   {" \n ", []string{" \n "}},
		"emoji":        {"Yay! 🎉 Fun. 🐱", []string{"Yay! ", "🎉 Fun. ", "🐱"}},
		"raw bytes":    {"A\xff\xfe b. C\x80.", []string{"A\xff\xfe b. ", "C\x80."}},
		"abbreviated":  {"Animals, e.g. Dogs. Cats at 5 p.m. today.", []string{"Animals, e.g. Dogs. ", "Cats at 5 p.m. today."}},
		"no space":     {"He went to bed.Then he slept. Mr.Fox, too!Yes.", []string{"He went to bed.", "Then he slept. ", "Mr.Fox, too!", "Yes."}},
		"no end":       {"It is e.g.Tom's U.S.A map.txt.", []string{"It is e.g.Tom's U.S.A map.txt."}},
		"empty":        {"", nil},
	} {
		for _, n := range []int{1, 3, 1000} {
			if got := split(test.text, n); !slices.Equal(got, test.want) {
				t.Errorf("%s: split(%q) in pieces of %d = %q; want %q", name, test.text, n, got, test.want)
			}
		}
	}
}

// A sentence of 200 words must let speech begin long before its end.
func TestLongSentence(t *testing.T) {
	clause := "and then the little dog ran over the green hill, "
	for name, text := range map[string]string{
		"clauses":   strings.Repeat(clause, 20) + "home.",
		"no commas": strings.Repeat("very ", 200) + "big.",
	} {
		got := split(text, 4)
		for i, s := range got {
			words := len(strings.Fields(s))
			if words > hardWords || words < minClause && i < len(got)-1 {
				t.Errorf("%s: sentence %d has %d words; want %d to %d", name, i, words, minClause, hardWords)
			}
			if name == "clauses" && i < len(got)-1 && !strings.HasSuffix(s, ", ") {
				t.Errorf("%s: cut inside a clause: %q", name, s)
			}
		}
	}
	if got := split(strings.Repeat("é", 3000), 7); len(got) < 2 || !utf8.ValidString(got[0]) {
		t.Errorf("6000 bytes without a space: %d sentences, first valid UTF-8: %v; want several whole", len(got), utf8.ValidString(got[0]))
	}
}

func TestPause(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"Tom ran. ":                 sentencePause,
		"Tom ran.":                  sentencePause,
		"“Tom ran.” ":               sentencePause,
		"He waited… ":               sentencePause,
		"What!? ":                   sentencePause,
		"Tom ran.\n":                paragraphPause,
		"He said, \"Run!\"\n\n":     paragraphPause,
		"The Fox \n\n":              paragraphPause,
		"\"Why?\" ":                 0, // Lily asked
		"A line\nwrapped, ":         0,
		"Tom":                       0,
		" \n ":                      0,
		"":                          0,
		"He ran home (very fast.) ": sentencePause,
	} {
		if got := Pause(text); got != want {
			t.Errorf("Pause(%q) = %v; want %v", text, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"“Hi,” he said…\n":     `"Hi," he said...`,
		"Café Zoë – naïve":     "Cafe Zoe  -  naive",
		"🎉 🐱":                  "",
		"...":                  "",
		" a\xff\xfe \x01 b 🎉!": "a b !",
		"3.5":                  "3.5",
		"*Bang!* _said_ a|b":   "Bang! said ab",
	} {
		if got := Plain(text); got != want {
			t.Errorf("Plain(%q) = %q; want %q", text, got, want)
		}
	}
}

func TestPronounced(t *testing.T) {
	for text, want := range map[string]string{
		"Nina's cat and Leah.":                "Neena's cat and Leeah.",
		"\"Shhh!\" said Rosie.":               "\"Shush!\" said Rosy.",
		"NOOO! Nooo! Hmmm, grrr. Zzz":         "No! No! Hum, gurr. Zuzz",
		"Zoooom! Yesss, it is soooo good.":    "Zoom! Yess, it is so good.",
		"Mr. Fox met Mrs.Hen and Dr Owl.":     "Mister Fox met Missus Hen and Doctor Owl.",
		"He is a Dr. and lives in St. Ives":   "He is a Dr. and lives in Saint Ives",
		"See No. 5. No. Never!":               "See number 5. No. Never!",
		"I'm, don't, 2nd, 1st, 1,000, 3.5":    "I'm, don't, 2nd, 1st, 1,000, 3.5",
		"The dogs' ball, 'the dogs' she said": "The dogs ball, 'the dogs' she said",
		"Tom & Jerry":                         "Tom  and  Jerry",
		"STOP IT! It is Rocket III.":          "STOP it! It is Rocket III.",
		"Take ½ cup":                          "Take  a half cup",
		"Once upon a time":                    "Once upon a time",
	} {
		if got := Plain(text); got != want {
			t.Errorf("Plain(%q) = %q; want %q", text, got, want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("Once. “Upon” a time! Mr. Fox...\n\nEnd", 3)
	f.Add(strings.Repeat("a, b ", 300), 1)
	f.Add("\xf0\x9f\x8e\x89. \xff", 2)
	f.Fuzz(func(t *testing.T, text string, n int) {
		n = 1 + (n&0xff+0xff)&0xff
		got := split(text, n)
		if joined := strings.Join(got, ""); joined != text {
			t.Fatalf("joined = %q; want %q", joined, text)
		}
		if whole := split(text, len(text)+1); !slices.Equal(got, whole) {
			t.Fatalf("in pieces of %d: %q; at once: %q", n, got, whole)
		}
		for _, s := range got {
			if len(s) > maxBytes || s == "" {
				t.Fatalf("a sentence of %d bytes; want 1 to %d", len(s), maxBytes)
			}
			for _, c := range Plain(s) {
				if c < ' ' || c > '~' {
					t.Fatalf("Plain(%q) holds %q; want printable ASCII", s, c)
				}
			}
		}
	})
}
