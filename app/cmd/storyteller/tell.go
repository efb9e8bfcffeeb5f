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

	"duostoryteller/app/story"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// maxPrompt bounds what is read from standard input, in bytes.
const maxPrompt = 1 << 16

// tellCommand tells one story on standard output.
//
// Its options, their defaults and what it prints are those of llama2.c's
// run.c; the speed goes to standard error, as there.
func tellCommand() *cobra.Command {
	var (
		model  modelFlags
		flags  storyFlags
		voices voiceFlags
	)
	cmd := &cobra.Command{
		Use:   "tell --model CHECKPOINT [flags] [PROMPT...]",
		Short: "Tell one story",
		Long: `Tell continues the prompt into a story, each word as soon as it is made.

The prompt is that of -i, or the arguments, or what standard input holds when
it is not a terminal. The options are those of llama2.c's run.c; equal options
tell equal stories.`,
		Example: `  storyteller tell --model stories15M.bin -s 123 "Once upon a time"
  echo "The little cat" | storyteller tell --model stories15M.bin -t 0`,
		GroupID: groupTell,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0 && cmd.Flags().Changed("prompt"):
				return usageErrorf(cmd, "two prompts: %q after -i and %q", flags.prompt, args[0])
			case len(args) > 0:
				flags.prompt = strings.Join(args, " ")
			case !cmd.Flags().Changed("prompt"):
				prompt, err := readPrompt(cmd.InOrStdin())
				if err != nil {
					return err
				}
				flags.prompt = prompt
			}
			if err := voices.check(cmd); err != nil {
				return err
			}
			engine, tokenizer, err := model.open(cmd)
			if err != nil {
				return err
			}
			defer engine.Close()
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			listen := func(*story.Story) func() { return func() {} }
			if voices.wanted() {
				speaker, err := voices.open(cmd)
				switch {
				case errors.As(err, new(usageError)):
					return err
				case err != nil:
					listen = func(*story.Story) func() {
						return func() { fmt.Fprintf(cmd.ErrOrStderr(), "storyteller: %v; the story is told silently\n", err) }
					}
				default:
					listen = func(s *story.Story) func() { return voices.follow(ctx, cmd, speaker, s) }
				}
			}
			return tell(ctx, story.NewTeller(engine, tokenizer), flags.request(), cmd.OutOrStdout(), cmd.ErrOrStderr(), listen)
		},
	}
	model.add(cmd)
	voices.add(cmd)
	flags.add(cmd, story.Defaults())
	cmd.Flags().BoolVar(&voices.speak, "speak", false, "read the story aloud while it is told")
	return cmd
}

// storyFlags are those options of run.c that say what is told.
type storyFlags struct {
	temperature, topp float64
	seed, steps       number
	prompt            string
}

// add gives cmd the flags, with the defaults of a request.
func (f *storyFlags) add(cmd *cobra.Command, unasked story.Request) {
	flags := cmd.Flags()
	flags.Float64VarP(&f.temperature, "temperature", "t", float64(unasked.Temperature), "0 for the most likely story, more for a wilder one")
	flags.Float64VarP(&f.topp, "topp", "p", 0.9, "draw from the likeliest tokens that have this probability together; 1 for all")
	f.seed, f.steps = number(unasked.Seed), number(unasked.Steps)
	flags.VarP(&f.seed, "seed", "s", "of the random numbers; 0 for the clock")
	flags.VarP(&f.steps, "steps", "n", "tokens to tell, the prompt's included; 0 for the model's whole context")
	flags.StringVarP(&f.prompt, "prompt", "i", unasked.Prompt, "how the story begins")
}

// request is what the flags ask for.
func (f *storyFlags) request() story.Request {
	return story.Request{Prompt: f.prompt, Temperature: float32(f.temperature), TopP: float32(f.topp), Seed: uint64(f.seed), Steps: int(f.steps)}
}

// readPrompt reads a prompt from in, unless somebody sits at it, and takes off
// the end of its last line.
func readPrompt(in io.Reader) (string, error) {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return "", nil
	}
	prompt, err := io.ReadAll(io.LimitReader(in, maxPrompt+1))
	if err != nil {
		return "", fmt.Errorf("cannot read the prompt from standard input: %w", err)
	}
	if len(prompt) > maxPrompt {
		return "", fmt.Errorf("the prompt on standard input is longer than %d bytes", maxPrompt)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(prompt), "\n"), "\r"), nil
}

// tell tells one story to stdout and its speed to stderr. listen is called
// with it when it has begun, and what that returns when it is told.
func tell(ctx context.Context, teller *story.Teller, r story.Request, stdout, stderr io.Writer, listen func(*story.Story) func()) error {
	s, err := teller.Tell(ctx, r)
	if err != nil {
		return err
	}
	defer listen(s)()
	defer teller.Stop() // nothing may use the model once this returns
	reader := s.Reader()
	for {
		event, err := reader.Next(context.Background())
		if err != nil {
			return err
		}
		switch e := event.(type) {
		case story.Piece:
			if _, err := stdout.Write(e.Text); err != nil {
				return err
			}
		case story.End:
			if _, err := fmt.Fprintln(stdout); err != nil {
				return err
			}
			if e.Stats.Tokens > 1 {
				fmt.Fprintf(stderr, "achieved tok/s: %f\n", e.Stats.TokensPerSecond())
			}
			return e.Err
		}
	}
}
