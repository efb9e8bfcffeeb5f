package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/boardtest"
	"duostoryteller/imagebuilder/emulator"

	"github.com/spf13/cobra"
)

func testCommand() *cobra.Command {
	var t boardTest
	cmd := &cobra.Command{
		Use:     "test (--serial PORT | --network ADDRESS | --emulated)",
		GroupID: groupUse,
		Short:   "Run the suites that are on a board's card, and keep the results",
		Long: `Test waits for a board, has it run the regression and the performance suites
that are on its card, and writes what they say into results/BOARD-DATE.json, fit
for a pull request, and a page for people beside it. Switch the board on before or after.

The serial console is all that is needed (--serial; -v shows it). --network asks
the board's page; its report is plain text. --emulated boots the image in QEMU:
texts and counts are right there, times are not the board's.

Exit status 1 says that a text was wrong or a suite broke off.`,
		Example: `  imagebuilder test --serial /dev/ttyUSB0
  imagebuilder test --network 192.168.42.1
  imagebuilder test --emulated --short`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ways := 0
			for _, given := range []bool{t.serial != "", t.network != "", t.emulated} {
				if given {
					ways++
				}
			}
			if ways != 1 {
				return usageError{errors.New("one of --serial, --network and --emulated is wanted; see 'imagebuilder test --help'")}
			}
			source, err := repository()
			if err != nil {
				return err
			}
			t.boards = filepath.Join(source, "board")
			if t.results == "" {
				t.results = filepath.Join(source, "results")
			}
			if t.image == "" {
				t.image = filepath.Join(source, "out", "storyteller.img")
			}
			if t.verbose {
				t.console = cmd.ErrOrStderr()
			}
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), t.timeout, fmt.Errorf("%v have passed (--timeout)", t.timeout))
			defer cancel()
			if t.network != "" {
				return t.overNetwork(ctx, cmd.OutOrStdout())
			}
			return t.overConsole(ctx, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&t.serial, "serial", "", "serial port that the board's console is at")
	f.IntVar(&t.baud, "baud", 0, "its speed (default the board's, 115200)")
	f.StringVar(&t.network, "network", "", "address of the board's page, e.g. 192.168.42.1")
	f.BoolVar(&t.emulated, "emulated", false, "boot the image in QEMU")
	f.StringVar(&t.image, "image", "", "the image, for --emulated (default out/storyteller.img)")
	f.StringVar(&t.board, "board", "milkv-duo", "board of silicon, a folder of board/")
	f.BoolVar(&t.short, "short", false, "a few cases and one short run, to see that all works")
	f.BoolVarP(&t.verbose, "verbose", "v", false, "show the board's console")
	f.DurationVar(&t.timeout, "timeout", 2*time.Hour, "how long all may take")
	f.StringVarP(&t.results, "output", "o", "", "folder for the results (default results/ of the repository)")
	return cmd
}

// boardTest is what the verb was asked for.
type boardTest struct {
	serial, network, board, boards, image, results string
	baud                                           int
	emulated, short, verbose                       bool
	timeout                                        time.Duration
	console                                        io.Writer // nil: not shown
}

func (t *boardTest) overConsole(ctx context.Context, out io.Writer) error {
	r := boardtest.Results{Board: t.board, Way: "serial", Time: time.Now().UTC().Truncate(time.Second), Short: t.short}
	var console *boardtest.Console
	if t.emulated {
		r.Board, r.Way = "qemu-virt", "emulated"
		o, err := emulator.OptionsFor(t.boards, r.Board, t.image)
		if err != nil {
			return err
		}
		o.Console = t.console
		machine, err := boardtest.Emulate(ctx, o)
		if err != nil {
			return err
		}
		defer machine.Close()
		console = machine.Console
	} else {
		b, err := board.Load(t.boards, t.board)
		if err != nil {
			return err
		}
		if t.baud == 0 {
			t.baud = b.Console.Baud
		}
		port, err := boardtest.OpenSerial(t.serial, t.baud, t.console)
		if err != nil {
			return err
		}
		defer port.Close()
		console = port.Console
	}
	var err error
	r.Suites, err = boardtest.Run(ctx, console, t.short, func(what string) { fmt.Fprintln(out, r.Board+":", what) })
	if err != nil {
		return err
	}
	for _, s := range r.Suites {
		line, _ := s.Summary()
		fmt.Fprintln(out, line)
	}
	name, err := r.Save(t.results)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "results:", name)
	if !r.Passed() {
		return errors.New("not all suites passed, see above")
	}
	return nil
}

func (t *boardTest) overNetwork(ctx context.Context, out io.Writer) error {
	text, err := boardtest.OverNetwork(ctx, t.network, out)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(t.results, 0o755); err != nil {
		return err
	}
	name := filepath.Join(t.results, t.board+"-"+time.Now().UTC().Format("2006-01-02-150405")+".txt")
	if err := os.WriteFile(name, text, 0o644); err != nil {
		return err
	}
	fmt.Fprintln(out, "results:", name)
	return nil
}
