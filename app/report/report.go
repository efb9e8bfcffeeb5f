// Package report makes one HTML page of the suites' results: no script, nothing
// fetched from elsewhere, so that it opens from the card on any PC. The plots are
// SVG in the page itself; they are few and simple, and the board writes them,
// which a plotting library would make too big for.
package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"duostoryteller/app/bandwidth"
	"duostoryteller/app/bench"
	"duostoryteller/app/cost"
	"duostoryteller/app/verify"
)

// Results are what the suites said; nil for one that did not run.
type Results struct {
	Regression *verify.Report
	Exact      *bench.Report
	Fast       *bench.Report
	Memory     *bandwidth.Report
	Speech     *Spoken
	Baseline   *bench.Alone
	Errors     map[string]string // why a suite that ran has no report, by its name

	Board *cost.Board // what the board's speed is modelled by; nil: nothing is modelled
}

// The challenge's official speeds on a Duo, in tokens per second.
const (
	OfficialBaseline = 0.360 // run.c, fp32, without swap
	OfficialChampion = 24.3  // the fastest entry, int8, another text than run.c's
)

//go:embed report.html
var page string

// Kinds of figures beside those of package bench.
const official = "official" // published by the challenge's jury

// Write writes the page.
func Write(w io.Writer, r Results) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"runs": runs, "perToken": perToken, "shares": shares, "memory": memory, "speeds": speeds, "sentences": sentences,
		"kind": func(k string) template.HTML {
			return template.HTML(`<span class="kind ` + template.HTMLEscapeString(k) + `">` + template.HTMLEscapeString(k) + `</span>`)
		},
		"percent": func(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) },
		"off":     func(f cost.Figure) string { return fmt.Sprintf("%+.1f %%", 100*f.Off()) },
		"giga":    func(v float64) string { return number(v / 1e9) },
		"mega":    func(v float64) string { return number(v / 1e6) },
		"num":     number, "add": func(a, b int) int { return a + b },
	}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, r)
}

// Verdict is a suite in one line.
type Verdict struct {
	Suite, Says, Kind string
	Passed            bool
}

// Verdicts are those of all suites that ran.
func (r Results) Verdicts() (all []Verdict) {
	add := func(suite, kind string, passed bool, format string, args ...any) {
		all = append(all, Verdict{suite, fmt.Sprintf(format, args...), kind, passed})
	}
	if v := r.Regression; v != nil {
		add("Regression", v.Environment.Kind, v.Right == v.Total, "%d of %d texts right (%.1f %%), compared with %s", v.Right, v.Total, 100*v.PassRate, v.Reference)
	}
	for _, b := range r.Benches() {
		add("Performance, "+b.Engine+" engine", b.Environment.Kind, true, "%s tokens/s, mean of %d runs without the extremes (%s to %s)",
			number(b.Speed.Mean), len(b.Runs), number(b.Speed.Min), number(b.Speed.Max))
	}
	if b := r.Baseline; b != nil {
		says := fmt.Sprintf("%s tokens/s, mean of %d run(s) of %s", number(b.Speed.Mean), len(b.Runs), b.Program)
		if c := b.Compared; c != nil {
			says += fmt.Sprintf("; ours is %s times as fast, with %s", number(c.Ratio), sameText(c.SameText))
		}
		add("Performance, run.c beside ours", b.Environment.Kind, true, "%s", says)
	}
	if m := r.Memory; m != nil {
		add("Memory", m.Environment.Kind, true, "%s", inShort(m))
	}
	if s := r.Speech; s != nil {
		add("Speech", s.Environment.Kind, s.Complete, "%.4f s of computing a second of speech, %d sentences, %d not spoken", s.Ratio, len(s.Sentences), s.Skipped)
	}
	names := Names()
	for _, other := range slices.Sorted(maps.Keys(r.Errors)) { // such as the start
		if !slices.Contains(names, other) {
			names = slices.Insert(names, 0, other)
		}
	}
	for _, name := range names {
		if why := r.Errors[name]; why != "" {
			add(name, "", false, "%s", why)
		}
	}
	return all
}

// inShort says what the memory suite measured.
func inShort(m *bandwidth.Report) string {
	says := fmt.Sprintf("clock %s GHz", number(m.Clock/1e9))
	if m.Memory.Fill > 0 {
		says += fmt.Sprintf(", memory %s GB/s", number(m.Memory.Fill/1e9))
	}
	if m.Card != nil {
		says += fmt.Sprintf(", card %s MB/s", number(m.Card.Sequential/1e6))
	}
	return says
}

