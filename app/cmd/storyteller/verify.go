package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"duostoryteller/app/llama"
	"duostoryteller/app/verify"

	"github.com/spf13/cobra"
)

// suites is where the card has its test suites.
const suites = "/usr/share/storyteller/suites"

// verifyCommand compares stories with what they must be.
func verifyCommand() *cobra.Command {
	var (
		model  modelFlags
		suite  string
		of     string
		most   int
		asJSON string
	)
	cmd := &cobra.Command{
		Use:   "verify --model CHECKPOINT [flags]",
		Short: "Compare stories with llama2.c's, byte for byte",
		Long: `Verify tells every case of a suite and compares with the text that llama2.c's
run.c printed for the same prompt, seed, temperature, top-p and steps.

A suite is a file with one JSON object a line: model, prompt, temperature, topp,
seed, steps, text_hex, the text in hexadecimal, and arithmetic, which build of
run.c printed it (strict unless said). Cases of one arithmetic are told: of
--arithmetic, or if there are none and it was not asked for, of the other. The card has one for its
model. Without any, the texts are made on the spot by the plain engine, which
computes one step after the other as run.c does: that takes long, and shows
only that the engines agree.

Exit status 1 says that a text was wrong.`,
		Example: `  storyteller verify --model stories15M.bin --suite golden.jsonl
  storyteller verify --model model.packed --suite golden.jsonl --of stories15M.bin --cases 3
  storyteller verify --model stories15M.bin --cases 3`,
		GroupID: groupCheck,
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			cases, err := model.cases(ctx, cmd, suite, of, most)
			if err != nil {
				return err
			}
			engine, tokenizer, err := model.open(cmd)
			if err != nil {
				return err
			}
			defer engine.Close()
			report, err := verify.Run(ctx, engine, tokenizer, cases, counter(cmd.ErrOrStderr(), "case"))
			if err != nil {
				return err
			}
			report.Engine, report.Arithmetic = model.engine, model.arithmetic
			if asJSON == "-" {
				err = writeJSON(cmd.OutOrStdout(), report)
			} else {
				if asJSON != "" {
					err = writeFile(asJSON, report)
				}
				err = errors.Join(err, report.WriteTable(cmd.OutOrStdout()))
			}
			if err == nil && report.Right < report.Total {
				err = fmt.Errorf("%d of %d texts are wrong", report.Total-report.Right, report.Total)
			}
			return err
		},
	}
	model.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&suite, "suite", "", "file of cases (default the card's, "+suites+"/regression.jsonl)")
	flags.StringVar(&of, "of", "", "take the cases of this checkpoint only; needed if the suite has several and none of --model's name")
	flags.IntVar(&most, "cases", 0, "how many cases at most, the suite's first; 0 for all")
	flags.StringVar(&asJSON, "json", "", "write the report into this file too; - for standard output alone")
	return cmd
}

// cases returns those of the suite that are the model's, in one arithmetic, which
// becomes that of the flags.
func (f *modelFlags) cases(ctx context.Context, cmd *cobra.Command, suite, of string, most int) ([]verify.Case, error) {
	file := suite
	if file == "" {
		file = filepath.Join(suites, "regression.jsonl")
	}
	cases, err := verify.Open(file)
	if suite == "" && errors.Is(err, fs.ErrNotExist) {
		return f.byPlain(ctx, cmd, most)
	}
	if err != nil {
		return nil, err
	}
	models := map[string]bool{}
	for _, c := range cases {
		models[c.Model] = true
	}
	switch name := filepath.Base(f.model); {
	case of != "":
		cases = verify.Of(of, cases)
	case models[name]:
		cases = verify.Of(name, cases)
	case len(models) > 1:
		return nil, usageErrorf(cmd, "%s has cases of several checkpoints, none called %s: choose one with --of", file, name)
	}
	if len(cases) == 0 {
		return nil, fmt.Errorf("%s has no cases of %s", file, of)
	}
	if cases, err = f.inArithmetic(cmd, cases); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return first(most, cases), nil
}

// inArithmetic returns the cases of the arithmetic that the flags name, or if there
// are none and it was not asked for, those of another one.
func (f *modelFlags) inArithmetic(cmd *cobra.Command, cases []verify.Case) ([]verify.Case, error) {
	wanted, err := f.rounding(cmd)
	if err != nil {
		return nil, err
	}
	others := []llama.Arithmetic{wanted}
	if !cmd.Flags().Changed("arithmetic") {
		others = append(others, llama.Strict, llama.RISCV64Ofast)
	}
	for _, a := range others {
		if in := verify.In(a, cases); len(in) > 0 {
			f.arithmetic = a.String()
			return in, nil
		}
	}
	return nil, fmt.Errorf("no cases in %s arithmetic", wanted)
}

func first(most int, cases []verify.Case) []verify.Case {
	if most > 0 && most < len(cases) {
		return cases[:most]
	}
	return cases
}

// byPlain has the plain engine make the right texts.
func (f *modelFlags) byPlain(ctx context.Context, cmd *cobra.Command, most int) ([]verify.Case, error) {
	fmt.Fprintf(cmd.ErrOrStderr(), "storyteller: no suite: the plain engine makes the texts to compare with, here and now\n")
	plain := *f
	plain.engine = "plain"
	arithmetic, err := f.rounding(cmd)
	if err != nil {
		return nil, err
	}
	f.arithmetic = arithmetic.String()
	engine, tokenizer, err := plain.open(cmd)
	if errors.Is(err, errPacked) {
		return nil, usageErrorf(cmd, "%s is packed, and there is no suite: name one with --suite, or give the checkpoint it was made of", f.model)
	}
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	return verify.Record(ctx, engine, tokenizer, first(most, verify.Usual(filepath.Base(f.model))), "the plain engine on this machine", counter(cmd.ErrOrStderr(), "reference"))
}
