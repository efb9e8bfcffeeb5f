package main

import (
	"io"
	"os"

	"duostoryteller/imagebuilder/timeline"

	"github.com/spf13/cobra"
)

func timelineCommand() *cobra.Command {
	var title string
	cmd := &cobra.Command{
		Use:     "timeline [TIMES.json]",
		GroupID: groupUse,
		Short:   "Draw how a story was told and read aloud",
		Long: `Timeline draws, as SVG on standard output, when each token of a story was there,
when each sentence was complete, when the voice gave its first sample and when
the loudspeaker had it. The times are those that 'storyteller tell --timing'
writes; on the board, 'cat /run/speech.json' shows those of the last story.
Without a file they are read from standard input.`,
		Example: `  storyteller tell --model stories15M.bin --speak --timing times.json
  imagebuilder timeline times.json > times.svg`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := cmd.InOrStdin()
			if len(args) == 1 {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = io.Reader(f)
			}
			report, err := timeline.Read(in)
			if err != nil {
				return err
			}
			return timeline.Draw(cmd.OutOrStdout(), title, report)
		},
	}
	cmd.Flags().StringVar(&title, "title", "A story, told and read aloud", "what stands above the picture")
	return cmd
}
