package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"duostoryteller/app/bandwidth"
	"duostoryteller/app/bench"
	"duostoryteller/app/cost"
	"duostoryteller/app/llama"
	"duostoryteller/app/machine"
	"duostoryteller/app/report"
	"duostoryteller/app/results"
	"duostoryteller/app/speech"
	"duostoryteller/app/verify"
	"duostoryteller/app/voice"

	"github.com/spf13/cobra"
)

// cardShare is where a card has what is known of its board.
const cardShare = "/usr/share/storyteller"

// Where a card has a build of llama2.c's run.c to compare with, and its checkpoint;
// see imagebuilder build --baseline.
const (
	baselineProgram = cardShare + "/baseline/run"
	baselineModel   = cardShare + "/baseline/model.bin"
)

// suitesCommand runs all suites and keeps their results.
func suitesCommand() *cobra.Command {
	s := &suiteRun{official: bench.Official(), baselineRuns: 3}
	var short bool
	var asJSON string
	cmd := &cobra.Command{
		Use:   "suites --model CHECKPOINT [flags]",
		Short: "Run all test suites and keep their results",
		Long: `Suites runs the regression suite, the performance suite with the exact and with
the fast engine, what the speed rests on (bench --memory), the voice's, and, where
there is a build of run.c to compare with, that program's performance. It prints
their tables. With --results they are kept in a folder, each as soon as it is
there, in place of an earlier run's: report.html and results.txt for people and one
JSON file a suite for programs. A folder on a file system that is mounted read-only,
as the card's FAT partition is, is made writable for that moment.

A run of run.c takes 12 minutes on a board, so it is made three times;
--baseline-runs 30 is what the challenge's jury did.

What a suite finds wrong does not keep the next one from running. Exit status 1
says that something was.`,
		Example: `  storyteller suites --model model.packed --results /boot
  storyteller suites --model stories15M.bin -z tokenizer.bin --short
  storyteller suites --model stories15M.bin --only regression,speech`,
		GroupID: groupCheck,
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.check(cmd, asJSON); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			if short {
				s.most, s.official.Runs, s.official.Request.Steps = 2, 3, 32
				s.baselineRuns, s.effort = 1, 20*time.Millisecond
			}
			s.cmd, s.json = cmd, asJSON == "-"
			return s.all(ctx)
		},
	}
	s.model.add(cmd)
	flags := cmd.Flags()
	flags.MarkHidden("engine") // the suites know which
	flags.StringVar(&s.suite, "suite", "", "file of the regression cases (default the card's)")
	flags.StringVar(&s.dir, "results", "", "keep the results in this folder")
	flags.BoolVar(&short, "short", false, "little of each, to see that they run")
	flags.StringSliceVar(&s.only, "only", nil, "these suites alone: "+strings.Join(report.Names(), ", "))
	flags.StringVar(&asJSON, "json", "", "- prints one JSON object a suite in place of the tables")
	flags.StringVar(&s.baseline.Path, "baseline", "", "a build of llama2.c's run.c to measure beside ours (default the card's)")
	flags.StringVar(&s.baseline.Checkpoint, "baseline-model", "", "that program's checkpoint (default the card's, else --model)")
	flags.IntVar(&s.baselineRuns, "baseline-runs", s.baselineRuns, "how many stories that program tells")
	return cmd
}

// suiteRun is one run of all suites.
type suiteRun struct {
	cmd          *cobra.Command
	model        modelFlags
	suite        string
	dir          string
	only         []string
	json         bool
	most         int // regression cases; 0 for all
	official     bench.Options
	baseline     bench.Program
	baselineRuns int
	effort       time.Duration // of the memory suite; 0 for its own
	text         bytes.Buffer  // of results.txt
	entry        report.Entry  // the newest
	page         report.Results
}

// table is what every suite's report is for people.
type table interface{ WriteTable(io.Writer) error }

