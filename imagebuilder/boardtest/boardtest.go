// Package boardtest runs the suites that are on the card from a PC, over the
// board's console or its page, and keeps their results. The board may be one of
// silicon or an emulated one.
package boardtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"duostoryteller/app/bandwidth"
	"duostoryteller/app/bench"
	"duostoryteller/app/cost"
	"duostoryteller/app/report"
	"duostoryteller/app/wholefile"
)

// Results are what the suites of one board said.
type Results struct {
	Board  string         `json:"board"`
	Way    string         `json:"way"`             // "serial", "network" or "emulated"
	Kind   string         `json:"kind,omitempty"`  // bench.Measured or bench.Emulated, as the suites say; "" if none does
	Time   time.Time      `json:"time"`            // when it began
	Short  bool           `json:"short"`           // not the jury's suites, but less of each
	Start  []Step         `json:"start,omitempty"` // on the way from the card to the prompt, if somebody watched
	Suites []report.Entry `json:"suites"`
}

// Step is one on the way from a card to the board's prompt.
type Step struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"` // that it took, by this PC's clock
	Error   string  `json:"error,omitempty"`
	Skipped bool    `json:"skipped,omitempty"` // an earlier one failed
}

// Run waits for the board at the console and runs its suites, the short ones if
// so asked. A suite that breaks off is a result. Progress, which may be nil, is
// told what is going on. With an error, the entries are those of the suites that came
// to an end, and of the one that did not.
func Run(ctx context.Context, c *Console, short bool, progress func(what string)) ([]report.Entry, error) {
	if progress == nil {
		progress = func(string) {}
	}
	progress("waiting for the board")
	if err := c.ready(ctx); err != nil {
		return nil, fmt.Errorf("the board does not prompt: %w", err)
	}
	if err := c.settle(ctx); err != nil {
		return nil, err
	}
	return Suites(ctx, c, short, progress)
}

// Suites is Run for a board that prompts.
func Suites(ctx context.Context, c *Console, short bool, progress func(what string)) ([]report.Entry, error) {
	command := "suites --json -"
	if short {
		command += " --short"
	}
	if err := c.send(command); err != nil {
		return nil, err
	}
	var said strings.Builder
	for running := ""; ; {
		before, match, err := c.WaitFor(ctx, begins, c.Patience)
		said.WriteString(before)
		switch {
		case errors.Is(err, ErrQuiet):
			err = fmt.Errorf("the board has said nothing for %v", c.Patience)
		case err == nil && begins.FindStringSubmatch(match)[2] != "":
			err = errors.New("the board has started again by itself: its power failed, or its watchdog bit")
		}
		if err != nil {
			if running == "" {
				return nil, fmt.Errorf("the suites do not begin: %w", err)
			}
			err = fmt.Errorf("the %s suite does not end: %w", running, err)
			return broken(said.String(), running, err), err
		}
		name, found := suiteName(match)
		if !found {
			break // the prompt
		}
		progress("the " + name + " suite")
		running = name
		said.WriteString("\n")
	}
	return findEntries(said.String())
}

// broken returns the entries of suites of which the last was broken off by failure.
func broken(said, last string, failure error) []report.Entry {
	entries, _ := findEntries(said) // none is no error here
	entries = slices.DeleteFunc(entries, func(e report.Entry) bool { return e.Name == last })
	return append(entries, report.Entry{Name: last, Error: failure.Error()})
}

// begins is what the console says when a suite begins, when the board starts again,
// or when all have ended.
var begins = regexp.MustCompile(`(?m:^suite ([a-z-]+) begins)\n|(?m:^(U-Boot) (?:SPL )?\d{4}\.\d\d)|storyteller> $`)

func suiteName(match string) (name string, found bool) {
	groups := begins.FindStringSubmatch(match)
	return groups[1], groups[1] != ""
}

// findEntries finds the suites' JSON objects in what the console said. One that
// is damaged by what else was written there is a suite that failed.
func findEntries(said string) ([]report.Entry, error) {
	var entries []report.Entry
	for _, part := range strings.Split("\n"+said, "\n{\n")[1:] {
		var e report.Entry
		if err := json.NewDecoder(strings.NewReader("{\n" + part)).Decode(&e); err != nil {
			e = report.Entry{Name: "unknown", Error: "the report is damaged, something else wrote on the console: " + err.Error()}
			if m := entryName.FindStringSubmatch(part); m != nil {
				e.Name = m[1]
			}
		}
		entries = append(entries, e)
	}
	switch {
	case len(entries) > 0:
		return entries, nil
	case strings.Contains(said, "unknown flag") || strings.Contains(said, "story starts"):
		return nil, errors.New("the card's console does not know this command: it is of an older version")
	}
	words := strings.Join(strings.Fields(said), " ")
	return nil, fmt.Errorf("there is no report; the console says %q", words[max(0, len(words)-300):])
}

