package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"duostoryteller/app/sound"
	"duostoryteller/app/speech"
	"duostoryteller/app/story"
	"duostoryteller/app/voice"
	"duostoryteller/app/wholefile"

	"github.com/spf13/cobra"
)

// speakCommand reads a text aloud.
func speakCommand() *cobra.Command {
	var (
		voices voiceFlags
		bench  bool
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "speak [flags] [TEXT...]",
		Short: "Read a text aloud",
		Long: `Speak reads a text, or standard input when there is none, on the first sound
card, USB ones first, or into a file with --wav.

With --bench it measures the voice alone, without a card: the processor time that
a second of speech takes, and how soon the first sample is there.`,
		Example: `  storyteller speak "Once upon a time, there was a little boat."
  storyteller speak --voice rms --wav boat.wav < boat.txt
  storyteller speak --bench --json`,
		GroupID: groupTell,
		RunE: func(cmd *cobra.Command, args []string) error {
			var text io.Reader = strings.NewReader(strings.Join(args, " "))
			switch {
			case len(args) == 0 && bench:
				text = strings.NewReader(speech.Sample)
			case len(args) == 0:
				text = cmd.InOrStdin()
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			voices.speak = !bench && voices.wav == ""
			speaker, err := voices.open(cmd)
			if err != nil {
				return err
			}
			var foreign beyondASCII
			report := speaker.Text(ctx, io.TeeReader(text, &foreign))
			if err := voices.close(speaker, report); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return context.Canceled
			}
			if len(report.Sentences) == 0 && bool(foreign) {
				return errors.New("nothing was spoken: the text has no word that the voice could say, which knows the letters of English, and digits")
			}
			switch {
			case asJSON:
				if err := writeJSON(cmd.OutOrStdout(), report); err != nil {
					return err
				}
			case bench:
				fmt.Fprintln(cmd.OutOrStdout(), report)
			}
			if !report.Complete {
				return fmt.Errorf("%d of %d sentences could not be spoken", report.Skipped+report.Unheard, len(report.Sentences))
			}
			return nil
		},
	}
	voices.add(cmd)
	cmd.Flags().BoolVar(&bench, "bench", false, "measure the voice, without a sound card")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the times as JSON")
	return cmd
}

// beyondASCII notes whether there was a character that is not ASCII in what it is written:
// dots alone are a pause, but who gave a text wants to know why nothing is said.
type beyondASCII bool

func (b *beyondASCII) Write(p []byte) (int, error) {
	*b = *b || beyondASCII(slices.ContainsFunc(p, func(c byte) bool { return c >= utf8.RuneSelf }))
	return len(p), nil
}

// voiceFlags are the flags of every verb that speaks.
type voiceFlags struct {
	speak    bool
	wav      string
	timing   string
	name     string
	bedtime  bool
	params   voice.Params
	mu       sync.Mutex // guards params once flags are parsed
	cardWait time.Duration
	notes    notes
}

// notes are lines that do not belong to the story. While one is told they are
// held back, for on a console they would stand in the middle of it.
type notes struct {
	// direct has nothing held back: who reads the lines does that, and so has them even
	// if this program dies.
	direct bool

	mu   sync.Mutex
	hold bool
	held []string
}

func (n *notes) holdBack() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hold = !n.direct
}

func (n *notes) add(w io.Writer, line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hold {
		n.held = append(n.held, line)
		return
	}
	fmt.Fprintln(w, line)
}

// release writes what was held and holds no more.
func (n *notes) release(w io.Writer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, line := range n.held {
		fmt.Fprintln(w, line)
	}
	n.hold, n.held = false, nil
}

