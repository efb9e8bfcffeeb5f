package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"duostoryteller/imagebuilder/compile"
	"duostoryteller/imagebuilder/release"
	"duostoryteller/imagebuilder/source"

	"github.com/spf13/cobra"
)

func releaseCommand() *cobra.Command {
	var o release.Options
	cmd := &cobra.Command{
		Use:     "release SYSTEM...",
		GroupID: groupMake,
		Short:   "Make the archives of the programs, one for each system",
		Long: `Release compiles storyteller and imagebuilder for each system, named like
linux/amd64, and puts them into an archive in out/release, a .zip for Windows and a
.tar.gz else, together with a readme, the licences of all that is compiled in, a
bill of materials (SPDX 2.3), checksums, completions for shells and manual pages.
SHA256SUMS beside the archives is of those that this run made.

All files have the commit's time, or SOURCE_DATE_EPOCH's. The same commit and
release of Go give the same bytes.`,
		Example: "  imagebuilder release linux/amd64 windows/arm64",
		Args:    usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, text := range args {
				system, err := compile.ParseSystem(text)
				if err != nil {
					return usageError{err}
				}
				o.Systems = append(o.Systems, system)
			}
			dir, err := repository()
			if err != nil {
				return err
			}
			o.Source, o.Commit = dir, source.Commit(cmd.Context(), dir)
			o.Out = cmp.Or(o.Out, filepath.Join(dir, "out", "release"))
			if o.Time, err = releaseTime(cmd.Context(), dir); err != nil {
				return err
			}
			if progress := newProgress(cmd.ErrOrStderr()); progress != nil {
				o.Progress = progress.steps
				defer progress.finish()
			}
			made, err := release.Write(cmd.Context(), o)
			for _, m := range made {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %.1f MB, licences of %d libraries, %s\n", m.Archive, float64(m.Bytes)/1e6, m.Modules, release.Tried(m.System))
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&o.Out, "output", "o", "", "folder for the archives (default out/release)")
	return cmd
}

// releaseTime is the commit's, unless SOURCE_DATE_EPOCH says another one. Sources
// without git have the time of a card's files.
func releaseTime(ctx context.Context, dir string) (time.Time, error) {
	if os.Getenv("SOURCE_DATE_EPOCH") == "" {
		if at, ok := source.Time(ctx, dir); ok {
			return at, nil
		}
	}
	return sourceDate()
}
