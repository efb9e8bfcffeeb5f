package engine_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"duostoryteller/app/arith"
	"duostoryteller/app/engine"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
	"duostoryteller/app/verify"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/packing"
	"duostoryteller/tests/testmodel"
)

// tell is the text of a case as run.c prints it, without the last newline.
func tell(t testing.TB, e llama.Engine, tok *llama.Tokenizer, c golden.Case) string {
	t.Helper()
	temperature, topp := max(c.Temperature, 0), c.TopP
	if topp < 0 || topp > 1 {
		topp = 0.9
	}
	s := llama.NewSampler(e.Config().VocabSize, float32(temperature), float32(topp), uint64(c.Seed))
	var text []byte
	_, err := llama.Generate(e, tok, s, tok.Encode(c.Prompt, true, false), c.Steps, func(_ int, piece []byte) error {
		if llama.Printable(piece) {
			text = append(text, piece...)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	return string(text)
}

func want(t testing.TB, c golden.Case) string {
	t.Helper()
	text, err := hex.DecodeString(c.TextHex)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func compare(t *testing.T, e llama.Engine, tok *llama.Tokenizer, c golden.Case) {
	t.Helper()
	if got, want := tell(t, e, tok, c), want(t, c); got != want {
		t.Errorf("%s: the exact engine tells %q; want %q", c, got, want)
	}
}

// ownModel is one of the repository's models, packed into a file.
func ownModel(t testing.TB, m testmodel.Model) (path, tokenizer string) {
	t.Helper()
	checkpoint, tokenizer, err := m.Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return packing.File(t, checkpoint, 100), tokenizer
}

// ownCheckpoint is one of the repository's models, open until the test ends.
func ownCheckpoint(t testing.TB, m testmodel.Model) (c *llama.Checkpoint, path, tokenizer string) {
	t.Helper()
	path, tokenizer, err := m.Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if c, err = llama.OpenCheckpoint(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, path, tokenizer
}

func openTokenizer(t testing.TB, path string, vocab int) *llama.Tokenizer {
	t.Helper()
	tok, err := llama.OpenTokenizer(path, vocab)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// ownCases are run.c's stories with the repository's own models, in both arithmetics.
func ownCases(t *testing.T) (cases []golden.Case) {
	t.Helper()
	for _, file := range []string{"golden.jsonl", "golden-riscv64-ofast.jsonl"} {
		some, err := golden.Read("../../tests/testmodel/" + file)
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, some...)
	}
	return cases
}

// picker returns what picks every so many of the cases; with -short, under which the
// race detector makes a long story take half a minute, a short one, each time another.
func picker() func(cases []golden.Case, every int) []golden.Case {
	picked := 0
	return func(cases []golden.Case, every int) (some []golden.Case) {
		switch {
		case *all || len(cases) == 0:
			return cases
		case testing.Short():
			picked++
			brief := slices.DeleteFunc(slices.Clone(cases), func(c golden.Case) bool { return c.Steps == 0 || c.Steps > 40 })
			return brief[picked%len(brief):][:1]
		}
		for at := 0; at < len(cases); at += every {
			some = append(some, cases[at])
		}
		return some
	}
}

// TestGolden tells run.c's stories with the repository's own models, with every
// implementation of the arithmetic and several numbers of positions at a time.
func TestGolden(t *testing.T) {
	cases, pick := ownCases(t), picker()
	for _, m := range testmodel.Models() {
		path, tokenizer := ownModel(t, m)
		tok := openTokenizer(t, tokenizer, m.Config.VocabSize)
		for i, set := range arith.All() {
			for _, positions := range []int{1, 2, 6, 12} {
				if (i > 0 || m.Name == "bigvocab") && positions != 6 {
					continue
				}
				for _, a := range []llama.Arithmetic{llama.Strict, llama.RISCV64Ofast} {
					t.Run(fmt.Sprint(m.Name, "/", set.Name(), "/", positions, "/", a), func(t *testing.T) {
						p, err := packed.Open(path, packed.Exact, nil)
						if err != nil {
							t.Fatal(err)
						}
						e, err := engine.New(p, set, engine.Options{Positions: positions, Arithmetic: a})
						if err != nil {
							t.Fatal(err)
						}
						defer e.Close()
						mine := slices.DeleteFunc(verify.In(a, cases), func(c golden.Case) bool { return c.Model != m.Name })
						if len(mine) == 0 {
							t.Errorf("no golden case for %s", m.Name)
						}
						every := 1
						if m.Name == "bigvocab" { // that takes the longest
							every = 6
						}
						for _, c := range pick(mine, every) {
							compare(t, e, tok, c)
						}
					})
				}
			}
		}
	}
}

// TestStream tells run.c's stories with the layers read from the file for each pass.
func TestStream(t *testing.T) {
	cases, pick := ownCases(t), picker()
	for _, m := range testmodel.Models() {
		path, tokenizer := ownModel(t, m)
		tok := openTokenizer(t, tokenizer, m.Config.VocabSize)
		for _, a := range []llama.Arithmetic{llama.Strict, llama.RISCV64Ofast} {
			t.Run(fmt.Sprint(m.Name, "/", a), func(t *testing.T) {
				e, err := engine.Open(path, engine.Options{Arithmetic: a, Stream: true}, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer e.Close()
				mine := slices.DeleteFunc(verify.In(a, cases), func(c golden.Case) bool { return c.Model != m.Name })
				for _, c := range pick(mine, 6) {
					compare(t, e, tok, c)
				}
				n := e.Counters()
				if layers := 4 * int64(m.Config.Layers*(m.Config.Dim*(2*m.Config.Dim+2*m.Config.KVDim()+3*m.Config.HiddenDim))); n.BytesStreamed < n.Rounds*layers {
					t.Errorf("%d bytes in %d rounds; want the layers' %d in each", n.BytesStreamed, n.Rounds, layers)
				}
				t.Logf("%d tokens sampled in %d rounds, %d of %d guesses right", n.Sampled, n.Rounds, n.Accepted, n.Drafted)
			})
		}
	}
}

// TestPartial: the fast engine tells the same whether the layers of four bits are in
// memory or read from the file for each pass.
func TestPartial(t *testing.T) {
	cases, pick := ownCases(t), picker()
	for _, m := range testmodel.Models() {
		path, tokenizer := ownModel(t, m)
		tok := openTokenizer(t, tokenizer, m.Config.VocabSize)
		t.Run(m.Name, func(t *testing.T) {
			p, err := packed.Open(path, packed.Narrow, nil)
			if err != nil {
				t.Fatal(err)
			}
			set, err := arith.Select()
			if err != nil {
				t.Fatal(err)
			}
			inMemory, err := engine.New(p, set, engine.Options{Fast: true})
			if err != nil {
				t.Fatal(err)
			}
			defer inMemory.Close()
			e, err := engine.Open(path, engine.Options{Fast: true, Stream: true}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			mine := slices.DeleteFunc(verify.In(llama.Strict, cases), func(c golden.Case) bool { return c.Model != m.Name })
			for _, c := range pick(mine, 6) {
				if got, want := tell(t, e, tok, c), tell(t, inMemory, tok, c); got != want {
					t.Errorf("%s: %q; with the layers in memory %q", c, got, want)
				}
			}
			n := e.Counters()
			if layers := int64(m.Config.Layers*(m.Config.Dim*(2*m.Config.Dim+2*m.Config.KVDim()+3*m.Config.HiddenDim))) / 2; n.BytesStreamed < n.Drafted*layers || inMemory.Counters().BytesStreamed != 0 {
				t.Errorf("%d bytes for %d tokens; want the layers' %d for each, and none with the layers in memory", n.BytesStreamed, n.Drafted, layers)
			}
		})
	}
}

// TestRaw tells run.c's stories from checkpoints as they are, and with a packed form
// beside them, with every implementation of the arithmetic.
func TestRaw(t *testing.T) {
	cases, pick := ownCases(t), picker()
	for _, m := range testmodel.Models() {
		checkpoint, tokenizer, err := m.Files(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		form, _ := ownModel(t, m)
		tok := openTokenizer(t, tokenizer, m.Config.VocabSize)
		for i, set := range arith.All() {
			if i > 0 && m.Name == "bigvocab" {
				continue
			}
			t.Setenv("STORYTELLER_CPU", set.Name())
			for _, a := range []llama.Arithmetic{llama.Strict, llama.RISCV64Ofast} {
				for _, beside := range []string{"", form} {
					t.Run(fmt.Sprintf("%s/%s/%s/packed=%v", m.Name, set.Name(), a, beside != ""), func(t *testing.T) {
						e, err := engine.Open(checkpoint, engine.Options{Arithmetic: a, Packed: beside}, nil)
						if err != nil {
							t.Fatal(err)
						}
						defer e.Close()
						if e.Raw() != (beside == "") {
							t.Errorf("Raw() = %v", e.Raw())
						}
						mine := slices.DeleteFunc(verify.In(a, cases), func(c golden.Case) bool { return c.Model != m.Name })
						if len(mine) == 0 {
							t.Errorf("no golden case for %s", m.Name)
						}
						for _, c := range pick(mine, 6) {
							compare(t, e, tok, c)
						}
					})
				}
			}
		}
	}
}

// TestRemainder tells what the plain engine does where decisions take the remainder from
// the file, and stops where that is damaged.
func TestRemainder(t *testing.T) {
	models := testmodel.Models()
	m := models[slices.IndexFunc(models, func(m testmodel.Model) bool { return m.Name == "bigvocab" })] // not all its rows are hot
	c, _, tokenizer := ownCheckpoint(t, m)
	path, _ := ownModel(t, m)
	tok := openTokenizer(t, tokenizer, m.Config.VocabSize)
	story := func(seed int64) golden.Case {
		temperature, topp := 0.8, 1.0
		if seed%2 == 0 {
			temperature, topp = 1, 0.95
		}
		return golden.Case{Model: m.Name, Prompt: "the cat", Temperature: temperature, TopP: topp, Seed: seed, Steps: 40}
	}
	seeds := int64(4)
	if testing.Short() {
		seeds = 1
	}
	for _, o := range []engine.Options{{Arithmetic: llama.Strict}, {Arithmetic: llama.RISCV64Ofast}, {Stream: true}} {
		plain := llama.NewPlain(c, o.Arithmetic)
		e, err := engine.Open(path, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		for seed := range seeds {
			if got, want := tell(t, e, tok, story(seed+1)), tell(t, plain, tok, story(seed+1)); got != want {
				t.Errorf("%+v: %s: %q; want %q", o, story(seed+1), got, want)
			}
		}
		n := e.Counters()
		if n.Refined <= n.Fallbacks {
			t.Errorf("%+v: %d decisions took the remainder, and %d all rows nevertheless; want fewer", o, n.Refined, n.Fallbacks)
		}
		t.Logf("%+v: %d tokens, %d took the remainder, %d all rows", o, n.Sampled, n.Refined, n.Fallbacks)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[remainder(content).Offset] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(path, engine.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	at := story(1)
	s := llama.NewSampler(m.Config.VocabSize, float32(at.Temperature), float32(at.TopP), uint64(at.Seed))
	_, err = llama.Generate(e, tok, s, tok.Encode(at.Prompt, true, false), at.Steps, func(int, []byte) error { return nil })
	if err == nil || !strings.Contains(err.Error(), `section "remainder" is damaged`) {
		t.Errorf("a damaged remainder: %v; want it said", err)
	}
}

// TestOtherForm refuses the packed form of a checkpoint of another shape, and a damaged one.
func TestOtherForm(t *testing.T) {
	models := testmodel.Models()
	checkpoint, _, err := models[1].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other, _ := ownModel(t, models[0])
	if e, err := engine.Open(checkpoint, engine.Options{Packed: other}, nil); err == nil {
		e.Close()
		t.Error("another checkpoint's packed form was taken")
	}
	own, _ := ownModel(t, models[1])
	data, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	data[3*4096] ^= 1 // in a section that both engines keep
	if err := os.WriteFile(own, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if e, err := engine.Open(checkpoint, engine.Options{Packed: own}, nil); err == nil {
		e.Close()
		t.Error("a damaged packed form was taken")
	}
}

var all = flag.Bool("all", false, "tell every golden story of the trained models, not some")

// TestData tells run.c's stories with trained models.
func TestData(t *testing.T) {
	type suite struct {
		arithmetic  llama.Arithmetic
		dir, name   string
		oneInSoMany int
		form        func() string // nil: as it is
		alone       bool          // the packed form without the checkpoint, as on a board
	}
	var suites []suite
	for _, name := range []string{"tiny", "stories260K", "standin15M"} {
		form := sync.OnceValue(func() string { return packing.File(t, golden.Data(t, name+".bin"), engine.RawTokens) })
		for _, how := range []suite{{form: form}, {form: form, alone: true}, {}} {
			strict, fused := how, how
			strict.arithmetic, strict.dir, strict.name, strict.oneInSoMany = llama.Strict, "", name, 16
			fused.arithmetic, fused.dir, fused.name, fused.oneInSoMany = llama.RISCV64Ofast, llama.RISCV64Ofast.String(), name, 8
			suites = append(suites, strict, fused)
		}
	}
	for _, s := range suites {
		name := s.name
		t.Run(fmt.Sprint(name, "/", s.arithmetic, "/packed=", s.form != nil, "/alone=", s.alone), func(t *testing.T) {
			if testing.Short() && name == "standin15M" {
				t.Skip("the 15M shape takes minutes under the race detector")
			}
			t.Parallel()
			cases, err := golden.Read(golden.Data(t, filepath.Join("golden", s.dir, name+".jsonl")))
			if err != nil {
				t.Fatal(err)
			}
			o, path := engine.Options{Arithmetic: s.arithmetic}, golden.Data(t, name+".bin")
			switch {
			case s.alone:
				path = s.form()
			case s.form != nil:
				o.Packed = s.form()
			}
			e, err := engine.Open(path, o, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			tok := openTokenizer(t, golden.Data(t, cases[0].Tokenizer), e.Config().VocabSize)
			step := s.oneInSoMany
			if testing.Short() {
				step *= 4
			}
			for i, c := range cases {
				if *all || i%step == 0 {
					compare(t, e, tok, c)
				}
			}
			t.Logf("of %d cases, %+v", len(cases), e.Counters())
		})
	}
}

// TestPlain compares with the plain engine where there is no golden output.
func TestPlain(t *testing.T) {
	m := testmodel.Models()[0]
	c, checkpoint, tokenizer := ownCheckpoint(t, m)
	plain := llama.NewPlain(c, llama.Strict)
	e, err := engine.Open(checkpoint, engine.Options{Packed: packing.File(t, checkpoint, 100)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	tok := openTokenizer(t, tokenizer, m.Config.VocabSize)
	var once sync.Once
	seeds := int64(8)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		for _, temperature := range []float64{0.1, 0.7, 1, 2} {
			for _, topp := range []float64{0, 0.1, 0.5, 0.95, 0.999, 1} {
				c := golden.Case{Model: m.Name, Prompt: "the", Temperature: temperature, TopP: topp, Seed: seed + 1, Steps: 40}
				if got, want := tell(t, e, tok, c), tell(t, plain, tok, c); got != want {
					once.Do(func() { t.Errorf("%s: the exact engine tells %q, the plain one %q", c, got, want) })
				}
			}
		}
	}
}

// TestFast holds the fast engine to telling something of the right length, the
// same with any number of positions at a time.
func TestFast(t *testing.T) {
	m := testmodel.Models()[1]
	path, tokenizer := ownModel(t, m)
	tok := openTokenizer(t, tokenizer, m.Config.VocabSize)
	c := golden.Case{Model: m.Name, Prompt: "the cat", Temperature: 1, TopP: 0.9, Seed: 5, Steps: 60}
	var first string
	for i, positions := range []int{1, 6} {
		e, err := engine.Open(path, engine.Options{Fast: true, Positions: positions}, nil)
		if err != nil {
			t.Fatal(err)
		}
		text := tell(t, e, tok, c)
		if i == 0 {
			first = text
		}
		// The prompt's last position, which nobody guesses, is decided in any case.
		if n := e.Counters(); n.Fallbacks > 1 || n.Deepened > 1 {
			t.Errorf("fast, %d positions at a time: %d decisions took the whole classifier, %d looked at more rows; want the guess taken", positions, n.Fallbacks, n.Deepened)
		}
		if text != first || text == "" {
			t.Errorf("fast, %d positions at a time: %q; want %q", positions, text, first)
		}
		e.Close()
	}
}

// TestSampler: the caller's generator advances once a token, however many
// tokens are computed together.
func TestSampler(t *testing.T) {
	m := testmodel.Models()[0]
	path, _ := ownModel(t, m)
	e, err := engine.Open(path, engine.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s := llama.NewSampler(m.Config.VocabSize, 1, 0.9, 77)
	if err := e.Start([]int{llama.BOS, 300, 299}, s); err != nil {
		t.Fatal(err)
	}
	reference := *s
	for i := range 20 {
		if _, err := e.Next(); err != nil {
			t.Fatal(err)
		}
		if i >= 2 { // the prompt's tokens are not sampled
			reference.Coin()
		}
		if s.State != reference.State {
			t.Fatalf("after token %d the generator is at %d; want %d", i, s.State, reference.State)
		}
	}
}
