package main

import (
	"fmt"
	"os"
	"path/filepath"

	"duostoryteller/imagebuilder/cachedir"
	"duostoryteller/imagebuilder/debian"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func debianCommand() *cobra.Command {
	var suite debian.Suite
	var into, cache string
	cmd := &cobra.Command{
		Use:     "debian PACKAGE...",
		GroupID: groupMake,
		Short:   "Unpack packages of any Debian suite and architecture",
		Long: `Debian fetches binary packages through an apt of its own, verified against
Debian's signed lists, and unpacks them into a folder. The host's apt and
packages stay as they are. Dependencies are not followed. A PACKAGE may name its
version: name=version. What was unpacked is listed, one package a line.`,
		Example: "  imagebuilder debian --suite bullseye --arch amd64 --into out/qemu52 qemu-user-static",
		Args:    usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cache == "" {
				dir, err := cachedir.Dir()
				if err != nil {
					return err
				}
				cache = dir
			}
			if term.IsTerminal(int(os.Stderr.Fd())) {
				suite.Progress = os.Stderr
			}
			suite.Log = cmd.ErrOrStderr()
			a, err := debian.Open(cmd.Context(), filepath.Join(cache, "debian"), suite)
			if err != nil {
				return err
			}
			if a.Stale != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "imagebuilder: going by the lists of an earlier day:", a.Stale)
			}
			pkgs, err := a.Download(cmd.Context(), args...)
			if err != nil {
				return err
			}
			for _, p := range pkgs {
				if err := debian.Extract(cmd.Context(), p.Path, into); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s sha256:%s\n", p.Name, p.Version, p.Arch, p.SHA256)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&suite.Name, "suite", "stable", "Debian suite, e.g. bullseye, trixie-backports")
	f.StringVar(&suite.Arch, "arch", "riscv64", "Debian architecture")
	f.StringVar(&suite.Mirror, "debian-mirror", "", "Debian mirror (default: the one in this machine's apt sources)")
	f.StringVar(&into, "into", ".", "folder to unpack into")
	f.StringVar(&cache, "cache", "", "the builder's cache (default $STORYTELLER_CACHE, else duo-storyteller in the user's cache)")
	return cmd
}