var entryName = regexp.MustCompile(`^  "name": "([a-z-]+)"`)

// Passed tells whether all suites did, and every step to them.
func (r Results) Passed() bool {
	for _, e := range r.Suites {
		if _, ok := e.Summary(); !ok {
			return false
		}
	}
	return len(r.Suites) > 0 && r.startError() == ""
}

// startError says why the board did not come to its prompt; "" if it did.
func (r Results) startError() string {
	for _, s := range r.Start {
		if s.Error != "" {
			return s.Name + ": " + s.Error
		}
	}
	return ""
}

// KindOf says how the figures of suites came about. If one of them was emulated, all
// were; "" says that no suite came to a report.
func KindOf(suites []report.Entry) (kind string) {
	for _, e := range suites {
		if k := environment(e).Kind; kind == "" || k == bench.Emulated {
			kind = k
		}
	}
	return kind
}

// Cards are the SHA-256 sums of the lists of parts of the cards that the suites ran on,
// for each suite that knows it.
func Cards(suites []report.Entry) (sums []string) {
	for _, e := range suites {
		if card := environment(e).Card; card != "" {
			sums = append(sums, card)
		}
	}
	return sums
}

// environment is where a suite ran, as its report says.
func environment(e report.Entry) bench.Environment {
	var r struct {
		Environment bench.Environment `json:"environment"`
	}
	_ = json.Unmarshal(e.Report, &r) // without one, it is not known
	return r.Environment
}

// Stem is the name of the files that Save writes, without an ending. Those of a board
// that was emulated, though it was reached like one of silicon, say so.
func (r Results) Stem(dir string) string {
	name := r.Board
	if r.Kind == bench.Emulated && r.Way != "emulated" {
		name += "-emulated"
	}
	return filepath.Join(dir, name+"-"+r.Time.UTC().Format("2006-01-02-150405"))
}

// Save writes the results into dir, as BOARD-DATE.json, as a page for people,
// BOARD-DATE.html, and as JUnit XML for CI, BOARD-DATE.xml, and returns the first file.
// What is known of the board, which may be nil, is modelled on the page.
func (r Results) Save(dir string, known *cost.Board) (string, error) {
	if r.Kind == "" {
		r.Kind = KindOf(r.Suites)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	var page bytes.Buffer
	results := r.page()
	results.Board = known
	if err := report.Write(&page, results); err != nil {
		return "", err
	}
	junit, err := r.junit()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	stem := r.Stem(dir)
	return stem + ".json", errors.Join(wholefile.Bytes(stem+".json", append(text, '\n')), wholefile.Bytes(stem+".html", page.Bytes()), wholefile.Bytes(stem+".xml", junit))
}

// page is what the report is made of.
func (r Results) page() (page report.Results) {
	for _, e := range r.Suites {
		if err := page.Add(e); err != nil {
			page.Add(report.Entry{Name: e.Name, Error: err.Error()})
		}
	}
	if why := r.startError(); why != "" {
		page.Add(report.Entry{Name: "start", Error: why})
	}
	return page
}

// Measured reads what a board's memory suite measured from a file: that of
// Results.Save, that which the suites keep on the card (memory.json), or that of
// bench --memory. Figures that were not measured on a board of silicon are an error.
func Measured(file string) (*bandwidth.Report, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	m, err := measured(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return m, nil
}

func measured(text []byte) (*bandwidth.Report, error) {
	var results Results
	var entry report.Entry
	m := new(bandwidth.Report)
	if err := errors.Join(json.Unmarshal(text, &results), json.Unmarshal(text, &entry)); err != nil {
		return nil, err
	}
	page := results.page()
	if entry.Name != "" {
		if err := page.Add(entry); err != nil {
			return nil, err
		}
	}
	switch {
	case page.Memory != nil:
		m = page.Memory
	case page.Errors[report.Memory] != "":
		return nil, errors.New(page.Errors[report.Memory])
	default:
		if err := json.Unmarshal(text, m); err != nil {
			return nil, err
		}
	}
	e := m.Environment
	switch {
	case m.Clock <= 0:
		return nil, errors.New("there is no result of the memory suite in it")
	case e.Kind != bench.Measured || e.Arch != "riscv64":
		return nil, fmt.Errorf("its figures were %s on %q (%s), and are not those of a board", e.Kind, e.Machine, e.Arch)
	}
	if m.Memory.Fill <= 0 {
		return nil, errors.New("memory costs nothing in it beside the instructions: it was not measured where the model holds")
	}
	return m, nil
}
