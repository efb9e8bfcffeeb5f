package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"duostoryteller/app/bench"
	"duostoryteller/app/cost"
	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/manifest"
	"duostoryteller/imagebuilder/regress"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func regressCommand() *cobra.Command {
	var o regress.Options
	var g regression
	cmd := &cobra.Command{
		Use:     "regress --card CARD --power COMMAND --serial PORT",
		GroupID: groupUse,
		Short:   "Write the card of a board on a bench, boot it and run its suites",
		Long: `Regress does with a board of silicon what CI does with programs: it writes the
image to the board's card and checks it, switches the card to the board, switches
the board on, reads its console from U-Boot's first line to the first story, and
runs the suites that are on the card. The board is left switched off.

--card names the board's card:
  /dev/sdX        a card in a reader of this PC. Somebody carries it to the board
                  when asked to; with --yes nobody is asked, for benches where the
                  power's command, or the reader, does that, too.
  sdmux:/dev/usb-sd-mux/id-000000001234
                  a card in a USB-SD-Mux, which usbsdmux switches
  sdmux:sd-wire_11
                  a card in an SDWire or SD MUX with this serial number, which
                  sd-mux-ctrl switches; @/dev/disk/by-id/... behind it names the
                  card, where it cannot be found at the mux's USB hub
  file:card.img   a file that is an emulated board's card

--power is a command line that switches the board's power; on or off is added to it.
--serial is the port that the board's console is at.

In the folder for results are then BOARD-DATE.log, what the console said;
BOARD-DATE.json, fit for a pull request; BOARD-DATE.html, a page for people; and
BOARD-DATE.xml, JUnit's, for CI. What ran in an emulator says so in all of them.

Exit status 0 says that the board came to its story and all suites passed, 1 that
something did not, 2 that the command line is wrong.`,
		Example: `  imagebuilder regress --card sdmux:/dev/usb-sd-mux/id-000000001234 \
    --power 'uhubctl -l 1-1.4 -p 2 -a' --serial /dev/ttyUSB0
  imagebuilder regress --card /dev/sdX --power ./power.sh --serial /dev/ttyUSB0 --short`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var missing []string
			for _, f := range []string{"card", "power", "serial"} {
				if strings.TrimSpace(cmd.Flag(f).Value.String()) == "" {
					missing = append(missing, "--"+f)
				}
			}
			if len(missing) > 0 {
				return usageError{fmt.Errorf("wanted: %s; see 'imagebuilder regress --help'", strings.Join(missing, ", "))}
			}
			var err error
			if o.Card, err = regress.ParseCard(g.card); err != nil {
				return usageError{err}
			}
			if o.Card.ByHand() && !g.yes {
				if f, ok := cmd.InOrStdin().(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
					return usageError{fmt.Errorf("there is no terminal to ask at when %s is to be carried to the board: --yes goes on without asking", o.Card)}
				}
				o.Ask = func(question string) error {
					fmt.Fprint(cmd.OutOrStdout(), question+" (yes/no) ")
					if answeredYes(cmd.Context(), cmd.InOrStdin()) != nil {
						return errors.New("this was not answered with yes")
					}
					return nil
				}
			}
			if err := g.find(&o); err != nil {
				return err
			}
			if progress := newProgress(cmd.ErrOrStderr()); progress != nil {
				o.Progress = progress.report
				defer progress.finish()
			}
			if g.verbose {
				o.Log = cmd.ErrOrStderr()
			}
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), g.timeout, fmt.Errorf("%v have passed (--timeout)", g.timeout))
			defer cancel()
			return g.run(ctx, o, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&g.card, "card", "", "the board's card: /dev/sdX, sdmux:ID or file:NAME")
	f.StringVar(&o.Power, "power", "", "command that switches the board's power; on or off is added")
	f.StringVar(&o.Serial, "serial", "", "serial port that the board's console is at")
	f.IntVar(&o.Baud, "baud", 0, "its speed (default the board's, 115200)")
	f.StringVar(&g.image, "image", "", "image to write (default out/storyteller.img)")
	f.StringVar(&o.Board, "board", "milkv-duo", "board on the bench, a folder of board/")
	f.BoolVar(&o.Short, "short", false, "a few cases and one short run, to see that all works")
	f.DurationVar(&o.Silence, "silence", 2*time.Minute, "how long a board that starts may say nothing")
	f.DurationVar(&o.Start, "start", 15*time.Minute, "how long it may take from power to the prompt behind the first story")
	f.DurationVar(&g.timeout, "timeout", 6*time.Hour, "how long all may take")
	f.BoolVarP(&g.yes, "yes", "y", false, "ask nobody")
	f.BoolVarP(&g.verbose, "verbose", "v", false, "show the board's console")
	f.StringVarP(&g.results, "output", "o", "", "folder for the results (default results/ of the repository)")
	return cmd
}

