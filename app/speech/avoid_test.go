package speech

import (
	"slices"
	"testing"

	"duostoryteller/app/avoid"
	"duostoryteller/app/llama"
	"duostoryteller/app/story"
	"duostoryteller/app/voice"
	"duostoryteller/tests/testmodel"
)

// parrot is an engine that tells the bytes of one text after the other.
type parrot struct {
	config llama.Config
	texts  []string
	tokens []int
}

func (p *parrot) Config() llama.Config { return p.config }
func (p *parrot) Close() error         { return nil }

func (p *parrot) Start(prompt []int, _ *llama.Sampler) error {
	p.tokens = slices.Clone(prompt[1:])
	for _, c := range []byte(p.texts[0]) {
		p.tokens = append(p.tokens, 3+int(c))
	}
	p.tokens = append(p.tokens, llama.BOS)
	p.texts = p.texts[1:]
	return nil
}

func (p *parrot) Next() (int, error) {
	token := p.tokens[0]
	p.tokens = p.tokens[1:]
	return token, nil
}

// The voice reads whole sentences of a story that was left, and goes on with the one in its
// place; of the last of so many, left too, it reads no more than that either.
func TestAvoid(t *testing.T) {
	for _, test := range []struct {
		texts, want []string
	}{
		{[]string{" bee. It sat. He took a gun. Oh.", " cat. It slept."}, []string{"A bee.", "It sat.", again, "A cat.", "It slept."}},
		{[]string{" gun. Oh.", " cat. It slept."}, []string{"A cat.", "It slept."}},
		{[]string{" gun.", " bee. A gun.", " gun.", " gun."}, []string{"A bee.", again}},
	} {
		model := testmodel.Models()[0]
		path, tokenizerPath, err := model.Files(t.TempDir())
		if err != nil {
			t.Fatal(err, path)
		}
		tokenizer, err := llama.OpenTokenizer(tokenizerPath, model.Config.VocabSize)
		if err != nil {
			t.Fatal(err)
		}
		list, _ := avoid.Parse("gun")
		config := model.Config
		config.SeqLen = 1 << 10
		teller := story.NewTeller(&parrot{config: config, texts: test.texts}, tokenizer)
		teller.Avoid(list)
		v := &fakeVoice{}
		s := Speaker{Voice: v, Params: voice.Normal(), Sink: new(Nowhere), Log: func(l string) { t.Errorf("line %q", l) }}
		told, err := teller.Tell(t.Context(), story.Request{Prompt: "A", Seed: 1, Temperature: 1})
		if err != nil {
			t.Fatal(err)
		}
		r := s.Story(t.Context(), told)
		if !slices.Equal(v.said, test.want) || !r.Complete {
			t.Errorf("%q: said %q, complete: %v; want %q", test.texts, v.said, r.Complete, test.want)
		}
	}
}

// A story at bedtime becomes slower and quieter, in steps of a paragraph or four sentences.
func TestBedtime(t *testing.T) {
	var d dusk
	last := voice.Params{Rate: 0.95, Pitch: 1, Volume: 1.5}
	for n, text := range []string{"A. ", "B. ", "C. ", "D. ", "E.\n\n", "F. ", "G. ", "H. ", "I. ", "J"} {
		p := d.params(voice.Params{Rate: 0.95, Pitch: 1, Volume: 1.5})
		d.spoken(text)
		if step := n == 4 || n == 5 || n == 9; n > 0 && (step != (p.Rate < last.Rate && p.Volume < last.Volume)) || p.Rate > 0.9 || p.Pitch != 1 || p.Check() != nil {
			t.Errorf("sentence %d is read at %+v, the one before at %+v", n, p, last)
		}
		last = p
	}
	for range 1000 {
		d.spoken("x.\n")
	}
	if p := d.params(voice.Normal()); p.Rate != slowest || p.Volume != quietest {
		t.Errorf("in the end it is read at %+v", p)
	}
	if p := d.params(voice.Params{Rate: 0.5, Pitch: 1, Volume: 1}); p.Rate != 0.5 {
		t.Errorf("a slow voice is read at %+v; want it no faster", p)
	}
}
