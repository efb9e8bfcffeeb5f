// Package boardtest runs the suites that are on the card from a PC, over the
// board's console, and keeps their results. The board may be one of silicon at
// a serial line or an emulated one: the console is all that is needed.
package boardtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"duostoryteller/app/bench"
	"duostoryteller/app/report"
	"duostoryteller/app/verify"
)

// Results are what the suites of one board said.
type Results struct {
	Board  string    `json:"board"`
	Way    string    `json:"way"` // "serial" or "emulated"
	Time   time.Time `json:"time"`
	Short  bool      `json:"short"` // not the jury's suites, but less of each
	Suites []Suite   `json:"suites"`
}

// Suite is one suite's result.
type Suite struct {
	Name    string          `json:"name"`
	Command string          `json:"command"`          // typed on the board's console
	Report  json.RawMessage `json:"report,omitempty"` // as the board printed it
	Error   string          `json:"error,omitempty"`  // why there is no report
}

// suites are the commands that run them.
func suites(short bool) []Suite {
	if short {
		return []Suite{
			{Name: "regression", Command: "verify --json - --cases 2"},
			{Name: "performance", Command: "bench --json - --runs 1 -n 32"},
			{Name: "performance-fast", Command: "bench --engine fast --json - --runs 1 -n 32"},
		}
	}
	return []Suite{
		{Name: "regression", Command: "verify --json -"},
		{Name: "performance", Command: "bench --json -"},
		{Name: "performance-fast", Command: "bench --engine fast --json -"},
	}
}

// Run waits for the board at the console and runs its suites, the short ones if
// so asked. A suite that breaks off is a result. Progress, which may be nil, is
// told what is going on.
func Run(ctx context.Context, c *Console, short bool, progress func(what string)) ([]Suite, error) {
	if progress == nil {
		progress = func(string) {}
	}
	progress("waiting for the board")
	if err := c.ready(ctx); err != nil {
		return nil, fmt.Errorf("the board does not prompt: %w", err)
	}
	list := suites(short)
	for i := range list {
		s := &list[i]
		if err := c.settle(ctx); err != nil {
			return list[:i], err
		}
		progress("the " + s.Name + " suite")
		if err := c.send(s.Command); err != nil {
			return list[:i], err
		}
		said, err := c.waitFor(ctx, prompt, 0)
		if err != nil {
			return list[:i], fmt.Errorf("the %s suite does not end: %w", s.Name, err)
		}
		if s.Report, err = findReport(said); err != nil {
			s.Error = err.Error()
		}
	}
	return list, nil
}

// findReport finds the JSON in what the console said.
func findReport(said string) (json.RawMessage, error) {
	begin := strings.Index("\n"+said, "\n{")
	if begin < 0 {
		if strings.Contains(said, "story starts") {
			return nil, errors.New("the card's console does not know this command: it is of an older version")
		}
		return nil, fmt.Errorf("no report; the console says %q", strings.Join(strings.Fields(said), " "))
	}
	var text json.RawMessage
	if err := json.NewDecoder(strings.NewReader(said[begin:])).Decode(&text); err != nil {
		return nil, fmt.Errorf("the report is damaged, something else wrote on the console: %w", err)
	}
	return text, nil
}

// Summary says in a line how a suite went, and whether it passed.
func (s Suite) Summary() (line string, passed bool) {
	if s.Error != "" {
		return s.Name + ": " + s.Error, false
	}
	switch s.Name {
	case "regression":
		var r verify.Report
		if err := json.Unmarshal(s.Report, &r); err != nil || r.Total == 0 {
			return s.Name + ": the report has no cases", false
		}
		return fmt.Sprintf("%s, %s: %d of %d texts right (%.1f %%), compared with %s", s.Name, r.Environment.Kind, r.Right, r.Total, 100*r.PassRate, r.Reference), r.Right == r.Total
	case "performance", "performance-fast":
		var r bench.Report
		if err := json.Unmarshal(s.Report, &r); err != nil || len(r.Runs) == 0 {
			return s.Name + ": the report has no runs", false
		}
		return fmt.Sprintf("%s, %s: %.2f tokens/s, mean of %d runs without the extremes (%.2f to %.2f)", s.Name, r.Environment.Kind, r.Speed.Mean, len(r.Runs), r.Speed.Min, r.Speed.Max), true
	}
	return s.Name + ": unknown", false
}

// Passed tells whether all suites did.
func (r Results) Passed() bool {
	for _, s := range r.Suites {
		if _, ok := s.Summary(); !ok {
			return false
		}
	}
	return len(r.Suites) > 0
}

// Save writes the results into dir, as BOARD-DATE.json and a page for people,
// BOARD-DATE.html, and returns the first file.
func (r Results) Save(dir string) (string, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	var page bytes.Buffer
	if err := report.Write(&page, r.page()); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	stem := filepath.Join(dir, r.Board+"-"+r.Time.UTC().Format("2006-01-02-150405"))
	return stem + ".json", errors.Join(write(stem+".json", append(text, '\n')), write(stem+".html", page.Bytes()))
}

// page is what the report is made of.
func (r Results) page() (page report.Results) {
	for _, s := range r.Suites {
		if _, passed := s.Summary(); !passed && s.Name != "regression" {
			continue
		}
		switch s.Name {
		case "regression":
			page.Regression = decode[verify.Report](s)
		case "performance":
			page.Exact = decode[bench.Report](s)
		case "performance-fast":
			page.Fast = decode[bench.Report](s)
		}
	}
	return page
}

// decode reads a suite's report; one that cannot be read is left out.
func decode[T any](s Suite) *T {
	r := new(T)
	if err := json.Unmarshal(s.Report, r); err != nil {
		return nil
	}
	return r
}

// write writes a file, whole or not at all.
func write(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".unfinished-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
