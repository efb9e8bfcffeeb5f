package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"duostoryteller/app/dialog"
	"duostoryteller/app/version"

	"github.com/spf13/cobra"
)

const (
	groupTell  = "tell"  // verbs that tell stories
	groupCheck = "check" // verbs that test and measure
)

// usageError marks an error in what was typed, as against one in the work.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// cannotTell marks an error with which init need not start the storyteller again.
type cannotTell struct{ error }

func (e cannotTell) Unwrap() error { return e.error }

// run executes the command line and returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		return 130
	}
	fmt.Fprintln(stderr, "storyteller:", err)
	if errors.As(err, new(cannotTell)) {
		return dialog.CannotTell
	}
	if errors.As(err, new(usageError)) {
		return 2
	}
	return 1
}

// rootCommand joins the verbs. A new verb is one file with a function that
// returns its command, and one line here.
func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "storyteller",
		Short:         "Tell children's stories with a llama2.c model",
		Example:       `  storyteller tell --model stories15M.bin -z tokenizer.bin "Once upon a time"`,
		Version:       version.Text(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usageArgs(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageErrorf(cmd, "%w", err) })
	root.AddGroup(
		&cobra.Group{ID: groupTell, Title: "Tell stories:"},
		&cobra.Group{ID: groupCheck, Title: "Test and measure:"},
	)
	root.AddCommand(
		tellCommand(),
		speakCommand(),
		listenCommand(),
		serveCommand(),
		benchCommand(),
		deltaCommand(),
		verifyCommand(),
		packCommand(),
		suitesCommand(),
	)
	root.AddCommand(hidden()...)
	return root
}

// usageErrorf returns an error that ends cmd with exit status 2.
func usageErrorf(cmd *cobra.Command, format string, args ...any) error {
	return usageError{fmt.Errorf("%w; see '%s --help'", fmt.Errorf(format, args...), cmd.CommandPath())}
}

// usageArgs makes what check reports a usage error.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageErrorf(cmd, "%w", err)
		}
		return nil
	}
}
