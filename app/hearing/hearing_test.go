package hearing

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/subprocess"
)

const list = "# remark\nthing: dragon cat, Owl # more\nkind: little angry\ngirl: Lily\nboy: Tom\n"

func parse(t *testing.T, text string) Words {
	t.Helper()
	w, problems := ParseWords(text)
	if len(problems) > 0 {
		t.Fatalf("ParseWords(%q): %q", text, problems)
	}
	return w
}

func TestParseWords(t *testing.T) {
	w := parse(t, list)
	if got, want := strings.Join(w.all(), " "), "dragon cat owl little angry lily tom"; got != want {
		t.Errorf("words %q; want %q", got, want)
	}
	for text, want := range map[string]string{
		"animal: dog":                          `line 1: "animal: dog" left out`,
		"thing dog":                            "a line is thing, kind, girl or boy",
		"thing: dog-house":                     `line 1: "dog-house" left out`,
		"\nthing: dog dog":                     "line 2: dog left out; it is there already",
		"thing: story":                         "story left out; it is there already",
		"thing: " + strings.Repeat("a ", 5000): "line 1: left out: it is longer than",
		"thing: " + lots(201):                  "left out; a list has 200 words at most",
	} {
		if _, problems := ParseWords(text); len(problems) != 1 || !strings.Contains(problems[0], want) {
			t.Errorf("ParseWords(%.30q) has problems %q; want one with %q", text, problems, want)
		}
	}
}

// A list that is wrong in every line says so a few times.
func TestManyProblems(t *testing.T) {
	if _, problems := ParseWords(strings.Repeat("animal: dog\n", 5000)); len(problems) > 20 || !strings.Contains(problems[len(problems)-1], "more") {
		t.Errorf("%d problems, the last one %q", len(problems), problems[len(problems)-1])
	}
}

// lots is n words.
func lots(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" q" + string(rune('a'+i/26)) + string(rune('a'+i%26)))
	}
	return b.String()
}

func TestGrammar(t *testing.T) {
	want := `#JSGF V1.0;
grammar storyteller;
<thing> = dragon | cat | owl;
<athing> = dragon | cat;
<akind> = little;
<arest> = <athing> | <akind> <thing>;
<anthing> = owl;
<ankind> = angry;
<anrest> = <anthing> | <ankind> <thing>;
<name> = lily | tom;
<being> = (a | the) <arest> | (an | the) <anrest> | <name>;
<beings> = <being> | <being> and <being>;
<there> = once upon a time there was <beings>;
<ask> = [please] (tell | read) me a story [about <beings>] [please] | a story [about <beings>] [please] | <there>;
<call> = hello storyteller | storyteller;
<command> = again | another story | stop | louder | quieter;
public <utterance> = [<call>] (<ask> | <command>);
`
	if got := parse(t, list).Grammar(); got != want {
		t.Errorf("Grammar() =\n%s\nwant\n%s", got, want)
	}
	if got := (Words{}).Grammar(); strings.Contains(got, "= ;") || strings.Contains(got, "about") {
		t.Errorf("without words the grammar is\n%s", got)
	}
}

func TestDictionary(t *testing.T) {
	var dict strings.Builder
	for _, w := range fixed {
		dict.WriteString(w + " X\n")
	}
	dict.WriteString("dragon D\ndragonfly F\nlily L\nlily(2) M\n")
	var out strings.Builder
	have, lacks, err := parse(t, "thing: dragon gruffalo\ngirl: Lily").Dictionary(strings.NewReader(dict.String()), &out)
	if err != nil || !slices.Equal(have.all(), []string{"dragon", "lily"}) || !slices.Equal(lacks, []string{"gruffalo"}) {
		t.Errorf("has %q, lacks %q, %v; want dragon and lily, gruffalo", have.all(), lacks, err)
	}
	if got := out.String(); !strings.Contains(got, "lily(2) M\n") || strings.Contains(got, "dragonfly") {
		t.Errorf("dictionary %q; want the two of lily and no dragonfly", got)
	}
	if _, _, err := (Words{}).Dictionary(strings.NewReader("a X\n"), &out); err == nil || !strings.Contains(err.Error(), `"hello"`) {
		t.Errorf("a dictionary without hello: %v", err)
	}
}

