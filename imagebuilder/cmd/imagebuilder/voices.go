package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"duostoryteller/app/voice/child"
	"duostoryteller/imagebuilder/voices"

	"github.com/spf13/cobra"
)

// voicesCommand compiles the voice programs for this machine.
func voicesCommand() *cobra.Command {
	var cc, card string
	var without []string
	cmd := &cobra.Command{
		Use:     "voices DIR",
		GroupID: groupUse,
		Short:   "Build the voices for this machine",
		Long: `Voices compiles the voice programs for the machine it runs on, so that the
storyteller speaks there too. The card's own come with 'build'.

They need the packages flite1-dev, libespeak-ng-dev and libsonic-dev; a voice
whose package is missing is left out, with a line that says so.

With --card they are for another machine, the compiler's: DIR gets all of them, the
recogniser too, with the data that they read, laid out as on a card. That is what
Buildroot's package storyteller-voices does.`,
		Example: "  imagebuilder voices out/voices\n  STORYTELLER_VOICES=out/voices storyteller speak Hello",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("cannot make %s: %w", dir, err)
			}
			if card != "" {
				return voices.ForCard(cmd.Context(), cc, card, dir, without)
			}
			if without != nil {
				return usageError{errors.New("--without goes with --card: without it, what is missing is left out")}
			}
			var failed error
			built := 0
			for _, p := range child.Programs() {
				path, err := p.BuildNative(cmd.Context(), cc, dir)
				if err != nil {
					fmt.Fprintln(cmd.ErrOrStderr(), "imagebuilder:", err)
					failed = err
					continue
				}
				built++
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			if built == 0 {
				return failed
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&cc, "cc", "cc", "the C compiler, options may follow")
	cmd.Flags().StringVar(&card, "card", "", "lay out for a card; the folder is that of the compiler's libraries, and has the data in usr/share")
	cmd.Flags().StringSliceVar(&without, "without", nil, "with --card: leave this program out, e.g. voice-espeak")
	return cmd
}