// check looks at the flags.
func (s *suiteRun) check(cmd *cobra.Command, asJSON string) error {
	for _, name := range s.only {
		if !slices.Contains(report.Names(), name) {
			return usageErrorf(cmd, "--only %s: the suites are %s", name, strings.Join(report.Names(), ", "))
		}
	}
	if asJSON != "" && asJSON != "-" {
		return usageErrorf(cmd, "--json %s: - is standard output; --results FOLDER keeps a file a suite", asJSON)
	}
	if s.baselineRuns < 1 {
		return usageErrorf(cmd, "--baseline-runs %d: one or more", s.baselineRuns)
	}
	if s.baseline.Path == "" {
		if _, err := os.Stat(baselineProgram); err == nil {
			s.baseline.Path = baselineProgram
			s.baseline.Checkpoint = cmp.Or(s.baseline.Checkpoint, baselineModel)
		} else if slices.Contains(s.only, report.Baseline) {
			return usageErrorf(cmd, "--only %s: there is no program to compare with: give --baseline", report.Baseline)
		}
	}
	s.baseline.Checkpoint, s.baseline.Tokenizer = cmp.Or(s.baseline.Checkpoint, s.model.model), s.model.tokenizer
	return nil
}

// wants says whether a suite is to run.
func (s *suiteRun) wants(name string) bool {
	if name == report.Baseline && s.baseline.Path == "" {
		return false
	}
	return len(s.only) == 0 || slices.Contains(s.only, name)
}

