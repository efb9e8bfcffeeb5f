package main

import (
	"fmt"

	"duostoryteller/imagebuilder/build"

	"github.com/spf13/cobra"
)

func fetchCommand() *cobra.Command {
	var o build.Options
	cmd := &cobra.Command{
		Use:     "fetch",
		GroupID: groupMake,
		Short:   "Find or download the checkpoint and the tokenizer",
		Long: `Fetch prints the paths of the checkpoint and the tokenizer that 'build' would
take: from the folder that DUO_DATA names, from the cache, or from a download,
checked by size and SHA-256 and kept in the cache. A download that was cut off
goes on where it ended. Where they cannot be had, it prints those of the small
model that is built in, and says so on standard error.`,
		Example: "  imagebuilder fetch\n  imagebuilder fetch --model builtin",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := places(&o); err != nil {
				return err
			}
			o.Log = cmd.ErrOrStderr()
			if progress := newProgress(cmd.ErrOrStderr()); progress != nil {
				o.Progress = progress.report
				defer progress.finish()
			}
			m, err := build.FindModel(cmd.Context(), o)
			if err != nil {
				return err
			}
			if m.Note != "" {
				fmt.Fprint(cmd.ErrOrStderr(), m.Note)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s\n", m.Checkpoint, m.Tokenizer)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Board, "board", "milkv-duo", "board whose files to fetch, a folder of board/")
	f.StringVar(&o.Model, "model", "", "another checkpoint, or \"builtin\" for the small one that is built in")
	f.StringVar(&o.ModelSHA256, "model-sha256", "", "what the checkpoint's SHA-256 must be")
	f.StringVar(&o.Tokenizer, "tokenizer", "", "another tokenizer")
	f.BoolVar(&o.RequireModel, "require-model", false, "fail where the board's own checkpoint cannot be had")
	return cmd
}
