package main

import (
	"fmt"
	"io"
	"os"

	"duostoryteller/imagebuilder/cachedir"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/emulator"
	"duostoryteller/imagebuilder/twin"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func runCommand() *cobra.Command {
	var boardName, boards, cpu, bootargs, fip, mirror string
	var memory uint64
	var write bool
	cmd := &cobra.Command{
		Use:     "run [IMAGE] [-- QEMU ARGUMENT...]",
		GroupID: groupUse,
		Short:   "Boot a card image in an emulated machine",
		Long: `Run starts QEMU with the memory of the board and boots the image from its card:
U-Boot, boot.sd, kernel, init, story. QEMU's command line is shown. The keyboard
becomes the machine's console; Ctrl-A X ends the machine. The image does not
change unless --write is given. What follows -- goes to QEMU.

The machine is the board itself, which is built once (see 'imagebuilder twin'). It
starts with the vendor's firmware if the card has a fip.bin, or --fip names one;
else with an open one. --board qemu-virt is QEMU's own machine "virt" instead.`,
		Example: `  imagebuilder run
  imagebuilder run out/storyteller.img -- -device qemu-xhci -audiodev wav,id=a,path=story.wav -device usb-audio,audiodev=a`,
		Args: usageArgs(func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); dash >= 0 {
				args = args[:dash]
			}
			return cobra.MaximumNArgs(1)(cmd, args)
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			image := "out/storyteller.img"
			images, extra := args, []string(nil)
			if dash := cmd.ArgsLenAtDash(); dash >= 0 {
				images, extra = args[:dash], args[dash:]
			}
			if len(images) > 0 {
				image = images[0]
			}
			o, err := emulator.OptionsFor(boards, boardName, image)
			if err != nil {
				return err
			}
			if o.Emulator.Program == "" {
				if err := prepareTwin(cmd, &o, boards, boardName, fip, mirror); err != nil {
					return err
				}
			} else if fip != "" {
				return usageError{fmt.Errorf("--fip: the machine %s has no use for a fip.bin", o.Emulator.Machine)}
			}
			if cpu != "" {
				o.Emulator.CPU = cpu
			}
			if memory != 0 {
				o.Memory = memory << 20
			}
			o.Write, o.Bootargs, o.Args = write, bootargs, extra
			o.Console = cmd.OutOrStdout()
			o.Started = func(line string) {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s\n(Ctrl-A X ends the machine)\n", line)
			}
			m, err := emulator.Start(cmd.Context(), o)
			if err != nil {
				return err
			}
			defer m.Close()
			if stdin := int(os.Stdin.Fd()); term.IsTerminal(stdin) {
				state, err := term.MakeRaw(stdin)
				if err != nil {
					return fmt.Errorf("the terminal: %w", err)
				}
				defer term.Restore(stdin, state)
			}
			go io.Copy(m, os.Stdin)
			return m.Wait(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&boardName, "board", "milkv-duo", "emulated board")
	f.StringVar(&boards, "boards", "board", "folder of the board descriptions")
	f.Uint64Var(&memory, "memory", 0, "memory in MB (default the board's)")
	f.StringVar(&cpu, "cpu", "", "QEMU's CPU, e.g. rv64,v=true (default the board's)")
	f.StringVar(&fip, "fip", "", "vendor's firmware, a fip.bin or a card image with one (default the card's)")
	f.StringVar(&mirror, "debian-mirror", "", "mirror of the Debian archive to build the board's emulator from (default the host's own)")
	f.StringVar(&bootargs, "bootargs", "", "added to the kernel's command line")
	f.BoolVar(&write, "write", false, "let the machine change the image")
	return cmd
}

// prepareTwin builds the emulator of the board and firmware for it, or finds
// them in the cache.
func prepareTwin(cmd *cobra.Command, o *emulator.Options, boards, board, fip, mirror string) error {
	cache, err := cachedir.Dir()
	if err != nil {
		return err
	}
	b, err := twinOptions(cmd, boards, board, cache, mirror)
	if err != nil {
		return err
	}
	if fip == "" {
		if has, err := hasFirmware(o.Image); err != nil {
			return err
		} else if has {
			fip = o.Image
		}
	}
	q, err := twin.BuildQEMU(cmd.Context(), b)
	if err != nil {
		return err
	}
	f, err := twinFirmware(cmd.Context(), b, fip)
	if err != nil {
		return err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "imagebuilder: the emulated board starts with", f.Title)
	o.Emulator.Program = q.Program
	o.Firmware = &emulator.Firmware{Monitor: f.Monitor, Loader: f.Loader, Tree: f.Tree}
	return nil
}

// hasFirmware tells whether a card image has a fip.bin.
func hasFirmware(image string) (bool, error) {
	f, err := os.Open(image)
	if err != nil {
		return false, fmt.Errorf("no card image (`imagebuilder build` makes one): %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	c, err := card.Open(f, info.Size())
	if err != nil {
		return false, fmt.Errorf("%s: %w", image, err)
	}
	_, err = c.ReadFile("fip.bin")
	return err == nil, nil
}