func sameText(same bool) string {
	if same {
		return "the same text"
	}
	return "ANOTHER text"
}

// Ordered are the regression's cases, wrong ones first.
func (r Results) Ordered() []verify.Result {
	if r.Regression == nil {
		return nil
	}
	cases := slices.Clone(r.Regression.Results)
	slices.SortStableFunc(cases, func(a, b verify.Result) int {
		switch {
		case a.Right == b.Right:
			return 0
		case b.Right:
			return -1
		}
		return 1
	})
	return cases
}

// Model is a set of modelled figures by one set of parameters.
type Model struct {
	Parameters cost.Parameters
	Measured   bool // the parameters were, on this board
	Check      []cost.Figure
	Ours       []cost.Figure
}

// Models models the board's speed as it is assumed and, where the memory suite
// ran on a board, as it was measured.
func (r Results) Models() (all []Model) {
	if r.Board == nil {
		return nil
	}
	add := func(p cost.Parameters, measured bool) {
		all = append(all, Model{p, measured, r.Board.Check(p), r.Board.Ours(p)})
	}
	add(r.Board.Assumed, false)
	if m := r.Memory; m != nil && m.Environment.Kind == bench.Measured && m.Environment.Arch == "riscv64" && m.Memory.Fill > 0 {
		add(r.Board.Assumed.Measured(m), true)
	}
	return all
}

// Environment is that of the first suite that knows it.
func (r Results) Environment() bench.Environment {
	switch {
	case r.Regression != nil:
		return r.Regression.Environment
	case r.Exact != nil:
		return r.Exact.Environment
	case r.Fast != nil:
		return r.Fast.Environment
	case r.Memory != nil:
		return r.Memory.Environment
	case r.Speech != nil:
		return r.Speech.Environment
	case r.Baseline != nil:
		return r.Baseline.Environment
	}
	return bench.Environment{}
}

// Benches are the performance suites that ran.
func (r Results) Benches() []Bench {
	var all []Bench
	if r.Exact != nil {
		all = append(all, Bench{"exact", r.Exact})
	}
	if r.Fast != nil {
		all = append(all, Bench{"fast", r.Fast})
	}
	return all
}

// Clock is the processor's in Hz, 0 where the memory suite did not run.
func (r Results) Clock() float64 {
	if r.Memory == nil {
		return 0
	}
	return r.Memory.Clock
}

// Bench is one engine's performance.
type Bench struct {
	Engine string
	*bench.Report
}

// number prints three significant digits or so.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// The plots' size, and where the axes are.
const (
	width, height       = 640.0, 240.0
	left, bottom, above = 48.0, 24.0, 12.0
)

// plot is a frame with marks in it, in SVG's coordinates.
type plot struct {
	svg  strings.Builder
	most float64 // of the vertical axis
}

func newPlot(most float64, unit, title string) *plot {
	p := &plot{most: nice(most)}
	fmt.Fprintf(&p.svg, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, width, height, template.HTMLEscapeString(title))
	for i := range 5 {
		v := p.most * float64(i) / 4
		fmt.Fprintf(&p.svg, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text x="%g" y="%.1f" text-anchor="end">%s</text>`,
			left, width, p.y(v), p.y(v), left-5, p.y(v)+4, number(v))
	}
	fmt.Fprintf(&p.svg, `<text x="%g" y="%g">%s</text>`, left+4, above, template.HTMLEscapeString(unit))
	return p
}

// nice is the next of 1, 2, 4, 8 times a power of ten.
func nice(v float64) float64 {
	if !(v > 0) || math.IsInf(v, 0) {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 4, 8} {
		if v <= f*unit {
			return f * unit
		}
	}
	return 10 * unit
}

func (p *plot) y(v float64) float64 { return height - bottom - v/p.most*(height-bottom-2*above) }

// x places the i-th of n.
func (p *plot) x(i float64, n int) float64 { return left + (i+0.5)/float64(max(1, n))*(width-left) }

// level draws a line across, with its name.
func (p *plot) level(v float64, name string) {
	fmt.Fprintf(&p.svg, `<line class="level" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text class="level" x="%g" y="%.1f" text-anchor="end">%s</text>`,
		left, width, p.y(v), p.y(v), width-2, p.y(v)-3, template.HTMLEscapeString(name))
}

func (p *plot) done(below string) template.HTML {
	fmt.Fprintf(&p.svg, `<text x="%g" y="%g" text-anchor="end">%s</text></svg>`, width-2, height-6, template.HTMLEscapeString(below))
	return template.HTML(p.svg.String())
}

// runs plots the speed of each run beside the official figures.
func runs(b Bench) template.HTML {
	most := OfficialChampion
	for _, r := range b.Runs {
		most = max(most, r.TokensPerSecond)
	}
	p := newPlot(most, "tokens/s, "+b.Environment.Kind, "Tokens per second of each run, "+b.Engine+" engine")
	for i, r := range b.Runs {
		class := "bar"
		if r.Extreme {
			class = "extreme"
		}
		bar := (width - left) / float64(len(b.Runs)) * 0.7
		fmt.Fprintf(&p.svg, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>run %d: %s tokens/s</title></rect>`,
			class, p.x(float64(i), len(b.Runs))-bar/2, p.y(r.TokensPerSecond), bar, p.y(0)-p.y(r.TokensPerSecond), i+1, number(r.TokensPerSecond))
	}
	p.level(OfficialChampion, fmt.Sprintf("int8 champion on a Duo %g, another text (official)", OfficialChampion))
	p.level(OfficialBaseline, fmt.Sprintf("run.c on a Duo %.3f (official)", OfficialBaseline))
	return p.done("runs; the pale ones are the extremes that the mean leaves out")
}

