package main

import (
	"fmt"
	"runtime"
	"slices"

	"duostoryteller/imagebuilder/build"
	"duostoryteller/imagebuilder/debian"
	"duostoryteller/imagebuilder/inputs"

	"github.com/spf13/cobra"
)

func downloadCommand() *cobra.Command {
	var o build.Options
	var mirror string
	cmd := &cobra.Command{
		Use:     "download",
		GroupID: groupMake,
		Short:   "Fetch all that a build needs, so that it needs no network",
		Long: `Download brings into the cache what 'build' would download: the kernel's source
and Debian's packages as ` + inputs.File + ` names them, the vendor's
firmware, the checkpoint and the tokenizer. With the Go modules (go mod download) a
build then needs no network.

Without the checkpoint or the firmware a build goes on, so download only says what
cannot be had of these two; a locked input that cannot be had is an error.`,
		Example: `  imagebuilder download
  imagebuilder download --fip none --model builtin`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := places(&o); err != nil {
				return err
			}
			if err := firmwareFlags(&o); err != nil {
				return err
			}
			o.Log = cmd.ErrOrStderr()
			if progress := newProgress(cmd.ErrOrStderr()); progress != nil {
				o.Progress = progress.report
				defer progress.finish()
			}
			store, err := locked(o.Source, o.Cache, mirror, o.Progress, o.Log)
			if err != nil {
				return err
			}
			needs := slices.DeleteFunc(cardNeeds(), func(n inputs.Need) bool { // other machines' linkers
				return !slices.Contains([]string{"riscv64", "all", debian.Source, runtime.GOARCH}, n.Arch)
			})
			for _, n := range needs {
				if _, err := store.Packages(cmd.Context(), n.Suite, n.Arch, n.Name); err != nil {
					return err
				}
			}
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "kernel source and Debian packages: %d, all there\n", len(needs))
			lines, err := build.Download(cmd.Context(), o)
			for _, line := range lines {
				fmt.Fprintln(w, line)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Board, "board", "milkv-duo", "board to fetch for, a folder of board/")
	f.StringVar(&o.Model, "model", "", "a checkpoint that need not be fetched, or \"builtin\"")
	f.StringVar(&o.Tokenizer, "tokenizer", "", "a tokenizer that need not be fetched")
	f.StringVar(&o.FIP, "fip", "", "a fip.bin that need not be fetched, or \"none\"")
	f.StringVar(&o.Firmware, "firmware", "", "version of the official image, as for 'build'")
	f.StringVar(&mirror, "debian-mirror", "", "Debian mirror (default: this machine's)")
	return cmd
}
