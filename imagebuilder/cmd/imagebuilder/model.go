package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"duostoryteller/app/cost"
	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/boardtest"

	"github.com/spf13/cobra"
)

func modelCommand() *cobra.Command {
	var boardName, measured string
	var clock, dram, card float64
	var shape string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "model [COUNTS.json...]",
		GroupID: groupUse,
		Short:   "Model the board's speed from counted instructions and bytes",
		Long: `Model turns counts of work, made under emulation, into milliseconds a token and
tokens a second on the board: those of our engines (engines.toml beside the board's
board.toml) and of the files named. Its figures are modelled: nobody measured them.

    time = max(cycles/clock + DRAM bytes/bandwidth, card bytes/bandwidth)

A file of counts has JSON objects: name, cycles (serial; or instructions and
cycles_per_instruction), dram_bytes, card_bytes, and tokens if these are sums.

How fast memory is nobody knows exactly: unless parameters are given or measured, a
time is stated three times, by a conservative, a likely and the best bandwidth.

Clock and bandwidths are [cost] in the board's board.toml, where their sources
are. --measured takes those that a board's memory suite measured in their place,
from the file that 'imagebuilder test' has written or memory.json from the card.

With --shape it prints what each engine will do with a model before any card is made:
memory by part, and bytes and tokens a second as ranges, modelled.

Otherwise, whatever it is asked for, it first checks itself against the programs that were
timed on a board and what else was measured there, official.toml beside board.toml.`,
		Example: `  imagebuilder model
  imagebuilder model --shape stories42M
  imagebuilder model --shape 512,1376,8,8,8,32000,1024
  imagebuilder model --measured results/milkv-duo-2026-01-31-120000.json
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
			known, err := cost.ReadBoard(b.Dir)
			if err != nil {
				return err
			}
			m := model{Board: b.Name, title: b.Title, Parameters: known.Assumed, known: known}
			if measured != "" {
				figures, err := boardtest.Measured(measured)
				if err != nil {
					return err
				}
				m.Parameters, m.Measured = m.Parameters.Measured(figures), figures.Environment.Machine
			}
			for _, o := range []struct {
				flag  string
				value float64
				to    *float64
			}{{"clock", clock, &m.Parameters.Clock}, {"dram", dram, &m.Parameters.DRAM}, {"card", card, &m.Parameters.Card}} {
				if !cmd.Flags().Changed(o.flag) {
					continue
				}
				if !(o.value > 0) {
					return usageError{fmt.Errorf("--%s %v: more than 0", o.flag, o.value)}
				}
				*o.to, m.given = o.value, true
			}
			m.Check, m.Figures = known.Check(m.Parameters), known.Ours(m.Parameters)
			for _, file := range args {
				counts, err := cost.ReadCounts(file)
				if err != nil {
					return err
				}
				for _, c := range counts {
					m.Figures = append(m.Figures, known.Model(c, m.Parameters))
				}
			}
			if shape != "" {
				return printPlans(cmd.OutOrStdout(), b, known, shape, asJSON)
			}
			if asJSON {
				text, err := json.MarshalIndent(m, "", "  ")
				fmt.Fprintf(cmd.OutOrStdout(), "%s\n", text)
				return err
			}
			return m.write(cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&boardName, "board", "milkv-duo", "board of silicon, a folder of board/")
	f.StringVar(&measured, "measured", "", "results of a board whose measured clock and bandwidths are taken")
	f.Float64Var(&clock, "clock", 0, "cycles a second, instead of the board's")
	f.Float64Var(&dram, "dram", 0, "bytes a second from memory, instead of the board's")
	f.Float64Var(&card, "card", 0, "bytes a second from the card, instead of the board's")
	f.StringVar(&shape, "shape", "", "what each engine will do with this model: a checkpoint, a known name, or DIM,HIDDEN,LAYERS,HEADS,KVHEADS,VOCABULARY,CONTEXT")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// model is what is modelled, and by which parameters.
type model struct {
	Board      string          `json:"board"`
	Parameters cost.Parameters `json:"parameters"`
	Measured   string          `json:"measured_on,omitempty"` // the board that they were measured on
	Check      []cost.Figure   `json:"check"`
	Figures    []cost.Figure   `json:"figures"`

	title string
	given bool // some parameters are the user's
	known cost.Board
}

// write prints the check and the figures.
func (m model) write(out io.Writer) error {
	p := m.Parameters
	source := "as board.toml assumes"
	if m.Measured != "" {
		source = "measured on " + m.Measured
	}
	if m.given {
		source += ", but for those given here"
	}
	fmt.Fprintf(out, "%s, modelled: clock %.3g Hz, memory %.3g B/s, card %.3g B/s (%s)\n\n", m.title, p.Clock, p.DRAM, p.Card, source)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	assumed := p == m.known.Assumed
	heading := "\tms cycles\tmemory\tcard\ttoken\ttokens/s"
	if assumed {
		heading = "\tms cycles\tmemory\tcard\ttoken\tlikely\tbest\ttokens/s"
	}
	row := func(f cost.Figure) {
		fmt.Fprintf(w, "  %s\t%.1f\t%.1f\t%.1f\t%.1f\t", f.Name, f.Cycles, f.DRAM, f.Card, f.Total)
		if assumed {
			fmt.Fprintf(w, "%.1f\t%.1f\t", f.Likely, f.Best)
		}
		fmt.Fprintf(w, "%.3g", f.Speed)
	}
	fmt.Fprintln(w, "The check, against official results"+heading+"\tofficial\toff")
	for _, f := range m.Check {
		row(f)
		fmt.Fprintf(w, "\t%.3g\t%+.1f %%\n", f.Against, 100*f.Off())
	}
	w.Flush()
	if assumed {
		fmt.Fprintln(out, "The check shows that one set of parameters meets all of them, no more: each was used to choose one:")
		for _, f := range m.Check {
			fmt.Fprintf(w, "  %s\t%s\n", f.Fitted, f.Name)
		}
		w.Flush()
		m.unexplained(out)
		m.rates(w)
		fmt.Fprintf(w, "\nToken: by the conservative %.3g B/s of memory; likely %.3g, best %.3g. Goals count by the first.\n", p.DRAM, m.known.Likely.DRAM, m.known.Best.DRAM)
	}
	fmt.Fprintln(w, "\nModelled"+heading)
	for _, f := range m.Figures {
		row(f)
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// unexplained prints what faster memory leaves of the programs whose groups are known.
func (m model) unexplained(out io.Writer) {
	for _, o := range m.known.Official {
		if o.Groups == 0 {
			continue
		}
		for _, p := range []cost.Parameters{m.known.Likely, m.known.Best} {
			ms, cycles := o.Unexplained(p)
			fmt.Fprintf(out, "With memory at %.3g B/s, %.1f ms a token of %q are unexplained: %.1f cycles for each group of 32 weights.\n", p.DRAM, ms, o.Name, cycles)
		}
	}
}

// rates prints what the model says of rates that were measured.
func (m model) rates(w io.Writer) {
	fmt.Fprintln(w, "\nThe check, against public measurements, MB/s\tconservative\tlikely\tbest\tmeasured")
	for _, r := range m.known.Measurements {
		fmt.Fprintf(w, "  %s", r.Name)
		for _, p := range []cost.Parameters{m.known.Assumed, m.known.Likely, m.known.Best} {
			fmt.Fprintf(w, "\t%.4g", r.Modelled(p)/1e6)
		}
		fmt.Fprintf(w, "\t%.4g to %.4g\n", r.Rate[0]/1e6, r.Rate[1]/1e6)
	}
}
