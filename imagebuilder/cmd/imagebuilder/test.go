package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"duostoryteller/app/cost"
	"duostoryteller/app/report"
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
		Long: `Test waits for a board, has it run all suites that are on its card, and writes
what they say into results/BOARD-DATE.json, fit for a pull request, and a page for
people beside it. Switch the board on before or after.

The serial console is all that is needed (--serial; -v shows it). --network asks
the board's page, which the USB cable leads to. --emulated boots the image in QEMU:
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
			return t.run(ctx, cmd.OutOrStdout())
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
	f.DurationVar(&t.timeout, "timeout", 6*time.Hour, "how long all may take; with a run.c on the card, an hour more")
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

// run runs the suites and keeps their results.
func (t *boardTest) run(ctx context.Context, out io.Writer) error {
	r := boardtest.Results{Board: t.board, Time: time.Now().UTC().Truncate(time.Second), Short: t.short}
	var err error
	switch {
	case t.network != "":
		r.Way = "network"
		fmt.Fprintln(out, r.Board+": waiting for the page at", t.network)
		r.Suites, err = boardtest.OverNetwork(ctx, t.network, t.short, out)
	case t.emulated:
		r.Board, r.Way = "qemu-virt", "emulated"
		r.Suites, err = t.overEmulated(ctx, r.Board, out)
	default:
		r.Way = "serial"
		r.Suites, err = t.overSerial(ctx, out)
	}
	if err != nil {
		return err
	}
	for _, s := range r.Suites {
		line, _ := s.Summary()
		fmt.Fprintln(out, line)
	}
	known, err := cost.ReadBoard(filepath.Join(t.boards, t.board))
	if err != nil {
		return err
	}
	name, err := r.Save(t.results, &known)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "results: %s and the page beside it, %s\n", name, strings.TrimSuffix(filepath.Base(name), ".json")+".html")
	if !r.Passed() {
		return errors.New("not all suites passed, see above")
	}
	return nil
}

// saying prints what is going on at a board.
func saying(out io.Writer, board string) func(string) {
	return func(what string) { fmt.Fprintln(out, board+":", what) }
}

func (t *boardTest) overEmulated(ctx context.Context, board string, out io.Writer) ([]report.Entry, error) {
	o, err := emulator.OptionsFor(t.boards, board, t.image)
	if err != nil {
		return nil, err
	}
	o.Console = t.console
	machine, err := boardtest.Emulate(ctx, o)
	if err != nil {
		return nil, err
	}
	defer machine.Close()
	return boardtest.Run(ctx, machine.Console, t.short, saying(out, board))
}

func (t *boardTest) overSerial(ctx context.Context, out io.Writer) ([]report.Entry, error) {
	b, err := board.Load(t.boards, t.board)
	if err != nil {
		return nil, err
	}
	if t.baud == 0 {
		t.baud = b.Console.Baud
	}
	port, err := boardtest.OpenSerial(t.serial, t.baud, t.console)
	if err != nil {
		return nil, err
	}
	defer port.Close()
	return boardtest.Run(ctx, port.Console, t.short, saying(out, t.board))
}
