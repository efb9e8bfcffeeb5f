package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"duostoryteller/app/bandwidth"
	"duostoryteller/app/bench"
	"duostoryteller/app/llama"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// benchCommand measures how fast stories are told.
func benchCommand() *cobra.Command {
	var (
		model         modelFlags
		request       storyFlags
		options       = bench.Official()
		against       bench.Program
		asJSON        string
		againstModel  string
		againstTokens string
		memory        bool
	)
	cmd := &cobra.Command{
		Use:   "bench --model CHECKPOINT [flags]",
		Short: "Measure how fast stories are told",
		Long: `Bench tells one story over and over and prints tokens per second as run.c counts
them: from the end of the first position on, the prompt's positions included.
The fastest and the slowest run are left out. Unasked it makes the challenge's
official run, 30 times.

One more story, not timed, shows how much memory is left and what is read from
the card for each token.

--against takes a build of llama2.c's run.c, and runs it in turns with ours.

--memory tells no story. It measures what stories are made of: the clock, how
fast memory gets into the cache, how fast the card is read (the file --model, past
the page cache), and the arithmetic. What was measured on a board corrects the
model of its speed: imagebuilder model --measured.`,
		Example: `  storyteller bench --model stories15M.bin
  storyteller bench --model stories15M.bin --runs 5 --against ../llama2.c/run
  storyteller bench --memory --model model.packed --json memory.json`,
		GroupID: groupCheck,
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if options.Runs < 1 {
				return usageErrorf(cmd, "--runs %d: one or more", options.Runs)
			}
			options.Request = request.request()
			if against.Path != "" {
				against.Checkpoint, against.Tokenizer = cmp.Or(againstModel, model.model), cmp.Or(againstTokens, model.tokenizer)
				options.Against = &against
			}
			if !memory && model.engine != "plain" {
				prepare(cmd, model.model)
			}
			options.Open = func() (llama.Engine, *llama.Tokenizer, error) { return model.open(cmd) }
			options.Progress = counter(cmd.ErrOrStderr(), "run")
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			report, err := measure(ctx, options, memory, model.model)
			if err != nil {
				return err
			}
			if asJSON == "-" {
				return writeJSON(cmd.OutOrStdout(), report)
			}
			if asJSON != "" {
				if err := writeFile(asJSON, report); err != nil {
					return err
				}
			}
			return report.WriteTable(cmd.OutOrStdout())
		},
	}
	model.add(cmd)
	request.add(cmd, options.Request)
	flags := cmd.Flags()
	flags.IntVar(&options.Runs, "runs", options.Runs, "how many stories")
	flags.BoolVar(&options.NextSeed, "next-seed", false, "take the next seed for each run: other stories, not one again and again")
	flags.StringVar(&against.Path, "against", "", "a build of llama2.c's run.c to compare with")
	flags.StringVar(&againstModel, "against-model", "", "that program's checkpoint, if ours is packed")
	flags.StringVar(&againstTokens, "against-tokenizer", "", "that program's tokenizer")
	flags.BoolVar(&memory, "memory", false, "measure clock, memory, card and arithmetic instead of stories")
	flags.StringVar(&asJSON, "json", "", "write the report into this file too; - for standard output alone")
	return cmd
}

// measure measures stories or, without telling any, memory.
func measure(ctx context.Context, o bench.Options, memory bool, card string) (table, error) {
	if memory {
		return bandwidth.Measure(ctx, bandwidth.Options{File: card, Progress: o.Progress})
	}
	return bench.Measure(ctx, o)
}

// counter shows on a terminal how many of a number of things are done; off a
// terminal it is nil.
func counter(w io.Writer, what string) func(done, total int) {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func(done, total int) {
		if done == total {
			fmt.Fprint(w, "\r\x1b[K")
			return
		}
		fmt.Fprintf(w, "\r%s %d of %d", what, done+1, total)
	}
}
