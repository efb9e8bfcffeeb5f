package cost

import (
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"duostoryteller/app/cost"
	"duostoryteller/app/engine"
	"duostoryteller/app/llama"
	"duostoryteller/imagebuilder/build"
	"duostoryteller/imagebuilder/models"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/packing"
	"duostoryteller/tests/testmodel"
)

// enginesFile has what a token takes of our engines, for the model of the board.
const enginesFile = "../../board/milkv-duo/engines.toml"

// officialTokens are those of the official run, from after the prompt to its end.
const officialTokens = 132

// TestEngines holds the engines to what engines.toml says that they take;
//
//	go test ./tests/cost -run TestEngines -update
//
// counts it anew.
func TestEngines(t *testing.T) {
	if testing.Short() {
		t.Skip("emulation takes a minute: not with -short")
	}
	c := newCounter(t)
	packed := packing.File(t, golden.Data(t, "standin15M.bin"), build.HotTokens)
	tokenizer := golden.Data(t, "tokenizer.bin")
	board, err := cost.ReadBoard("../../board/milkv-duo")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("passes", func(t *testing.T) { passes(t, packed, tokenizer) })
	for _, stated := range board.Engines {
		begin := time.Now()
		got := c.modelled(t, packed, tokenizer, stated.Name, officialTokens)
		figure := cost.Model(cost.Count{Name: stated.Name, Cycles: float64(got[1]), DRAM: float64(got[2])}, board.Assumed)
		t.Logf("%s: %d instructions, %d cycles, %d bytes a token (emulated); modelled %.1f ms; counted in %.0f s", stated.Name, got[0], got[1], got[2], figure.Total, time.Since(begin).Seconds())
		if *update {
			rewrite(t, stated.Name, got)
			continue
		}
		for i, want := range []float64{stated.Instructions, stated.Cycles, stated.DRAM} {
			what := []string{"instructions", "cycles", "dram_bytes"}[i]
			switch off := float64(got[i])/want - 1; {
			case off > tolerance:
				t.Errorf("%s: %s = %d; %s says %.0f, and a change must not make it dearer by more than %.0f %%", stated.Name, what, got[i], enginesFile, want, 100*tolerance)
			case off < -tolerance:
				t.Logf("%s: %s = %d; %s still says %.0f: write it anew with -update", stated.Name, what, got[i], enginesFile, want)
			}
		}
	}
}

// passes counts what a pass is worth that reads the layers from the card, in six stories
// at temperature 1 and top-p 0.9, and holds to it what is stated.
func passes(t *testing.T, packed, tokenizer string) {
	e, err := engine.Open(packed, engine.Options{Stream: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	tok, err := llama.OpenTokenizer(tokenizer, e.Config().VocabSize)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(6) {
		s := llama.NewSampler(e.Config().VocabSize, 1, 0.9, seed+1)
		if _, err := llama.Generate(e, tok, s, tok.Encode("Once upon a time", true, false), 200, func(int, []byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	n := e.Counters()
	tokens, guesses := float64(n.Sampled)/float64(n.Rounds), float64(n.Drafted)/float64(n.Rounds)
	t.Logf("a pass settles %.2f tokens by %.2f guesses", tokens, guesses)
	for what, is := range map[string][2]float64{"tokens": {tokens, models.TokensAPass}, "guesses": {guesses, models.GuessesAPass}} {
		if off := is[0]/is[1] - 1; off > tolerance || off < -tolerance {
			t.Errorf("a pass takes %.2f %s; package models says %.2f", is[0], what, is[1])
		}
	}
}

// rewrite puts an engine's counts into engines.toml.
func rewrite(t *testing.T, name string, counts [3]int64) {
	t.Helper()
	text, err := os.ReadFile(enginesFile)
	if err != nil {
		t.Fatal(err)
	}
	entry := regexp.MustCompile(`(?s)(name +)= "` + name + `"\n.*?(dram_bytes +)= [\d_]+\n`)
	if !entry.Match(text) {
		t.Fatalf("%s has no engine %q", enginesFile, name)
	}
	text = entry.ReplaceAll(text, fmt.Appendf(nil, "name         = %q\ninstructions = %d\ncycles       = %d\ndram_bytes   = %d\n", name, counts[0], counts[1], counts[2]))
	if err := os.WriteFile(enginesFile, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestModel holds the plugin's model to what must be: the weights of a model that
// is larger than the cache come into it for each pass, and no instruction takes
// less than a cycle on average.
func TestModel(t *testing.T) {
	if testing.Short() {
		t.Skip("emulation takes a minute: not with -short")
	}
	c := newCounter(t)
	checkpoint, tokenizer, err := testmodel.Models()[1].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	packed := packing.File(t, checkpoint, fewTokens)
	const tokens = 16
	exact := c.modelled(t, packed, tokenizer, "exact", tokens)
	fast := c.modelled(t, packed, tokenizer, "fast", tokens)
	plain := c.perToken(t, packed, tokenizer, "exact", tokens)
	if off := float64(exact[0])/float64(plain) - 1; off > 1e-3 || off < -1e-3 {
		t.Errorf("%d instructions with the model, %d without; want the same within one in 1,000", exact[0], plain)
	}
	if exact[1] < exact[0] {
		t.Errorf("%d cycles for %d instructions; want more", exact[1], exact[0])
	}
	if exact[2] < 64<<10 || exact[2] > 2*info.Size() {
		t.Errorf("%d bytes filled a token; want more than the cache holds, at most twice the model's %d", exact[2], info.Size())
	}
	if fast[2] >= exact[2] {
		t.Errorf("the fast engine fills %d bytes, the exact one %d; want fewer", fast[2], exact[2])
	}
	t.Logf("a token: exact %d, fast %d (instructions, cycles, bytes filled; emulated)", exact, fast)
}
