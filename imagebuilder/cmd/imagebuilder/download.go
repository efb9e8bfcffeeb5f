package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"duostoryteller/imagebuilder/build"
	"duostoryteller/imagebuilder/debian"
	"duostoryteller/imagebuilder/inputs"
	"duostoryteller/imagebuilder/twin"

	"github.com/spf13/cobra"
)

// downloadNeeds is what a card, and the emulated board with its open firmware, are
// made from on this machine.
func downloadNeeds() []inputs.Need {
	return slices.DeleteFunc(slices.Concat(cardNeeds(), twin.Needs()), func(n inputs.Need) bool { // other machines' linkers
		return !slices.Contains([]string{"riscv64", "all", debian.Source, runtime.GOARCH}, n.Arch)
	})
}

func downloadCommand() *cobra.Command {
	var o build.Options
	var mirror string
	cmd := &cobra.Command{
		Use:     "download",
		GroupID: groupMake,
		Short:   "Fetch all that 'build' and 'run' need, so that they need no network",
		Long: `Download brings into the cache what 'build' and 'run' would download: the kernel's
source, the sources of the emulated board and its open firmware (QEMU, U-Boot, OpenSBI),
and Debian's packages, all as ` + inputs.File + ` names them; the vendor's
firmware, the checkpoint and the tokenizer. With the Go modules (go mod download)
both then need no network.

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
			needs := downloadNeeds()
			for _, n := range needs {
				if n.Arch == debian.Source {
					_, err = store.Source(cmd.Context(), n.Suite, n.Name)
				} else {
					_, err = store.Packages(cmd.Context(), n.Suite, n.Arch, n.Name)
				}
				if err != nil {
					return err
				}
			}
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "kernel, QEMU, U-Boot, OpenSBI and Debian's packages: %d, each there\n", len(needs))
			lines, missing, err := build.Download(cmd.Context(), o)
			for _, line := range lines {
				fmt.Fprintln(w, line)
			}
			switch {
			case err != nil:
				return err
			case missing != nil:
				fmt.Fprintf(w, "missing: %s; a build does without\n", strings.Join(missing, " and "))
			default:
				fmt.Fprintln(w, "all is there: 'build' and 'run' need no network")
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Board, "board", "milkv-duo", "board to fetch for, a folder of board/")
	f.StringArrayVar(&o.MoreModels, "more-model", nil, "a further one for the card; with a tokenizer of its own CHECKPOINT,TOKENIZER; once for each")
	f.StringVar(&o.Model, "model", "", "a checkpoint that need not be fetched, or \"builtin\"")
	f.StringVar(&o.ModelSHA256, "model-sha256", "", "what the checkpoint's SHA-256 must be")
	f.StringVar(&o.Tokenizer, "tokenizer", "", "a tokenizer that need not be fetched")
	f.StringVar(&o.FIP, "fip", "", "a fip.bin that need not be fetched, or \"none\"")
	f.StringVar(&o.Firmware, "firmware", "", "version of the official image, as for 'build'")
	f.StringVar(&mirror, "debian-mirror", "", "Debian mirror (default: this machine's)")
	return cmd
}
