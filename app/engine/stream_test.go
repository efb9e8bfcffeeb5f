package engine_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"duostoryteller/app/engine"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
	"duostoryteller/tests/testmodel"
)

// TestStreamFails: a card that fails in mid-story is one clear line, a stop ends the
// story between two pieces, and after both the same engine tells the next story right.
func TestStreamFails(t *testing.T) {
	t.Run("exact", func(t *testing.T) { streamFails(t, engine.Options{Stream: true}, "layer 2") })
	t.Run("fast", func(t *testing.T) { streamFails(t, engine.Options{Fast: true, Stream: true}, "draft 2") })
}

func streamFails(t *testing.T, o engine.Options, section string) {
	m := testmodel.Models()[1]
	path, tokenizer := ownModel(t, m)
	tok := openTokenizer(t, tokenizer, m.Config.VocabSize)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sections, err := packed.Sections(f)
	if err != nil {
		t.Fatal(err)
	}
	flip := func() {
		t.Helper()
		for _, s := range sections {
			if s.Name == section {
				b := make([]byte, 1)
				if _, err := f.ReadAt(b, s.Offset+s.Length-1); err != nil {
					t.Fatal(err)
				}
				b[0] ^= 0x40
				if _, err := f.WriteAt(b, s.Offset+s.Length-1); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
		t.Fatal("the packed checkpoint has no " + section)
	}
	e, err := engine.Open(path, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	prompt := tok.Encode("once", true, false)
	story := func(ctx context.Context, after int, then func()) (tokens []int, err error) {
		e.Until(ctx)
		_, err = llama.Generate(e, tok, llama.NewSampler(m.Config.VocabSize, 1, 0.9, 6), prompt, 0, func(token int, _ []byte) error {
			if tokens = append(tokens, token); len(tokens) == after {
				then()
			}
			return nil
		})
		return tokens, err
	}
	all, err := story(t.Context(), 0, nil)
	if err != nil || len(all) < 60 {
		t.Fatalf("%d tokens, %v; want a story long enough", len(all), err)
	}
	some, err := story(t.Context(), 20, flip)
	if err == nil || !strings.Contains(err.Error(), `section "`+section+`" is damaged`) || strings.Contains(err.Error(), "\n") || len(some) < 20 || len(some) >= len(all) {
		t.Errorf("damaged after 20 tokens: %d tokens, %v; want those that were decided, and a line", len(some), err)
	}
	flip()
	ctx, stop := context.WithCancel(t.Context())
	some, err = story(ctx, 20, stop)
	if !errors.Is(err, context.Canceled) || len(some) < 20 || len(some) >= len(all) {
		t.Errorf("stopped after 20 tokens: %d tokens, %v", len(some), err)
	}
	if again, err := story(t.Context(), 0, nil); err != nil || len(again) != len(all) {
		t.Errorf("the next story has %d tokens, %v; want %d", len(again), err, len(all))
	}
}
