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
	"math"
	"strings"

	"duostoryteller/app/bandwidth"
	"duostoryteller/app/bench"
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
}

// The challenge's official speeds on a Duo, in tokens per second.
const (
	OfficialBaseline = 0.360 // run.c, fp32, without swap
	OfficialChampion = 24.3  // the fastest entry, int8, another text than run.c's
)

//go:embed report.html
var page string

// Write writes the page.
func Write(w io.Writer, r Results) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"runs": runs, "perToken": perToken, "shares": shares, "memory": memory,
		"percent": func(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) },
		"num":     number, "add": func(a, b int) int { return a + b },
	}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, r)
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
		{"guessing with the 8-bit layers", b.Work.DraftMS}, {"layers in full precision", b.Work.LayersMS},
		{"classifier: screening", b.Work.ScreenMS}, {"classifier: exact rows, sampling", b.Work.DecideMS},
	})
}

// memory shows who has the machine's memory while a story is told.
func memory(b Bench) template.HTML {
	m := b.Memory
	others := m.Total - m.Available - m.Peak
	return bar("Memory while a story is told", "MB", []share{
		{"storyteller (peak)", float64(m.Peak) / 1024}, {"kernel's and other programs'", float64(max(0, others)) / 1024}, {"available (lowest)", float64(m.Available) / 1024},
	})
}
