package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"duostoryteller/app/bench"
	"duostoryteller/app/llama"
	"duostoryteller/app/report"
	"duostoryteller/app/results"
	"duostoryteller/app/speech"
	"duostoryteller/app/verify"
	"duostoryteller/app/voice"

	"github.com/spf13/cobra"
)

// suitesCommand runs all suites and keeps their results.
func suitesCommand() *cobra.Command {
	s := &suiteRun{official: bench.Official()}
	var short bool
	cmd := &cobra.Command{
		Use:   "suites --model CHECKPOINT [flags]",
		Short: "Run all test suites and keep their results",
		Long: `Suites runs the regression suite, the performance suite with the exact and with
the fast engine, and the voice's, and prints their tables. With --results they
are kept in a folder, each as soon as it is there: report.html and results.txt
for people and one JSON file a suite for programs. A folder on a file system that is mounted
read-only, as the card's FAT partition is, is made writable for that moment.

What a suite finds wrong does not keep the next one from running. Exit status 1
says that something was.`,
		Example: `  storyteller suites --model model.packed --results /boot
  storyteller suites --model stories15M.bin -z tokenizer.bin --short`,
		GroupID: groupCheck,
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			if short {
				s.most, s.official.Runs, s.official.Request.Steps = 2, 3, 64
			}
			s.cmd = cmd
			return s.all(ctx)
		},
	}
	s.model.add(cmd)
	cmd.Flags().MarkHidden("engine") // the suites know which
	cmd.Flags().StringVar(&s.suite, "suite", "", "file of the regression cases (default the card's)")
	cmd.Flags().StringVar(&s.dir, "results", "", "keep the results in this folder")
	cmd.Flags().BoolVar(&short, "short", false, "little of each, to see that they run")
	return cmd
}

// suiteRun is one run of all suites.
type suiteRun struct {
	cmd      *cobra.Command
	model    modelFlags
	suite    string
	dir      string
	most     int // regression cases; 0 for all
	official bench.Options
	text     bytes.Buffer // of results.txt
	page     report.Results
}

// table is what every suite's report is for people.
type table interface{ WriteTable(io.Writer) error }

func (s *suiteRun) all(ctx context.Context) error {
	var failed []string
	for _, suite := range []struct {
		name, title string
		run         func(context.Context) (result table, passed bool, err error)
	}{
		{"regression", "Regression: the exact engine's text against the reference", s.regression},
		{"performance", "Performance: the challenge's run, exact engine", func(ctx context.Context) (table, bool, error) { return s.performance(ctx, "exact") }},
		{"performance-fast", "Performance: the same, fast engine", func(ctx context.Context) (table, bool, error) { return s.performance(ctx, "fast") }},
		{"speech", "Speech: the voice alone", s.speech},
	} {
		result, passed, err := suite.run(ctx)
		if ctx.Err() != nil {
			return context.Canceled
		}
		if errors.As(err, new(usageError)) {
			return err
		}
		var text strings.Builder
		fmt.Fprintf(&text, "%s\n\n", suite.title)
		if err == nil {
			err = result.WriteTable(&text)
		}
		if err != nil {
			fmt.Fprintf(&text, "FAILED: %v\n", err)
		}
		if err != nil || !passed {
			failed = append(failed, suite.name)
		}
		fmt.Fprintln(&text)
		io.WriteString(s.cmd.OutOrStdout(), text.String())
		s.text.WriteString(text.String())
		if err := s.keep(suite.name, result, err); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("not passed: %s", strings.Join(failed, ", "))
	}
	return nil
}

// keep writes what is there so far.
func (s *suiteRun) keep(name string, result table, failure error) error {
	if s.dir == "" {
		return nil
	}
	var data any = result
	if failure != nil {
		data = map[string]string{"error": failure.Error()}
	}
	text, err := json.MarshalIndent(data, "", "  ")
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := report.Write(&page, s.page); err != nil {
		return err
	}
	// Windows' editor wants carriage returns in what people read.
	return errors.Join(results.Write(s.dir, name+".json", append(text, '\n')), results.Write(s.dir, "report.html", page.Bytes()),
		results.Write(s.dir, "results.txt", bytes.ReplaceAll(s.text.Bytes(), []byte("\n"), []byte("\r\n"))))
}

func (s *suiteRun) regression(ctx context.Context) (table, bool, error) {
	cases, err := s.model.cases(ctx, s.cmd, s.suite, "", s.most)
	if err != nil {
		return nil, false, err
	}
	model := s.model
	model.engine = defaultEngine
	engine, tokenizer, err := model.open(s.cmd)
	if err != nil {
		return nil, false, err
	}
	defer engine.Close()
	r, err := verify.Run(ctx, engine, tokenizer, cases, counter(s.cmd.ErrOrStderr(), "case"))
	if err != nil {
		return nil, false, err
	}
	r.Engine = model.engine
	s.page.Regression = r
	return r, r.Right == r.Total, nil
}

func (s *suiteRun) performance(ctx context.Context, engine string) (table, bool, error) {
	o, model := s.official, s.model
	model.engine = engine
	o.Open = func() (llama.Engine, *llama.Tokenizer, error) { return model.open(s.cmd) }
	o.Progress = counter(s.cmd.ErrOrStderr(), "run")
	r, err := bench.Measure(ctx, o)
	if engine == "fast" {
		s.page.Fast = r
	} else {
		s.page.Exact = r
	}
	return r, err == nil, err
}

func (s *suiteRun) speech(ctx context.Context) (table, bool, error) {
	flags := voiceFlags{name: voice.Default, params: voice.Normal()}
	speaker, err := flags.open(s.cmd)
	if err != nil {
		return nil, false, err
	}
	r := speaker.Text(ctx, strings.NewReader(speech.Sample))
	s.page.Speech = r
	return speechTable{r}, r.Complete, flags.close(speaker, r)
}

// speechTable is the voice's report as a table of one line.
type speechTable struct{ *speech.Report }

// WriteTable implements table.
func (s speechTable) WriteTable(w io.Writer) error {
	_, err := fmt.Fprintln(w, s.Report)
	return err
}
