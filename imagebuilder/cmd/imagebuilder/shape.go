package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"duostoryteller/app/cost"
	"duostoryteller/app/llama"
	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/models"
)

// parseShape returns the shape of a checkpoint, of a known model, or that is spelt out.
func parseShape(text string) (llama.Config, error) {
	if _, err := os.Stat(text); err == nil {
		c, err := llama.OpenCheckpoint(text)
		if err != nil {
			return llama.Config{}, err
		}
		return c.Config, c.Close()
	}
	if known, ok := models.Find(text); ok {
		return known.Shape, nil
	}
	fields := strings.Split(text, ",")
	var n [7]int
	if len(fields) != len(n) {
		return llama.Config{}, usageError{fmt.Errorf("--shape %s is no checkpoint, none of stories15M, stories42M, stories110M, and not the 7 numbers of a checkpoint's header", text)}
	}
	for i, f := range fields {
		var err error
		if n[i], err = strconv.Atoi(strings.TrimSpace(f)); err != nil {
			return llama.Config{}, usageError{fmt.Errorf("--shape: %q is not a number", f)}
		}
	}
	c := llama.Config{Dim: n[0], HiddenDim: n[1], Layers: n[2], Heads: n[3], KVHeads: n[4], VocabSize: n[5], SeqLen: n[6], SharedClassifier: true}
	if c.VocabSize < 0 { // as in the legacy header
		c.VocabSize, c.SharedClassifier = -c.VocabSize, false
	}
	return c, c.Validate()
}

// printPlans prints what each engine will do with a model of that shape.
func printPlans(out io.Writer, b *board.Board, known cost.Board, text string, asJSON bool) error {
	c, err := parseShape(text)
	if err != nil {
		return err
	}
	plans, err := models.Plans(b, known, c)
	if err != nil {
		return err
	}
	if asJSON {
		text, err := json.MarshalIndent(plans, "", "  ")
		fmt.Fprintf(out, "%s\n", text)
		return err
	}
	fmt.Fprintf(out, "dim %d, hidden %d, %d layers, %d heads, %d key/value heads, %d tokens, context %d: a checkpoint of %.1f MB\n\n",
		c.Dim, c.HiddenDim, c.Layers, c.Heads, c.KVHeads, c.VocabSize, c.SeqLen, float64(c.FileSize())/1e6)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "Engine\tweights\thot rows\tKV cache\tsum, MB\tMB a token\ttokens/s\t"+b.Title)
	mb := func(n int64) string { return fmt.Sprintf("%.1f", float64(n)/1e6) }
	for _, p := range plans {
		fits, name := "fits", p.Engine
		switch {
		case !p.Fits:
			fits = "too large"
		case p.Context < c.SeqLen:
			fits = fmt.Sprintf("fits with a context of %d", p.Context)
		}
		if p.Streamed {
			name += ", from the card"
		}
		if p.Narrow {
			name += ", 4 bits"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%.1f to %.1f\t%.1f to %.1f\t%s: %s MB for it\n", name, mb(p.Memory.Weights), mb(p.Memory.HotRows), mb(p.Memory.KVCache), mb(p.Memory.Total()),
			p.Bytes[0]/1e6, p.Bytes[1]/1e6, p.Speed[0], p.Speed[1], fits, mb(p.Free))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, `
Memory is what the engines take on the board. MB and tokens a second are modelled: what was
counted for stories15M's shape (engines.toml), grown as the layers and as the classifier have
grown, by conservative and by the best memory. They hold for a model that is wholly in memory.
`)
	for _, p := range plans {
		if p.Narrow {
			fmt.Fprintln(out, `
"4 bits": there is no memory for the layers of 7 bits a weight that the fast engine takes where
4 bits would cost more than a hundredth of the model's loss.`)
		}
		switch {
		case p.Streamed && p.Narrow:
			fmt.Fprintf(out, `
"From the card": the fast engine reads the layers that memory has no room for from the card for
each token, %.1f MB at %.1f MB/s; the prompt's tokens take one pass together.
`, p.Card/1e6, known.Assumed.Card/1e6)
		case p.Streamed:
			fmt.Fprintf(out, `
"From the card": the exact engine keeps its 4-bit draft in memory alone and reads the float32
layers from the card for each pass, which settles %.1f tokens by %.1f guesses: counted with a
trained stand-in at temperature 1. That is %.1f MB a token from the card.
`, models.TokensAPass, models.GuessesAPass, p.Card/1e6)
		}
	}
	return models.Refuse(b, "this model", c)
}
