package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"duostoryteller/app/bandwidth"
	"duostoryteller/app/bench"
	"duostoryteller/app/speech"
	"duostoryteller/app/verify"
)

// The suites, in the order in which they run: what takes hours is the last.
const (
	Regression      = "regression"
	Performance     = "performance"
	PerformanceFast = "performance-fast"
	Memory          = "memory"
	Speech          = "speech"
	Baseline        = "performance-baseline"
)

// Names returns the names of all suites.
func Names() []string {
	return []string{Regression, Performance, PerformanceFast, Memory, Speech, Baseline}
}

// Files for people, which a run of the suites keeps beside one JSON file for each
// suite; see File.
const (
	PageFile = "report.html"
	TextFile = "results.txt"
)

// File is the name of the JSON file in which a suite's Entry is kept.
func File(suite string) string { return suite + ".json" }

// Entry is what one suite said, on its way to a file or over a line.
type Entry struct {
	Name   string          `json:"name"`
	Error  string          `json:"error,omitempty"` // why there is no report
	Report json.RawMessage `json:"report,omitempty"`
}

// NewEntry returns the entry of a suite that came to a report or failed.
func NewEntry(name string, report any, failure error) (Entry, error) {
	if failure != nil {
		return Entry{Name: name, Error: failure.Error()}, nil
	}
	text, err := json.Marshal(report)
	return Entry{Name: name, Report: text}, err
}

// Write writes the entry as indented JSON, whose lines are short enough for a
// terminal.
func (e Entry) Write(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(e)
}

// Summary says in a line how the suite went, and whether it passed.
func (e Entry) Summary() (line string, passed bool) {
	if e.Error != "" {
		return e.Name + ": " + e.Error, false
	}
	var r Results
	if err := r.Add(e); err != nil {
		return fmt.Sprintf("%s: the report cannot be read: %v", e.Name, err), false
	}
	v := r.Verdicts()[0]
	return fmt.Sprintf("%s, %s: %s", e.Name, v.Kind, v.Says), v.Passed
}

// Add takes an entry into the results. One that failed says so on the page.
func (r *Results) Add(e Entry) error {
	if e.Error != "" {
		if r.Errors == nil {
			r.Errors = map[string]string{}
		}
		r.Errors[e.Name] = e.Error
		return nil
	}
	switch e.Name {
	case Regression:
		return decode(e, &r.Regression, func(v *verify.Report) bool { return v.Total > 0 })
	case Performance:
		return decode(e, &r.Exact, func(b *bench.Report) bool { return len(b.Runs) > 0 })
	case PerformanceFast:
		return decode(e, &r.Fast, func(b *bench.Report) bool { return len(b.Runs) > 0 })
	case Baseline:
		return decode(e, &r.Baseline, func(b *bench.Alone) bool { return len(b.Runs) > 0 })
	case Memory:
		return decode(e, &r.Memory, func(m *bandwidth.Report) bool { return m.Clock > 0 })
	case Speech:
		return decode(e, &r.Speech, func(s *Spoken) bool { return s.Report != nil })
	}
	return fmt.Errorf("there is no suite %q", e.Name)
}

// decode reads a report that must hold something.
func decode[T any](e Entry, to **T, full func(*T) bool) error {
	v := new(T)
	if err := json.Unmarshal(e.Report, v); err != nil {
		return err
	}
	if !full(v) {
		return errors.New("there is nothing in it")
	}
	*to = v
	return nil
}

// Spoken is the report of the speech suite: of the voice alone, on this machine.
type Spoken struct {
	Environment bench.Environment `json:"environment"`
	Voice       string            `json:"voice"`
	*speech.Report
}

// WriteTable writes the report for people.
func (s *Spoken) WriteTable(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s, without a sound card: times are %s\n%s\n", s.Voice, s.Environment.Kind, s.Report)
	return err
}
