// Imagebuilder turns this repository's sources and a board description into a
// microSD card image, and runs, inspects and writes such images.
//
// Synopsis:
//
//	imagebuilder VERB [flags] [arguments]
//
// Each verb has a file of its own in this folder. Exit status: 0 done,
// 1 failed, 2 wrong usage.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// uninterrupted puts Ctrl-C off until over is called.
func uninterrupted() (over func()) {
	signal.Ignore(os.Interrupt)
	return func() { signal.Reset(os.Interrupt) }
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