// perToken plots the time of each token of the story.
func perToken(b Bench) template.HTML {
	most := 0.0
	for _, ms := range b.PerToken {
		most = max(most, ms)
	}
	p := newPlot(most, "ms a token, "+b.Environment.Kind, "Time of each token, "+b.Engine+" engine")
	var points, mean strings.Builder
	sum := 0.0
	for i, ms := range b.PerToken {
		fmt.Fprintf(&points, "%.1f,%.1f ", p.x(float64(i), len(b.PerToken)), p.y(ms))
		sum += ms
		fmt.Fprintf(&mean, "%.1f,%.1f ", p.x(float64(i), len(b.PerToken)), p.y(sum/float64(i+1)))
	}
	fmt.Fprintf(&p.svg, `<polyline class="thin" points="%s"/><polyline class="line" points="%s"/>`, &points, &mean)
	return p.done("position in the story; thick: mean up to there. Tokens are decided several at a time")
}

// share is a part of a bar.
type share struct {
	name  string
	value float64
}

// bar draws parts of a whole side by side, with a legend.
func bar(title, unit string, parts []share) template.HTML {
	total := 0.0
	for _, s := range parts {
		total += max(0, s.value)
	}
	if total == 0 {
		return ""
	}
	var svg strings.Builder
	rows := (len(parts) + 1) / 2
	fmt.Fprintf(&svg, `<svg viewBox="0 0 %g %d" role="img" aria-label="%s">`, width, 44+20*rows, template.HTMLEscapeString(title))
	x := 0.0
	for i, s := range parts {
		w := max(0, s.value) / total * width
		fmt.Fprintf(&svg, `<rect class="part%d" x="%.1f" y="0" width="%.1f" height="32"/>`, i, x, w)
		lx, ly := float64(i%2)*width/2, 44+20*(i/2)
		fmt.Fprintf(&svg, `<rect class="part%d" x="%g" y="%d" width="12" height="12"/><text x="%g" y="%d">%s: %s %s</text>`,
			i, lx, ly, lx+18, ly+10, template.HTMLEscapeString(s.name), number(s.value), unit)
		x += w
	}
	svg.WriteString(`</svg>`)
	return template.HTML(svg.String())
}

// shares shows where a token's time goes.
func shares(b Bench) template.HTML {
	if b.Work == nil {
		return ""
	}
	return bar("Where a token's time goes", "ms", []share{
		{"guessing with rough layers", b.Work.DraftMS}, {"layers in full precision", b.Work.LayersMS},
		{"attention", b.Work.AttendMS}, {"classifier: screening", b.Work.ScreenMS},
		{"classifier: exact rows", b.Work.RowsMS}, {"sampling", b.Work.SampleMS},
	})
}