// regression is what the verb was asked for beside regress.Options.
type regression struct {
	card, image, boards, results string
	timeout                      time.Duration
	yes, verbose                 bool
}

// find finds what the command line leaves open.
func (g *regression) find(o *regress.Options) error {
	source, err := repository()
	if err != nil {
		return err
	}
	g.boards = filepath.Join(source, "board")
	if g.results == "" {
		g.results = filepath.Join(source, "results")
	}
	if g.image == "" {
		g.image = filepath.Join(source, "out", "storyteller.img")
	}
	b, err := board.Load(g.boards, o.Board)
	if err == nil && o.Baud == 0 {
		o.Baud = b.Console.Baud
	}
	return err
}

// run runs the regression and keeps its results.
func (g *regression) run(ctx context.Context, o regress.Options, out io.Writer) error {
	known, err := cost.ReadBoard(filepath.Join(g.boards, o.Board))
	if err != nil {
		return err
	}
	const largest = 1 << 40 // bytes; how large the card is nobody knows yet
	image, size, err := openImage(ctx, g.image, largest, o.Progress)
	if err != nil {
		return err
	}
	defer image.Close()
	o.Image, o.Size = image, size
	if o.Parts, err = partsOf(image, size, filepath.Join(filepath.Dir(g.image), "manifest.json")); err != nil {
		return err
	}
	if err := os.MkdirAll(g.results, 0o755); err != nil {
		return err
	}
	o.Time = time.Now().UTC().Truncate(time.Second)
	log, err := os.Create(o.Nothing().Stem(g.results) + ".log")
	if err != nil {
		return err
	}
	defer log.Close()
	if o.Log == nil {
		o.Log = log
	} else {
		o.Log = io.MultiWriter(log, o.Log)
	}
	o.Say = saying(out, o.Board)
	results, failure := regress.Run(ctx, o)
	for _, s := range results.Suites {
		line, _ := s.Summary()
		fmt.Fprintln(out, line)
	}
	name, err := results.Save(g.results, &known)
	if err == nil { // what the suites said may have changed the name
		err = os.Rename(log.Name(), strings.TrimSuffix(name, ".json")+".log")
	}
	switch {
	case err != nil && failure != nil:
		return fmt.Errorf("%w; and the results cannot be kept: %w", failure, err)
	case err != nil:
		return fmt.Errorf("the results cannot be kept: %w", err)
	}
	fmt.Fprintf(out, "results: %s, and beside it the page (.html), JUnit's report (.xml) and the console (.log); %s\n", name, came(results.Kind))
	switch {
	case failure != nil:
		return failure
	case !results.Passed():
		return errors.New("not all suites passed, see above")
	}
	return nil
}

// came says how a kind of figures came about.
func came(kind string) string {
	switch kind {
	case bench.Measured:
		return "the figures were measured"
	case bench.Emulated:
		return "the board was emulated, its times are not a board's"
	}
	return "no suite came to figures"
}

// partsOf returns the SHA-256 of the list of a card's parts, which the manifest beside
// its image names; "" if there is none, or it is another image's.
func partsOf(image io.ReaderAt, size int64, file string) (string, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	var m manifest.Manifest
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return "", fmt.Errorf("the manifest %s: %w", file, err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(image, 0, size)); err != nil {
		return "", fmt.Errorf("the image: %w", err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != m.Image.SHA256 {
		return "", nil
	}
	return m.Image.Parts, nil
}
