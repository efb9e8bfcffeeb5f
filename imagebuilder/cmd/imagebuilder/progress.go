package main

import (
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows one bar after the other on a terminal.
type progress struct {
	w    io.Writer
	what string
	bar  *progressbar.ProgressBar
}

// newProgress returns nil when w is no terminal: no bars in log files.
func newProgress(w io.Writer) *progress {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return &progress{w: w}
}

// report shows that done of total is reached. A new what begins a new bar.
func (p *progress) report(what string, done, total int64) {
	if what != p.what {
		p.finish()
		p.what = what
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(p.w),
			progressbar.OptionSetDescription(what), progressbar.OptionSetWidth(30),
			progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
	}
	p.bar.Set64(min(done, total))
}

// steps shows one bar for work in steps of different names.
func (p *progress) steps(what string, done, total int64) {
	p.report("step by step", done, total)
	p.bar.Describe(what)
}

// finish takes the bar away.
func (p *progress) finish() {
	if p.bar != nil {
		p.bar.Clear()
	}
	p.what, p.bar = "", nil
}