func TestUnderstand(t *testing.T) {
	w := parse(t, list)
	for said, want := range map[string]Understood{
		"":                           {Answer: Missed},
		"hello storyteller":          {Answer: Missed},
		"stop":                       {Command: Stop, Answer: "All right."},
		"storyteller louder":         {Command: Louder, Answer: "Louder."},
		"quieter":                    {Command: Quieter, Answer: "Quieter."},
		"another story":              {Command: Again, Answer: "Another story."},
		"tell me a story":            {Command: Tell, Answer: "A story."},
		"a story about a little cat": {Tell, "Once upon a time, there was a little cat named Ben.", "A story about a little cat."},
		"hello storyteller please read me a story about the owl": {Tell, "Once upon a time, there was a little owl named Ben.", "A story about an owl."},
		"a story about lily":                                    {Tell, "Once upon a time, there was a little girl named Lily.", "A story about Lily."},
		"a story about tom and an angry dragon":                 {Tell, "Once upon a time, there was a little boy named Tom. Tom had an angry dragon.", "A story about Tom and an angry dragon."},
		"a story about a cat and lily":                          {Tell, "Once upon a time, there was a little girl named Lily. Lily had a cat.", "A story about a cat and Lily."},
		"once upon a time there was lily and tom":               {Tell, "Once upon a time, there were two friends named Lily and Tom.", "A story about Lily and Tom."},
		"once upon a time there was a little dragon and an owl": {Tell, "Once upon a time, there were two friends, a little dragon named Mia and a little owl named Ben.", "A story about a little dragon and an owl."},
	} {
		if got := w.Understand(strings.Fields(said)); got != want {
			t.Errorf("Understand(%q) = %+v; want %+v", said, got, want)
		}
	}
}

// speech is noise of an effective value, in parts of seconds.
func room(random *rand.Rand, parts ...[2]float64) []int16 {
	var out []int16
	for _, p := range parts {
		for range int(p[0] * Rate) {
			out = append(out, int16(max(-32768, min(32767, random.NormFloat64()*p[1]))))
		}
	}
	return out
}

func TestGate(t *testing.T) {
	for _, test := range []struct {
		name  string
		parts [][2]float64 // seconds, effective value
		want  []float64    // seconds of the utterances
	}{
		{"silence", [][2]float64{{5, 0}}, nil},
		{"a room", [][2]float64{{20, 100}}, nil},
		{"one utterance", [][2]float64{{2, 20}, {1.5, 1000}, {2, 20}}, []float64{2.5}},
		{"out of digital silence", [][2]float64{{2, 0}, {1.5, 1000}, {2, 0}}, []float64{2.5}},
		{"a pause for breath", [][2]float64{{2, 20}, {1, 1000}, {0.4, 20}, {1, 1000}, {2, 20}}, []float64{3.4}},
		{"two, in more noise", [][2]float64{{2, 300}, {1, 1500}, {2, 300}, {1, 1500}, {2, 300}}, []float64{2, 2}},
		{"a click", [][2]float64{{2, 20}, {0.1, 8000}, {2, 20}}, nil},
		{"a vacuum cleaner", [][2]float64{{2, 20}, {30, 3000}}, nil},
		{"an utterance beside it", [][2]float64{{2, 20}, {20, 1000}, {1, 6000}, {2, 1000}}, []float64{2}},
		{"cut off by the end", [][2]float64{{2, 20}, {1, 1000}}, []float64{2}},
	} {
		var g Gate
		var got []float64
		heard := func(s []int16) { got = append(got, float64(len(s))/Rate) }
		for part := range slices.Chunk(room(rand.New(rand.NewPCG(1, 2)), test.parts...), 777) {
			g.Listen(part, heard)
		}
		g.Flush(heard)
		if !slices.EqualFunc(got, test.want, func(a, b float64) bool { return math.Abs(a-b) < 0.15 }) {
			t.Errorf("%s: utterances of %.2f s; want %.2f", test.name, got, test.want)
		}
	}
}

func FuzzReply(f *testing.F) {
	frame := func(kind, text string) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(text))), text...)
	}
	f.Add(slices.Concat(frame("WORD", "<sil> 0 10 -5"), frame("WORD", "hello(2) 11 40 -500"), frame("PHON", "SIL 0 40 -90"), frame("END ", "12345678")))
	f.Add(frame("ERR ", "no"))
	f.Add(frame("WORD", "a 5 2 1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r reply
		for in := bytes.NewReader(b); ; {
			kind, payload, err := subprocess.ReadFrame(in)
			if err != nil || r.add(kind, payload) != nil {
				break
			}
		}
		if d := r.doubt(make([]int16, 500)); math.IsNaN(d.Whole) || math.IsNaN(d.Worst) || math.IsNaN(d.Wish) || !(d.Left >= 0 && d.Left <= 1) {
			t.Errorf("doubt %+v of %+v", d, r)
		}
		for _, w := range r.heard() {
			if w == "" {
				t.Errorf("an empty word in %+v", r.words)
			}
		}
	})
}