func (s *suiteRun) all(ctx context.Context) error {
	var failed []string
	if s.model.model == "" {
		return usageErrorf(s.cmd, "no model: give --model CHECKPOINT")
	}
	prepare(s.cmd, s.model.model)
	if err := s.forget(); err != nil {
		failed = append(failed, s.unkept(err))
	}
	if b, err := cost.ReadBoard(cardShare); err == nil { // not on a card, nothing is modelled
		s.page.Board = &b
	}
	for _, suite := range []struct {
		name, title string
		run         func(context.Context) (result table, passed bool, err error)
	}{
		{report.Regression, "Regression: the exact engine's text against the reference", s.regression},
		{report.Performance, "Performance: the challenge's run, exact engine", func(ctx context.Context) (table, bool, error) { return s.performance(ctx, "exact") }},
		{report.PerformanceFast, "Performance: the same, fast engine", func(ctx context.Context) (table, bool, error) { return s.performance(ctx, "fast") }},
		{report.Memory, "Memory: what the speed rests on", s.memory},
		{report.Speech, "Speech: the voice alone", s.speech},
		{report.Baseline, "Performance: the same, the program that is compared with", s.alone},
	} {
		if !s.wants(suite.name) {
			continue
		}
		fmt.Fprintf(s.cmd.ErrOrStderr(), "suite %s begins\n", suite.name)
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
		s.text.WriteString(text.String())
		if !s.json {
			io.WriteString(s.cmd.OutOrStdout(), text.String())
		}
		if err := s.report(suite.name, result, err); err != nil {
			return err
		}
		if err := s.keep(suite.name); err != nil {
			failed = append(failed, s.unkept(err))
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("not passed: %s", strings.Join(failed, ", "))
	}
	return nil
}

// forget removes what an earlier run has kept, so that no results of two runs
// stand side by side.
func (s *suiteRun) forget() error {
	if s.dir == "" {
		return nil
	}
	return results.Remove(s.dir, resultFiles()...)
}

// resultFiles are the names of all files that are kept.
func resultFiles() []string {
	names := []string{report.PageFile, report.TextFile}
	for _, name := range report.Names() {
		names = append(names, report.File(name))
	}
	return names
}

// unkept says why results cannot be kept, and that they are not: a bad card must
// not keep the suites from running. It returns a name for what has failed.
func (s *suiteRun) unkept(err error) string {
	fmt.Fprintf(s.cmd.ErrOrStderr(), "storyteller: %v\n", err)
	s.dir = ""
	return "keeping the results"
}

// report takes a suite's result into the page, and prints it for programs.
func (s *suiteRun) report(name string, result table, failure error) (err error) {
	if s.entry, err = report.NewEntry(name, result, failure); err != nil {
		return err
	}
	if err := s.page.Add(s.entry); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if !s.json {
		return nil
	}
	return s.entry.Write(s.cmd.OutOrStdout())
}

// keep writes what is there so far.
func (s *suiteRun) keep(name string) error {
	if s.dir == "" {
		return nil
	}
	var text, page bytes.Buffer
	if err := errors.Join(s.entry.Write(&text), report.Write(&page, s.page)); err != nil {
		return err
	}
	return results.Write(s.dir,
		results.File{Name: report.File(name), Data: text.Bytes()},
		results.File{Name: report.PageFile, Data: page.Bytes()},
		// Windows' editor wants carriage returns in what people read.
		results.File{Name: report.TextFile, Data: bytes.ReplaceAll(s.text.Bytes(), []byte("\n"), []byte("\r\n"))})
}

// counter shows how many of a number of things are done: on a console that is no
// terminal of ours, such as a board's, by a line now and then.
func (s *suiteRun) counter(what string) func(done, total int) {
	w := s.cmd.ErrOrStderr()
	if c := counter(w, what); c != nil {
		return c
	}
	last := time.Now()
	return func(done, total int) {
		if done < total && time.Since(last) > signOfLife {
			last = time.Now()
			fmt.Fprintf(w, "%s %d of %d\n", what, done+1, total)
		}
	}
}

// signOfLife is how often a suite says how far it is.
const signOfLife = 20 * time.Second

func (s *suiteRun) regression(ctx context.Context) (table, bool, error) {
	model := s.model
	cases, err := model.cases(ctx, s.cmd, s.suite, "", s.most)
	if err != nil {
		return nil, false, err
	}
	model.engine = defaultEngine
	engine, tokenizer, err := model.open(s.cmd)
	if err != nil {
		return nil, false, err
	}
	defer engine.Close()
	r, err := verify.Run(ctx, engine, tokenizer, cases, s.counter("case"))
	if err != nil {
		return nil, false, err
	}
	r.Engine, r.Arithmetic = model.engine, model.arithmetic
	return r, r.Right == r.Total, nil
}

func (s *suiteRun) performance(ctx context.Context, engine string) (table, bool, error) {
	o, model := s.official, s.model
	model.engine = engine
	o.Open = func() (llama.Engine, *llama.Tokenizer, error) { return model.open(s.cmd) }
	o.Progress = s.counter("run")
	r, err := bench.Measure(ctx, o)
	return r, err == nil, err
}

func (s *suiteRun) memory(ctx context.Context) (table, bool, error) {
	r, err := bandwidth.Measure(ctx, bandwidth.Options{File: s.model.model, Short: s.effort, Progress: s.counter("figure")})
	return r, err == nil, err
}

// alone measures the program that is compared with, when no model of ours is in
// memory.
func (s *suiteRun) alone(ctx context.Context) (table, bool, error) {
	if s.baseline.Path == baselineProgram { // on a card: as on any other system there, not as we have it
		restore, err := machine.SetReadAhead(machine.UsualReadAhead)
		if err != nil {
			return nil, false, err
		}
		defer restore()
	}
	r, err := bench.MeasureAlone(ctx, s.baseline, s.official.Request, s.baselineRuns, s.counter("run"))
	if err == nil {
		r.Compare(s.page.Exact)
	}
	return r, err == nil, err
}

func (s *suiteRun) speech(ctx context.Context) (table, bool, error) {
	flags := voiceFlags{name: voice.Default, params: voice.Normal()}
	speaker, err := flags.open(s.cmd)
	if err != nil {
		return nil, false, err
	}
	r := &report.Spoken{Environment: bench.ThisMachine(), Voice: flags.name, Report: speaker.Text(ctx, strings.NewReader(speech.Sample))}
	r.PowerOn = 0 // nothing sounded
	return r, r.Complete, flags.close(speaker, r.Report)
}
