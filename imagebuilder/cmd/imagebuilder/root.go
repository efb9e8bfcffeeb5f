package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"duostoryteller/app/version"

	"github.com/spf13/cobra"
)

const (
	groupMake = "make" // verbs that make a card
	groupUse  = "use"  // verbs that run, look at or write one
)

// usageError marks an error in what was typed, as against one in the work.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run executes the command line and returns the exit status. Cancelling ctx
// stops the work, which then removes what it had half written.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted; nothing half-written was left behind")
	}
	fmt.Fprintln(stderr, "imagebuilder:", err)
	if errors.As(err, new(usageError)) {
		return 2
	}
	return 1
}

// rootCommand joins the verbs. A new verb is one file with a function that
// returns its command, and one line here.
func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "imagebuilder",
		Short: "Build the story-telling card, run it, write it",
		Long: `Imagebuilder turns this repository's sources and a board description into a
microSD card image that boots a Milk-V Duo or, the very same image, an
emulated machine with 64 MB.`,
		Example:       "  imagebuilder build\n  imagebuilder run",
		Version:       version.Program(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath())}
	})
	root.AddGroup(
		&cobra.Group{ID: groupMake, Title: "Make a card:"},
		&cobra.Group{ID: groupUse, Title: "Use a card:"},
	)
	root.AddCommand(
		onLinux(runtime.GOOS, buildCommand()),
		fetchCommand(),
		convertCommand(),
		firmwareCommand(),
		fitCommand(),
		inspectCommand(),
		debianCommand(),
		demoCommand(),
		updateCommand(),
		downloadCommand(),
		onLinux(runtime.GOOS, runCommand()),
		onLinux(runtime.GOOS, twinCommand()),
		flashCommand(),
		testCommand(),
		onLinux(runtime.GOOS, regressCommand()),
		onLinux(runtime.GOOS, voicesCommand()),
		modelCommand(),
		timelineCommand(),
		submissionCommand(),
		releaseCommand(),
	)
	root.AddCommand(hidden()...)
	return root
}

// usageArgs makes what check reports a usage error (exit status 2).
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath())}
		}
		return nil
	}
}
