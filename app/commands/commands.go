// Package commands are the small programs of the storyteller's shell, all in one
// binary as in a busybox: those that u-root has as libraries (its pkg/core), and
// where it has none, others of the same names, with the options that a look around
// needs.
package commands

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/u-root/u-root/pkg/core"
	"github.com/u-root/u-root/pkg/core/base64"
	"github.com/u-root/u-root/pkg/core/cat"
	"github.com/u-root/u-root/pkg/core/chmod"
	"github.com/u-root/u-root/pkg/core/cp"
	"github.com/u-root/u-root/pkg/core/find"
	"github.com/u-root/u-root/pkg/core/gzip"
	"github.com/u-root/u-root/pkg/core/ls"
	"github.com/u-root/u-root/pkg/core/mkdir"
	"github.com/u-root/u-root/pkg/core/mktemp"
	"github.com/u-root/u-root/pkg/core/mv"
	"github.com/u-root/u-root/pkg/core/rm"
	"github.com/u-root/u-root/pkg/core/shasum"
	"github.com/u-root/u-root/pkg/core/tar"
	"github.com/u-root/u-root/pkg/core/touch"
	"github.com/u-root/u-root/pkg/core/xargs"
)

// Streams are a command's standard input, output and error.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// A command does its work with the arguments behind its name.
type command func(s Streams, args []string) error

// quiet ends a command with status 1 and no message: it found nothing.
var errQuiet = errors.New("nothing found")

// table returns all commands by name.
func table() map[string]command {
	all := map[string]command{
		"base64":  uroot(base64.New()),
		"cat":     uroot(cat.New()),
		"chmod":   uroot(chmod.New()),
		"cp":      uroot(cp.New()),
		"find":    uroot(find.New()),
		"gunzip":  uroot(gzip.New("gunzip")),
		"gzip":    uroot(gzip.New("gzip")),
		"ls":      uroot(ls.New()),
		"mkdir":   uroot(mkdir.New()),
		"mktemp":  uroot(mktemp.New()),
		"mv":      uroot(mv.New()),
		"rm":      uroot(rm.New()),
		"shasum":  uroot(shasum.New()),
		"tar":     uroot(tar.New()),
		"touch":   uroot(touch.New()),
		"xargs":   uroot(xargs.New()),
		"grep":    grep,
		"head":    head,
		"hexdump": hexdump,
		"sort":    sortLines,
		"tail":    tail,
		"update":  updateCommand,
		"wc":      wc,
	}
	maps.Copy(all, system())
	return all
}

// Names returns the names of the commands, sorted.
func Names() []string { return slices.Sorted(maps.Keys(table())) }

// Run runs the command called name and returns its exit status: 0 done, 1 failed
// or nothing found, 2 wrong usage, 127 no such command.
func Run(name string, args []string, s Streams) (status int) {
	run, ok := table()[name]
	if !ok {
		fmt.Fprintf(s.Err, "%s: no such command\n", name)
		return 127
	}
	switch err := run(s, args); {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, new(usageError)):
		fmt.Fprintf(s.Err, "%s: %v\n", name, err)
		return 2
	case !errors.Is(err, errQuiet):
		fmt.Fprintf(s.Err, "%s: %v\n", name, err)
	}
	return 1
}

func uroot(c core.Command) command {
	return func(s Streams, args []string) error {
		c.SetIO(s.In, s.Out, s.Err)
		return c.Run(args...)
	}
}

// usageError marks an error in what was typed.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// options parses a command's options; usage is shown with a wrong one.
func options(s Streams, name, usage string, args []string, define func(*flag.FlagSet)) ([]string, error) {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	if define != nil {
		define(f)
	}
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(s.Out, "usage:", usage)
		f.SetOutput(s.Out)
		f.PrintDefaults()
		return nil, err
	}
	if err != nil {
		return nil, usagef("%v; usage: %s", err, usage)
	}
	return f.Args(), nil
}
