package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"duostoryteller/imagebuilder/flash"

	"github.com/spf13/cobra"
	"github.com/ulikunitz/xz"
	"golang.org/x/term"
)

func flashCommand() *cobra.Command {
	var yes, file bool
	cmd := &cobra.Command{
		Use:     "flash DEVICE [IMAGE]",
		GroupID: groupUse,
		Short:   "Write the image to a card and check it",
		Long: `Flash writes a card image (out/storyteller.img unless told otherwise; one that is
compressed, .xz, as it is downloaded, is unpacked meanwhile) to a card in a reader, reads it back from the card and compares. Everything on the card is
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
			var report func(string, int64, int64)
			if progress := newProgress(cmd.ErrOrStderr()); progress != nil {
				report = progress.report
				defer progress.finish()
			}
			device, err := flash.Find(args[0], file)
			if err != nil {
				return err
			}
			image, size, err := openImage(cmd.Context(), name, device.Size, report)
			if err != nil {
				return err
			}
			defer image.Close()
			if err := device.Fits(size); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), device)
			if !yes {
				if err := confirm(cmd, "Everything on it will be lost. Write? (yes/no) "); err != nil {
					return err
				}
			}
			done, err := flash.Write(cmd.Context(), device, image, size, report)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s written and verified, %.1f MB (%.1f MB of it hold nothing)\n", args[0], name, float64(size)/1e6, float64(done.Skipped)/1e6)
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&yes, "yes", "y", false, "do not ask")
	f.BoolVar(&file, "file", false, "take a regular file or a loop device that stands for a card")
	return cmd
}

// openImage opens a card's image. A compressed one is unpacked into a file that
// has no name any more, but not beyond most bytes, the size of the card.
func openImage(ctx context.Context, name string, most int64, progress func(string, int64, int64)) (image *os.File, size int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, fmt.Errorf("no card image (`imagebuilder build` makes one): %w", err)
	}
	if strings.HasSuffix(name, ".xz") {
		defer f.Close()
		f, err = unpack(ctx, f, most, progress)
		if err != nil {
			return nil, 0, fmt.Errorf("%s cannot be unpacked: %w", name, err)
		}
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// unpack unpacks an xz file of at most most bytes.
func unpack(ctx context.Context, packed *os.File, most int64, progress func(string, int64, int64)) (*os.File, error) {
	info, err := packed.Stat()
	if err != nil {
		return nil, err
	}
	r, err := xz.NewReader(bufio.NewReaderSize(packed, 1<<20))
	if err != nil {
		return nil, err
	}
	out, err := os.CreateTemp("", "storyteller-*.img")
	if err != nil {
		return nil, err
	}
	err = os.Remove(out.Name()) // goes with the last who has it open
	for size := int64(0); err == nil && ctx.Err() == nil; {
		var n int64
		n, err = io.CopyN(out, r, 1<<20)
		if size += n; size > most {
			return nil, errors.Join(fmt.Errorf("it has more than the card's %d bytes: a larger card is needed", most), out.Close())
		}
		if err == nil && progress != nil {
			if at, err := packed.Seek(0, io.SeekCurrent); err == nil {
				progress("unpacking", at, info.Size())
			}
		}
	}
	if err != io.EOF {
		return nil, errors.Join(cmp.Or(err, ctx.Err()), out.Close())
	}
	return out, nil
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
