package bench

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	e := r.Environment
	line("machine", "%s (%s), Linux %s: times are %s", cmp.Or(e.Machine, "without a name"), e.CPU, e.Kernel, e.Kind)
	line("arithmetic", "%s, %s, %d processor(s)", e.Arithmetic, e.Go, e.Processors)
	q := r.Request
	line("request", "-t %v -p %v -s %d -n %d -i %q", q.Temperature, q.TopP, q.Seed, q.Steps, q.Prompt)
	s := r.Speed
	line("speed", "%.3f tokens/s ± %.3f, mean of %s by run.c's clock (%.3f to %.3f)", s.Mean, s.Spread, kept(len(r.Runs)), s.Min, s.Max)
	if a := r.Against; a != nil {
		same := "the same text"
		if !a.SameText {
			same = "another text"
		}
		line("compared with", "%s: %.3f tokens/s ± %.3f, %s: ratio %.2f", a.Program, a.Speed.Mean, a.Speed.Spread, same, a.Ratio)
	}
	line("opening the model", "%.3f s", r.Opening)
	line("first token", "%.3f s after the start, %.3f s with the model in memory", r.FirstToken, r.WarmToken)
	if k := r.Work; k != nil {
		line("a token takes", "%.2f ms guessing, %.2f ms layers, %.2f ms attention, %.2f ms screening, %.2f ms exact rows, %.2f ms sampling",
			k.DraftMS, k.LayersMS, k.AttendMS, k.ScreenMS, k.RowsMS, k.SampleMS)
		line("", "%.2f rounds, %.2f of %.2f guesses right, %.1f rows scored, %.0f bytes of rows read (median %d)",
			k.Rounds, k.Accepted, k.Drafted, k.RowsScored, k.RowBytes, k.MedianRead)
		line("decisions", "%d, %d looked deeper, %d took the remainder, %d the whole classifier", k.Sampled, k.Deepened, k.Refined, k.Fallbacks)
	}
	m, c := r.Memory, r.Card
	line("memory", "%d kB at most in this program; %d of %d kB left at the lowest, %d before", m.Peak, m.Available, m.Total, m.Before)
	line("card", "%d kB read for opening and the first story, %d for the last; median of a token %d kB", c.KBBefore, c.KBWatched, c.MedianKBAToken)
	line("kernel", "%d major faults, %d pages swapped in, %d out, %d killed for memory", c.MajorFaults, c.SwapIn, c.SwapOut, c.OOMKills)
	return t.Flush()
}

func kept(runs int) string {
	if runs > 2 {
		return fmt.Sprintf("%d runs without the fastest and the slowest", runs)
	}
	return fmt.Sprintf("%d run(s)", runs)
}