// memory is a map of the machine's memory while a story is told: 64 squares, on
// the board each a megabyte.
func memory(b Bench) template.HTML {
	const columns, rows, cell, gap = 32, 2, 19.0, 1.0
	m := b.Memory
	if m.Total == 0 {
		return ""
	}
	whole := max(64<<10, m.Total) // kB; what Linux does not have is the kernel's own and the firmware's
	parts := []share{
		{"kernel, firmware, second core", float64(whole - m.Total)},
		{"storyteller at its largest", float64(min(m.Peak, m.Total-m.Available))},
		{"init, caches and the kernel's", float64(max(0, m.Total-m.Available-m.Peak))},
		{"left at the lowest", float64(m.Available)},
	}
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg viewBox="0 0 %g %g" role="img" aria-label="Map of the memory while a story is told">`, width, rows*(cell+gap)+62)
	each := float64(whole) / (columns * rows)
	end, at := 0.0, 0
	for i, p := range parts {
		end += p.value
		for ; at < columns*rows && (float64(at)+0.5)*each <= end; at++ {
			fmt.Fprintf(&svg, `<rect class="part%d" x="%.1f" y="%.1f" width="%g" height="%g"/>`, i, float64(at%columns)*(cell+gap), float64(at/columns)*(cell+gap), cell, cell)
		}
		lx, ly := float64(i%2)*width/2, rows*(cell+gap)+16+20*float64(i/2)
		fmt.Fprintf(&svg, `<rect class="part%d" x="%g" y="%g" width="12" height="12"/><text x="%g" y="%g">%s: %s MB</text>`,
			i, lx, ly, lx+18, ly+10, template.HTMLEscapeString(p.name), number(p.value/1024))
	}
	svg.WriteString(`</svg>`)
	return template.HTML(svg.String())
}

// speeds compares all speeds that are known, each with what it is.
func speeds(r Results) template.HTML {
	type speed struct {
		name, kind  string
		value, best float64 // best 0: there is no range
	}
	all := []speed{{"run.c, fp32, on a Duo", official, OfficialBaseline, 0}, {"int8 champion on a Duo, another text", official, OfficialChampion, 0}}
	if b := r.Baseline; b != nil {
		all = append(all, speed{"run.c here", b.Environment.Kind, b.Speed.Mean, 0})
	}
	for _, b := range r.Benches() {
		name := "exact engine here, run.c's text"
		if b.Engine != "exact" {
			name = b.Engine + " engine here, its own text"
		}
		all = append(all, speed{name, b.Environment.Kind, b.Speed.Mean, 0})
	}
	for _, m := range r.Models() {
		name := "a Duo as assumed"
		if m.Measured {
			name = "by this board's figures"
		}
		for _, f := range m.Ours {
			s := speed{f.Name + " engine, " + name, f.Kind, f.Speed, 0}
			if f.Best > 0 {
				s.best = 1000 / f.Best
			}
			all = append(all, s)
		}
	}
	most := 0.0
	for _, s := range all {
		most = max(most, s.value, s.best)
	}
	const names, row, room = 225.0, 24.0, 190.0
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg viewBox="0 0 %g %g" role="img" aria-label="Tokens per second compared">`, width, row*float64(len(all))+4)
	for i, s := range all {
		y := row * float64(i)
		w := max(1.5, s.value/most*(width-names-room))
		value, end := number(s.value), w
		if s.best > 0 { // a line from the conservative end to the best
			end = s.best / most * (width - names - room)
			value += " to " + number(s.best)
			fmt.Fprintf(&svg, `<line class="level" x1="%.1f" x2="%.1f" y1="%g" y2="%g"/>`, names+w, names+end, y+row/2, y+row/2)
		}
		fmt.Fprintf(&svg, `<text x="%g" y="%g" text-anchor="end">%s</text><rect class="%s" x="%g" y="%g" width="%.1f" height="%g"/><text x="%.1f" y="%g">%s tokens/s, %s</text>`,
			names-6, y+16, template.HTMLEscapeString(s.name), template.HTMLEscapeString(s.kind), names, y+4, w, row-8, names+end+6, y+16, value, template.HTMLEscapeString(s.kind))
	}
	svg.WriteString(`</svg>`)
	return template.HTML(svg.String())
}

// sentences shows for each sentence how long it sounds and how long it was
// computed.
func sentences(s *Spoken) template.HTML {
	if s.Report == nil || len(s.Sentences) == 0 {
		return ""
	}
	most := 0.0
	for _, x := range s.Sentences {
		most = max(most, x.Speech, x.Compute)
	}
	p := newPlot(most, "seconds a sentence, "+s.Environment.Kind, "Speech and computing of each sentence")
	n := len(s.Sentences)
	half := (width - left) / float64(n) * 0.35
	for i, x := range s.Sentences {
		for j, v := range []float64{x.Speech, x.Compute} {
			class := []string{"extreme", "bar"}[j]
			fmt.Fprintf(&p.svg, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, class, p.x(float64(i), n)+half*float64(j-1), p.y(v), half, p.y(0)-p.y(v))
		}
	}
	return p.done("sentences; pale: how long it sounds, dark: how long it was computed")
}
