package main

import (
	"context"
	"fmt"
	"path/filepath"

	"duostoryteller/imagebuilder/cachedir"
	"duostoryteller/imagebuilder/firmware"
	"duostoryteller/imagebuilder/twin"

	"github.com/spf13/cobra"
)

// twinCommand builds what the emulated board consists of.
func twinCommand() *cobra.Command {
	var boards, boardName, mirror string
	cmd := &cobra.Command{
		Use:     "twin",
		GroupID: groupUse,
		Short:   "Build the emulated board",
		Long: `Twin builds QEMU with the board as a machine, and an open firmware for it, from
Debian's sources, and prints where they are. 'run' does so by itself; this is for
whoever wants to wait for it now: some ten minutes, once.`,
		Example: "  imagebuilder twin",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			cache, err := cachedir.Dir()
			if err != nil {
				return err
			}
			o, err := twinOptions(cmd, boards, boardName, cache, mirror)
			if err != nil {
				return err
			}
			q, err := twin.BuildQEMU(cmd.Context(), o)
			if err != nil {
				return err
			}
			f, err := twin.OpenFirmware(cmd.Context(), o)
			if err != nil {
				return err
			}
			for _, name := range []string{q.Program, f.Monitor, f.Loader, f.Tree} {
				fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&boardName, "board", "milkv-duo", "board whose folder has emulator/")
	f.StringVar(&boards, "boards", "board", "folder of the board descriptions")
	f.StringVar(&mirror, "debian-mirror", "", "mirror of the Debian archive (default the host's own)")
	return cmd
}

// twinOptions are those of a build that shows its progress on a terminal.
func twinOptions(cmd *cobra.Command, boards, board, cache, mirror string) (twin.Options, error) {
	o := twin.Options{Board: filepath.Join(boards, board), CacheDir: cache, Log: cmd.ErrOrStderr()}
	var download func(string, int64, int64)
	if p := newProgress(cmd.ErrOrStderr()); p != nil {
		download = func(what string, done, total int64) {
			if p.report(what, done, total); done == total {
				p.finish()
			}
		}
		o.Progress = func(what string, done, of int) { download(what, int64(done), int64(of)) }
	}
	var err error
	o.Locked, err = locked(filepath.Dir(boards), cache, mirror, download, cmd.ErrOrStderr())
	return o, err
}

// twinFirmware returns the vendor's firmware out of fip, which is a fip.bin or a
// card image, or, where fip is "", the open one.
func twinFirmware(ctx context.Context, o twin.Options, fip string) (*twin.Firmware, error) {
	if fip == "" {
		return twin.OpenFirmware(ctx, o)
	}
	data, _, err := firmware.Load(fip)
	if err != nil {
		return nil, err
	}
	return twin.VendorFirmware(o.CacheDir, data)
}
