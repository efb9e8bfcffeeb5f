package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"duostoryteller/imagebuilder/flash"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func flashCommand() *cobra.Command {
	var yes, file bool
	cmd := &cobra.Command{
		Use:     "flash DEVICE [IMAGE]",
		GroupID: groupUse,
		Short:   "Write the image to a card and check it",
		Long: `Flash writes a card image (out/storyteller.img unless told otherwise) to a card
in a reader, reads it back from the card and compares. Everything on the card is
lost.

It takes SD cards and removable or USB disks only, and none that is mounted, in
use, write-protected or too small. It shows what the device is and asks once.

Only the bytes that matter are written: not the FAT partition's free clusters,
nor what lies behind the root file system's end.`,
		Example: `  lsblk -o NAME,SIZE,VENDOR,MODEL
  sudo imagebuilder flash /dev/sdX
  sudo imagebuilder flash --yes /dev/mmcblk0 out/storyteller.img`,
		Args: usageArgs(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "out/storyteller.img"
			if len(args) > 1 {
				name = args[1]
			}
			image, err := os.Open(name)
			if err != nil {
				return fmt.Errorf("no card image (`imagebuilder build` makes one): %w", err)
			}
			defer image.Close()
			info, err := image.Stat()
			if err != nil {
				return err
			}
			device, err := flash.Find(args[0], file)
			if err != nil {
				return err
			}
			if err := device.Fits(info.Size()); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), device)
			if !yes {
				if err := confirm(cmd, "Everything on it will be lost. Write? (yes/no) "); err != nil {
					return err
				}
			}
			var report func(string, int64, int64)
			if progress := newProgress(cmd.ErrOrStderr()); progress != nil {
				report = progress.report
				defer progress.finish()
			}
			done, err := flash.Write(cmd.Context(), device, image, info.Size(), report)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s written and verified, %.1f MB (%.1f MB of it hold nothing)\n", args[0], name, float64(info.Size())/1e6, float64(done.Skipped)/1e6)
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&yes, "yes", "y", false, "do not ask")
	f.BoolVar(&file, "file", false, "take a regular file or a loop device that stands for a card")
	return cmd
}

// confirm asks a question at the terminal. Without a terminal nobody can answer.
func confirm(cmd *cobra.Command, question string) error {
	if f, ok := cmd.InOrStdin().(*os.File); ok && !term.IsTerminal(int(f.Fd())) {
		return usageError{errors.New("there is no terminal to ask at: --yes writes without asking")}
	}
	fmt.Fprint(cmd.OutOrStdout(), question)
	return answeredYes(cmd.Context(), cmd.InOrStdin())
}

// answeredYes reads one line, which must be "yes". It does not outlast ctx.
func answeredYes(ctx context.Context, r io.Reader) error {
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(r).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case a := <-answer:
		if a == "yes" || a == "y" {
			return nil
		}
	case <-ctx.Done():
	}
	return errors.New("nothing was written")
}
