package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"duostoryteller/app/hearing"
	"duostoryteller/app/sound"
	"duostoryteller/app/textfile"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// boardWords is the word list on the card's FAT partition.
const boardWords = "/boot/words.txt"

// listenCommand turns what is said into prompts.
func listenCommand() *cobra.Command {
	var (
		ears  earFlags
		wav   string
		meter bool
		once  bool
	)
	cmd := &cobra.Command{
		Use:   "listen [flags]",
		Short: "Turn what is said into prompts",
		Long: `Listen takes what is said near a microphone and prints, one line each, how a
story about it begins, or one of the words again, stop, louder, quieter. It
understands sentences like these, about the words of a list that can be edited:

  tell me a story
  hello storyteller, read me a story about a little dragon
  a story about Lily and a cat
  once upon a time there was a brave princess

Other speech and noise are not understood, which standard error says.

With --meter it shows the level of the microphone instead: a voice from where
you will stand should reach 20 dB over the room's floor, and stay below -3 dB.
Try other values of --gain until it does.`,
		Example: `  storyteller listen --meter --gain 80
  storyteller tell --model stories15M.bin -i "$(storyteller listen --once)"
  storyteller listen --wav question.wav`,
		GroupID: groupTell,
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			note := func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), "storyteller:", line) }
			if ears.gain < 0 || ears.gain > 100 {
				return usageErrorf(cmd, "--gain %d: it is 0 to 100", ears.gain)
			}
			open := func() (hearing.Source, error) { return ears.source(note) }
			if wav != "" {
				hz, samples, err := sound.ReadWAV(wav)
				if err != nil {
					return err
				}
				// Speech may begin at once: silence shows what is loud.
				samples = append(make([]int16, hz/2), samples...)
				open = func() (hearing.Source, error) { return hearing.NewRecording(hz, samples), nil }
			}
			if meter {
				return showLevel(ctx, open, cmd.ErrOrStderr())
			}
			ear, err := ears.open(note)
			if err != nil {
				return err
			}
			defer ear.Close()
			l := hearing.Listener{Open: open, Ear: ear, Log: note}
			if once { // a microphone that is not there is an error here
				source, err := open()
				if err != nil {
					return err
				}
				source.Close()
			}
			understood := 0
			ctx, enough := context.WithCancel(ctx)
			defer enough()
			err = l.Listen(ctx, func(h hearing.Heard) {
				if h.Command == hearing.Nothing {
					note(h.Answer)
					return
				}
				understood++
				fmt.Fprintln(cmd.OutOrStdout(), line(h.Understood))
				if once {
					enough()
				}
			})
			switch {
			case once && understood > 0:
				return nil
			case err == nil && understood == 0:
				return errors.New("nothing was understood")
			}
			return err
		},
	}
	ears.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&wav, "wav", "", "listen to this recording instead")
	flags.BoolVar(&meter, "meter", false, "show the level of the microphone")
	flags.BoolVar(&once, "once", false, "end when something was understood")
	return cmd
}

// line is what listen prints for an utterance.
func line(u hearing.Understood) string {
	switch u.Command {
	case hearing.Again:
		return "again"
	case hearing.Stop:
		return "stop"
	case hearing.Louder:
		return "louder"
	case hearing.Quieter:
		return "quieter"
	}
	return u.Opening
}

// earFlags are the flags of every verb that listens.
type earFlags struct {
	card, words string
	gain        int
}

// defaultGain suits a bare capsule at the Duo's own converter, 28 dB, and most
// USB sound cards.
const defaultGain = 60

func (f *earFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.card, "card", "", "name of the sound card to listen on, e.g. Headset; unasked the first one, USB before others")
	cmd.Flags().StringVar(&f.words, "words", boardWords, "file with the words that stories can be about")
	f.addGain(cmd)
}

func (f *earFlags) addGain(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.gain, "gain", defaultGain, "how much the sound card amplifies the microphone, 0 to 100 percent of what it can")
}

// source opens the microphone. Whatever becomes of the gain, it can be listened
// to; note is told what does.
func (f *earFlags) source(note func(string)) (hearing.Source, error) {
	m, err := sound.OpenMicrophone(f.card, hearing.Rate)
	if err != nil {
		return nil, err
	}
	if err := m.SetGain(f.gain); err != nil {
		note(err.Error())
	}
	return m, nil
}

// open returns an ear for the words of the list; note is told what is wrong with
// these. Without the list "tell me a story" and the commands are understood.
func (f *earFlags) open(note func(string)) (*hearing.Ear, error) {
	files, err := hearing.Find()
	if err != nil {
		return nil, err
	}
	text, err := textfile.Read(f.words)
	if err != nil {
		note(fmt.Sprintf("no word list, so stories about nothing in particular: %v; --words names another", err))
	}
	words, problems := hearing.ParseWords(text)
	for _, p := range problems {
		note(f.words + ": " + p)
	}
	ear, err := hearing.New(files, words)
	if err != nil {
		return nil, err
	}
	for _, word := range ear.Lacking {
		note(fmt.Sprintf("%s: %q left out, the dictionary does not say how it is pronounced; use another word", f.words, word))
	}
	return ear, nil
}

// showLevel draws the level of a microphone until ctx ends: on a terminal one
// line that changes, else a line a second.
func showLevel(ctx context.Context, open func() (hearing.Source, error), out io.Writer) error {
	source, err := open()
	if err != nil {
		return err
	}
	defer source.Close()
	f, ok := out.(*os.File)
	terminal := ok && term.IsTerminal(int(f.Fd()))
	fmt.Fprintln(out, source.Name())
	var gate hearing.Gate
	peak, shown := -100.0, 0
	for n := 0; ctx.Err() == nil; n++ {
		samples, err := source.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", source.Name(), err)
		}
		gate.Listen(samples, func([]int16) {})
		level, floor := gate.Level()
		peak = max(peak, level)
		every := 20 // a second
		if terminal {
			every = 2
		}
		if n%every != every-1 {
			continue
		}
		const width = 40
		bar := strings.Repeat("#", max(0, min(width, int(peak+75)*width/75)))
		state := "quiet"
		if gate.Open() {
			state = "sound"
		}
		text := fmt.Sprintf("[%-*s] %4.0f dB, floor %4.0f dB, %s", width, bar, peak, floor, state)
		if terminal {
			fmt.Fprintf(out, "\r%-*s", shown, text)
			shown = len(text)
		} else {
			fmt.Fprintln(out, text)
		}
		peak = -100
	}
	if terminal {
		fmt.Fprintln(out)
	}
	return nil
}
