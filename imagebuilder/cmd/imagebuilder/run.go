package main

import (
	"fmt"
	"io"
	"os"

	"duostoryteller/imagebuilder/emulator"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func runCommand() *cobra.Command {
	var boardName, boards, cpu, bootargs string
	var memory uint64
	var write bool
	cmd := &cobra.Command{
		Use:     "run [IMAGE] [-- QEMU ARGUMENT...]",
		GroupID: groupUse,
		Short:   "Boot a card image in an emulated machine",
		Long: `Run starts QEMU with the memory of the board and boots the image from its card:
U-Boot, boot.sd, kernel, init, story. QEMU's command line is shown. The keyboard
becomes the machine's console; Ctrl-A X ends the machine. The image does not
change unless --write is given. What follows -- goes to QEMU.`,
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
	f.StringVar(&boardName, "board", "qemu-virt", "emulated board")
	f.StringVar(&boards, "boards", "board", "folder of the board descriptions")
	f.Uint64Var(&memory, "memory", 0, "memory in MB (default the board's)")
	f.StringVar(&cpu, "cpu", "", "QEMU's CPU, e.g. rv64,v=true (default the board's)")
	f.StringVar(&bootargs, "bootargs", "", "added to the kernel's command line")
	f.BoolVar(&write, "write", false, "let the machine change the image")
	return cmd
}
