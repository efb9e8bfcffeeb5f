// Runner runs go test, prints what go test prints, and lists at the end which
// tests took longest, which were skipped, and why, and which failed:
//
//	go run ./tests/runner [-allow FILE] [-strict] -- ARGUMENTS OF GO TEST
//
// FILE lists the skips that are expected. With -strict, which the variable CI
// stands for, too, any other skip is a failure.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	allow := flag.String("allow", "tests/runner/skips.txt", "list of the skips that are expected")
	strict := flag.Bool("strict", os.Getenv("CI") != "", "let the run fail for a skip that is not expected; set by the variable CI")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *allow, *strict, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "runner:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, allow string, strict bool, args []string) error {
	expected, err := readExpected(allow)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stderr = out
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	sum, err := follow(events, out)
	if failed := cmd.Wait(); failed != nil {
		err = fmt.Errorf("go test: %w", failed)
	}
	listSlow(out, sum.durations)
	unexpected := list(out, sum.skips, expected)
	listFailures(out, sum.failures)
	if err == nil && strict && unexpected > 0 {
		err = fmt.Errorf("%d tests were skipped that %s does not expect to be", unexpected, allow)
	}
	return err
}
