// Shell is the card's /bin/sh and, under other names, all the small programs that
// go with it: one binary, as a busybox is.
//
// Synopsis:
//
//	sh                       talk to a person on the terminal
//	sh -c LINE [NAME ARG...] obey a line
//	sh FILE [ARG...]         obey a file
//	sh --version             say which one this is
//	ls, cat, ...             links to this binary
//
// Description:
//
//	The language is POSIX's with most of bash's, see mvdan.cc/sh; there is no job
//	control. The commands are those of package commands; each runs in a process of
//	its own, so that Ctrl-C ends it and its memory is given back.
//
// Exit status: that of the last command; 2 wrong usage, 127 no such command.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"duostoryteller/app/commands"
	"duostoryteller/app/shell"
	"duostoryteller/app/version"

	"golang.org/x/term"
)

func main() {
	// Beside the storyteller there is little memory, and nothing here makes much garbage.
	debug.SetGCPercent(20)
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "-") // a login shell's has a dash
	if slices.Contains(commands.Names(), name) {
		os.Exit(commands.Run(name, os.Args[1:], commands.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	os.Exit(run(os.Args[1:]))
}

func run(args []string) (status int) {
	ctx := context.Background()
	switch {
	case len(args) == 0 && term.IsTerminal(int(os.Stdin.Fd())):
		fmt.Printf("A shell; `exit` leaves it. Tab completes. Its commands beside the language's own:\n%s\n", strings.Join(commands.Names(), " "))
		return shell.Interactive(ctx, os.Stdin, append(commands.Names(), "cd", "echo", "exit", "help", "pwd", "storyteller"))
	case len(args) == 0:
		return shell.Run(ctx, os.Stdin, "stdin")
	case args[0] == "--version":
		fmt.Println(version.Line("shell"))
		return 0
	case args[0] == "-c" && len(args) > 1:
		var parameters []string
		if len(args) > 3 {
			parameters = args[3:]
		}
		return shell.Run(ctx, strings.NewReader(args[1]), "line", parameters...)
	case strings.HasPrefix(args[0], "-"):
		fmt.Fprintf(os.Stderr, "sh: %s is no option; usage: sh [-c LINE | FILE] [ARGUMENT...]\n", args[0])
		return 2
	}
	script, err := os.Open(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, "sh:", err)
		return 127
	}
	defer script.Close()
	return shell.Run(ctx, script, args[0], args[1:]...)
}
