package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/cardmodels"
	"duostoryteller/app/engine"
	"duostoryteller/app/llama"
	"duostoryteller/app/story"
	"duostoryteller/tests/testmodel"
)

// shelf is a folder with a model of another vocabulary and one that is damaged, beside a
// model that tells by itself.
func shelf(t *testing.T) (own modelFlags, dir string, notes *[]string, note func(string)) {
	t.Helper()
	checkpoint, vocabulary, err := testmodel.Models()[1].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.MkdirAll(filepath.Join(dir, "damaged"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "damaged", cardmodels.Packed), []byte("DUOSTORY"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(other, 0o755); err != nil {
		t.Fatal(err)
	}
	c, v, err := testmodel.Models()[0].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{c: cardmodels.Packed, v: cardmodels.Tokenizer} {
		if err := os.Rename(from, filepath.Join(other, to)); err != nil {
			t.Fatal(err)
		}
	}
	notes = new([]string)
	return modelFlags{model: checkpoint, tokenizer: vocabulary, engine: defaultEngine}, dir, notes, func(line string) { *notes = append(*notes, line) }
}

// TestChoices: each engine of each model that can be told from is offered, one is in
// memory at a time, and each tells what it tells alone.
func TestChoices(t *testing.T) {
	own, dir, notes, note := shelf(t)
	models, err := own.models(dir, "other")
	if err != nil || models[0].Name != "other" || len(models) != 3 {
		t.Fatalf("models = %v, %v; want other first, of 3", models, err)
	}
	models, opened, tokenizer, err := own.openFirst(serveCommand(), models, note)
	if err != nil {
		t.Fatal(err)
	}
	inMemory := &slot{name: "other/exact", engine: opened, note: note}
	defer inMemory.close()
	choices := own.choices(models, opened, tokenizer, inMemory)
	var got []string
	for _, c := range choices {
		got = append(got, c.name)
	}
	if want := []string{"other/exact", "other/fast", "exact", "fast"}; !slices.Equal(got, want) {
		t.Errorf("choices = %q; want %q", got, want)
	}
	if len(*notes) != 1 || !strings.Contains((*notes)[0], "the model damaged is not offered: ") {
		t.Errorf("notes = %q; want one about the damaged model", *notes)
	}
	text := func(e llama.Engine, tokenizer *llama.Tokenizer) string {
		s, err := story.NewTeller(e, tokenizer).Tell(t.Context(), story.Request{Seed: 3, Temperature: 1, TopP: 0.9, Steps: 12})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for r := s.Reader(); ; {
			switch e, err := r.Next(t.Context()); e := e.(type) {
			case story.Piece:
				b.Write(e.Text)
			case story.End:
				if e.Err != nil {
					t.Fatal(e.Err)
				}
				return b.String()
			default:
				t.Fatal(err)
			}
		}
	}
	for _, c := range choices {
		if c.engine != "exact" {
			continue
		}
		e, err := engine.Open(c.model, engine.Options{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := text(e, c.tokenizer)
		e.Close()
		if got := text(c, c.tokenizer); got != want || got == "" {
			t.Errorf("%s tells %q; want %q", c.name, got, want)
		}
		if inMemory.name != c.name {
			t.Errorf("in memory is %s; want %s", inMemory.name, c.name)
		}
	}
}

// TestChooseWrong: what cannot be chosen is said in a line, and the card's own model tells.
func TestChooseWrong(t *testing.T) {
	own, dir, notes, note := shelf(t)
	name := cardmodels.NameOf(own.model)
	models, err := own.models(dir, "elsewhere")
	if want := `there is no model "elsewhere" here, but ` + name + ", damaged, other; using " + name; err == nil || err.Error() != want || models[0].Name != name {
		t.Errorf("models = %v, %v; want %s", models, err, want)
	}
	if models, err = own.models(dir, "damaged"); err != nil {
		t.Fatal(err)
	}
	models, opened, _, err := own.openFirst(serveCommand(), models, note)
	if err != nil {
		t.Fatal(err)
	}
	opened.Close()
	if len(*notes) != 1 || !strings.Contains((*notes)[0], "; using "+name) || models[0].Name != name {
		t.Errorf("of a damaged model: %v, notes %q; want the own one, and why", models, *notes)
	}
}
