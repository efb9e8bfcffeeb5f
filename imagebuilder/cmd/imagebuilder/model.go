package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/cost"

	"github.com/spf13/cobra"
)

func modelCommand() *cobra.Command {
	var boardName string
	var clock, dram, card float64
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "model [COUNTS.json...]",
		GroupID: groupUse,
		Short:   "Model the board's speed from counted instructions and bytes",
		Long: `Model turns counts of work, made under emulation, into milliseconds a token and
tokens a second on the board. Its figures are modelled: nobody measured them.

    time = max(cycles/clock + DRAM bytes/bandwidth, card bytes/bandwidth)

A file of counts has JSON objects: name, cycles (serial; or instructions and
cycles_per_instruction), dram_bytes, card_bytes, and tokens if these are sums.

Clock and bandwidths are [cost] in the board's board.toml, where their sources
are; what was measured on a board corrects them by the options.

Whatever it is asked for, it first checks itself against the programs that were
timed on a board, official.toml beside board.toml.`,
		Example: `  imagebuilder model
  imagebuilder model --dram 1.3e9 --card 18e6 counts.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			source, err := repository()
			if err != nil {
				return err
			}
			b, err := board.Load(filepath.Join(source, "board"), boardName)
			if err != nil {
				return err
			}
			if b.CardOf != "" {
				return fmt.Errorf("there is nothing to model: %s is not of silicon; --board %s is", b.Title, b.CardOf)
			}
			p := cost.Of(b.Cost)
			for _, o := range []struct {
				flag  string
				value float64
				to    *float64
			}{{"clock", clock, &p.Clock}, {"dram", dram, &p.DRAM}, {"card", card, &p.Card}} {
				if !cmd.Flags().Changed(o.flag) {
					continue
				}
				if !(o.value > 0) {
					return usageError{fmt.Errorf("--%s %v: more than 0", o.flag, o.value)}
				}
				*o.to = o.value
			}
			known, err := cost.ReadOfficial(filepath.Join(b.Dir, "official.toml"))
			if err != nil {
				return err
			}
			check := cost.Check(known, p)
			var figures []cost.Figure
			for _, file := range args {
				counts, err := cost.ReadCounts(file)
				if err != nil {
					return err
				}
				for _, c := range counts {
					figures = append(figures, cost.Model(c, p))
				}
			}
			if asJSON {
				text, err := json.MarshalIndent(map[string]any{"board": b.Name, "parameters": p, "check": check, "figures": figures}, "", "  ")
				fmt.Fprintf(cmd.OutOrStdout(), "%s\n", text)
				return err
			}
			return writeModel(cmd.OutOrStdout(), b.Title, p, check, figures)
		},
	}
	f := cmd.Flags()
	f.StringVar(&boardName, "board", "milkv-duo", "board of silicon, a folder of board/")
	f.Float64Var(&clock, "clock", 0, "cycles a second, instead of the board's")
	f.Float64Var(&dram, "dram", 0, "bytes a second from memory, instead of the board's")
	f.Float64Var(&card, "card", 0, "bytes a second from the card, instead of the board's")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// writeModel prints the check and the figures.
func writeModel(out io.Writer, board string, p cost.Parameters, check, figures []cost.Figure) error {
	fmt.Fprintf(out, "%s, modelled: clock %.3g Hz, memory %.3g B/s, card %.3g B/s\n\n", board, p.Clock, p.DRAM, p.Card)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(f cost.Figure) {
		fmt.Fprintf(w, "  %s\t%.1f\t%.1f\t%.1f\t%.1f\t%.3g", f.Name, f.Cycles, f.DRAM, f.Card, f.Total, f.Speed)
	}
	const heading = "\tms cycles\tmemory\tcard\ttoken\ttokens/s"
	fmt.Fprintln(w, "The check, against official results"+heading+"\tofficial\toff")
	for _, f := range check {
		row(f)
		fmt.Fprintf(w, "\t%.3g\t%+.1f %%\n", f.Against, 100*f.Off())
	}
	w.Flush()
	fmt.Fprintln(out, "The check shows that one set of parameters meets all of them, no more: each was used to choose one:")
	for _, f := range check {
		fmt.Fprintf(w, "  %s\t%s\n", f.Fitted, f.Name)
	}
	w.Flush()
	if len(figures) > 0 {
		fmt.Fprintln(w, "\nModelled"+heading)
		for _, f := range figures {
			row(f)
			fmt.Fprintln(w)
		}
	}
	return w.Flush()
}
