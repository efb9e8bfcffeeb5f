package main

import (
	"errors"
	"fmt"
	"math"

	"duostoryteller/app/bench"
	"duostoryteller/app/engine"
	"duostoryteller/app/llama"
	"duostoryteller/app/story"

	"github.com/spf13/cobra"
)

// deltaCommand measures what the fast engine changes.
func deltaCommand() *cobra.Command {
	var (
		model   modelFlags
		request storyFlags
		stories = 1
	)
	cmd := &cobra.Command{
		Use:   "delta --model CHECKPOINT [flags]",
		Short: "Measure how far the fast engine is from the exact one",
		Long: `Delta tells stories with both engines, with one seed after the other, and prints
the first token that differs and the perplexity that each engine gives to the
exact engine's story: exp of the mean of -log p. Unasked it takes the challenge's
official story. It reads the whole classifier for every token: a PC's work.`,
		Example: `  storyteller delta --model stories15M.bin --stories 3`,
		GroupID: groupCheck,
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if stories < 1 {
				return usageErrorf(cmd, "--stories %d: one or more", stories)
			}
			var both [2]*engine.Engine
			var tokenizer *llama.Tokenizer
			for i, name := range []string{"exact", "fast"} {
				model.engine = name
				e, t, err := model.open(cmd)
				if err != nil {
					return err
				}
				defer e.Close()
				both[i], tokenizer = e.(*engine.Engine), t
			}
			return delta(cmd, both, tokenizer, request.request(), stories)
		},
	}
	cmd.Flags().StringVar(&model.model, "model", "", "the checkpoint, llama2.c's or packed (required)")
	cmd.Flags().StringVarP(&model.tokenizer, "tokenizer", "z", "tokenizer.bin", "the model's tokenizer")
	model.addArithmetic(cmd)
	request.add(cmd, bench.Official().Request)
	cmd.Flags().IntVar(&stories, "stories", stories, "how many, each with the next seed")
	return cmd
}

func delta(cmd *cobra.Command, both [2]*engine.Engine, tokenizer *llama.Tokenizer, r story.Request, stories int) error {
	out, count := cmd.OutOrStdout(), 0
	var logs [2]float64
	for range stories {
		var told [2][]int
		for i, e := range both {
			s := llama.NewSampler(e.Config().VocabSize, r.Temperature, r.TopP, r.Seed)
			prompt := tokenizer.Encode(r.Prompt, true, false)
			told[i] = append(told[i], llama.BOS)
			_, err := llama.Generate(e, tokenizer, s, prompt, r.Steps, func(token int, _ []byte) error {
				told[i] = append(told[i], token)
				return nil
			})
			if err != nil {
				return err
			}
		}
		at := 0
		for at < min(len(told[0]), len(told[1])) && told[0][at] == told[1][at] {
			at++
		}
		exact := told[0][:min(len(told[0]), both[0].Config().SeqLen)]
		if len(exact) < 2 {
			return errors.New("the story has no token to compare: give more --steps")
		}
		var perplexity [2]float64
		for i, e := range both {
			var err error
			if perplexity[i], err = e.Perplexity(exact); err != nil {
				return err
			}
			logs[i] += math.Log(perplexity[i]) * float64(len(exact)-1)
		}
		count += len(exact) - 1
		where := fmt.Sprintf("token %d differs", at)
		if at == len(told[0]) && at == len(told[1]) {
			where = "the same story"
		}
		fmt.Fprintf(out, "seed %d: %s, of %d; perplexity exact %.4f, fast %.4f\n", r.Seed, where, len(told[0]), perplexity[0], perplexity[1])
		r.Seed++
	}
	exact, fast := math.Exp(logs[0]/float64(count)), math.Exp(logs[1]/float64(count))
	_, err := fmt.Fprintf(out, "%d tokens: perplexity exact %.4f, fast %.4f (%+.2f %%)\n", count, exact, fast, 100*(fast/exact-1))
	return err
}