// add gives cmd the flags. Whether speak is one of them is the verb's matter.
func (f *voiceFlags) add(cmd *cobra.Command) {
	normal := voice.Normal()
	flags := cmd.Flags()
	flags.StringVar(&f.wav, "wav", "", "write the speech into this file")
	flags.StringVar(&f.timing, "timing", "", "write the times of the speech into this file, as JSON")
	flags.StringVar(&f.name, "voice", voice.Default, "the voice: kal16, rms or espeak")
	flags.Float64Var(&f.params.Rate, "rate", normal.Rate, "speed of the voice, 0.5 to 2")
	flags.Float64Var(&f.params.Pitch, "pitch", normal.Pitch, "pitch of the voice, 0.5 to 2")
	flags.Float64Var(&f.params.Volume, "volume", normal.Volume, "volume of the voice, 0 to 2")
	flags.BoolVar(&f.bedtime, "bedtime", false, "slower and quieter with each paragraph")
	flags.DurationVar(&f.cardWait, "card-wait", 5*time.Second, "how long to wait for a sound card that is not there")
}

// wanted says whether anything is to be spoken.
func (f *voiceFlags) wanted() bool { return f.speak || f.wav != "" }

// check reports flags that ask for nothing.
func (f *voiceFlags) check(cmd *cobra.Command) error {
	if f.timing != "" && !f.wanted() {
		return usageErrorf(cmd, "--timing: nothing is spoken; --speak or --wav does that")
	}
	return nil
}

// louder makes what is spoken from now on louder by a factor.
func (f *voiceFlags) louder(factor float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.params.Volume = max(0.1, min(2, f.params.Volume*factor))
}

// now returns how the voice is to be.
func (f *voiceFlags) now() voice.Params {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.params
}

// open returns the speaker that the flags describe; close ends it.
func (f *voiceFlags) open(cmd *cobra.Command) (*speech.Speaker, error) {
	params := f.now()
	if err := params.Check(); err != nil {
		return nil, usageErrorf(cmd, "%w", err)
	}
	if err := sound.Usable(); f.speak && err != nil {
		return nil, err
	}
	program, err := voice.Find(f.name, "")
	if err != nil {
		return nil, err
	}
	note := func(line string) { f.notes.add(cmd.ErrOrStderr(), "storyteller: "+line) }
	var sinks sound.Tee
	if f.wav != "" {
		w, err := sound.CreateWAV(f.wav)
		if err != nil {
			return nil, err
		}
		sinks = append(sinks, w)
	}
	if f.speak {
		sinks = append(sinks, sound.NewPlayer(sound.OpenCard, f.cardWait, note))
	}
	if len(sinks) == 0 {
		sinks = append(sinks, new(speech.Nowhere))
	}
	return &speech.Speaker{Voice: voice.NewProcess(program, note), Params: params, Bedtime: f.bedtime, Sink: sinks, Log: note}, nil
}

// close ends what open began and writes the report where it was asked for.
func (f *voiceFlags) close(s *speech.Speaker, report *speech.Report) error {
	err := errors.Join(s.Sink.Close(), s.Voice.Close())
	if f.timing == "" {
		return err
	}
	return errors.Join(err, writeFile(f.timing, report))
}

// follow reads a story aloud while it is told. What it returns waits for the
// end of the speech.
func (f *voiceFlags) follow(ctx context.Context, cmd *cobra.Command, speaker *speech.Speaker, s *story.Story) (wait func()) {
	stderr := cmd.ErrOrStderr()
	f.notes.holdBack()
	done := make(chan struct{})
	go func() {
		defer close(done)
		report := speaker.Story(ctx, s)
		if err := f.close(speaker, report); err != nil {
			f.notes.add(stderr, fmt.Sprintf("storyteller: %v", err))
		}
		if len(report.Sentences) > 0 && ctx.Err() == nil {
			f.notes.add(stderr, report.String())
		}
	}()
	return func() {
		f.notes.release(stderr)
		<-done
	}
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// writeFile writes v as JSON.
func writeFile(path string, v any) error {
	return wholefile.Write(path, func(w io.Writer) error { return writeJSON(w, v) })
}
