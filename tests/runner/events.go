package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// An event is one line of go test -json (go doc test2json, go help buildjson).
type event struct {
	Action     string
	Package    string
	ImportPath string // of a build
	Test       string
	Elapsed    float64 // seconds, of a test that has ended
	Output     string
}

// A skip is a test that was skipped.
type skip struct{ Package, Test, Reason string }

func (s skip) String() string { return s.Package + " " + s.Test + ": " + s.Reason }

// A failure is a test that failed.
type failure struct {
	Package, Test string
	Said          []string // its last lines with a place in the source
}

// A duration is how long a test took.
type duration struct {
	Package, Test string
	Seconds       float64
}

// A summary is what is worth saying once more when all tests have ended.
type summary struct {
	skips     []skip
	failures  []failure
	durations []duration
}

// follow prints go test's events as go test itself does without -json and -v: a
// line for each package, and what failed tests said.
func follow(events io.Reader, out io.Writer) (summary, error) {
	var sum summary
	said := make(map[[2]string]*strings.Builder) // of tests that have not ended
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
				fmt.Fprint(out, line) // not an event
			} else {
				e.follow(said, out, &sum)
			}
		}
		if err == io.EOF {
			return sum, nil
		}
		if err != nil {
			return sum, fmt.Errorf("go test's output: %w", err)
		}
	}
}

func (e event) follow(said map[[2]string]*strings.Builder, out io.Writer, sum *summary) {
	name := strings.TrimPrefix(e.Package, module)
	if e.Test != "" && !strings.Contains(e.Test, "/") && (e.Action == "pass" || e.Action == "fail") {
		sum.durations = append(sum.durations, duration{name, e.Test, e.Elapsed})
	}
	key := [2]string{e.Package, e.Test}
	text := func() string {
		if b := said[key]; b != nil {
			return b.String()
		}
		return ""
	}
	switch {
	case e.Action == "build-output":
		fmt.Fprint(out, e.Output)
	case e.Action == "output" && e.Test == "":
		if e.Output != "PASS\n" && !strings.HasPrefix(e.Output, "testing: warning: no tests to run") {
			fmt.Fprint(out, e.Output)
		}
	case e.Action == "output":
		if progress.MatchString(e.Output) {
			break
		}
		if said[key] == nil {
			said[key] = new(strings.Builder)
		}
		said[key].WriteString(e.Output)
	case e.Action == "fail" && e.Test == "":
		// Those that the package's end broke off.
		broken := slices.DeleteFunc(slices.Collect(maps.Keys(said)), func(k [2]string) bool { return k[0] != e.Package })
		slices.SortFunc(broken, func(a, b [2]string) int { return strings.Compare(a[1], b[1]) })
		for _, k := range broken {
			fmt.Fprintf(out, "--- broken off: %s\n%s", k[1], said[k])
			sum.failures = append(sum.failures, failure{name, k[1], places(said[k].String())})
			delete(said, k)
		}
	case e.Action == "fail":
		fmt.Fprint(out, text())
		sum.failures = append(sum.failures, failure{name, e.Test, places(text())})
		delete(said, key)
	case e.Action == "skip" && e.Test != "":
		sum.skips = append(sum.skips, skip{name, e.Test, reason(text())})
		delete(said, key)
	case e.Action == "pass":
		delete(said, key)
	}
}

// places returns the last lines of what a test said that begin with a place in the
// source: why it failed is among them.
func places(said string) []string {
	const most, longest = 5, 300
	var all []string
	for line := range strings.Lines(said) {
		if logged.MatchString(line) {
			line = strings.TrimSpace(line)
			all = append(all, line[:min(len(line), longest)])
		}
	}
	return all[max(0, len(all)-most):]
}

// module is what the paths of our packages begin with.
const module = "duostoryteller/"

var (
	progress = regexp.MustCompile(`^=== (RUN|PAUSE|CONT|NAME) `)
	logged   = regexp.MustCompile(`(?m)^ +[\w.-]+\.go:\d+: `)
	result   = regexp.MustCompile(`(?m)^ *--- SKIP: .*$`)
)

// reason returns what a skipped test said last, in one line.
func reason(said string) string {
	said = result.ReplaceAllString(said, "")
	if all := logged.FindAllStringIndex(said, -1); all != nil {
		said = said[all[len(all)-1][1]:]
	}
	return strings.Join(strings.Fields(said), " ")
}

// readExpected reads the list of expected skips: a regular expression a line, for
// "PACKAGE TEST: REASON"; empty lines and those that begin with # do not count.
func readExpected(path string) ([]*regexp.Regexp, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []*regexp.Regexp
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		e, err := regexp.Compile("^(?:" + line + ")")
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		all = append(all, e)
	}
	return all, nil
}

// list prints the skips, those with the same reason together, and returns how many
// are not expected.
func list(out io.Writer, skips []skip, expected []*regexp.Regexp) (unexpected int) {
	var fine, odd []skip
	for _, s := range skips {
		if slices.ContainsFunc(expected, func(e *regexp.Regexp) bool { return e.MatchString(s.String()) }) {
			fine = append(fine, s)
		} else {
			odd = append(odd, s)
		}
	}
	for _, part := range []struct {
		skips []skip
		title string
	}{{fine, "skipped, as expected"}, {odd, "SKIPPED, NOT EXPECTED"}} {
		if len(part.skips) == 0 {
			continue
		}
		fmt.Fprintf(out, "\n%s: %d tests\n", part.title, len(part.skips))
		var reasons []string
		tests := make(map[string][]string)
		for _, s := range part.skips {
			if tests[s.Reason] == nil {
				reasons = append(reasons, s.Reason)
			}
			tests[s.Reason] = append(tests[s.Reason], s.Package+" "+s.Test)
		}
		for _, r := range reasons {
			fmt.Fprintf(out, "  %s\n      %s\n", r, strings.Join(tests[r], "\n      "))
		}
	}
	return len(odd)
}

// listSlow prints the tests that took longest, if they took at least a minute.
func listSlow(out io.Writer, durations []duration) {
	const most, least = 12, 60
	slices.SortFunc(durations, func(a, b duration) int { return cmp.Compare(b.Seconds, a.Seconds) })
	for i, d := range durations[:min(len(durations), most)] {
		if d.Seconds < least {
			break
		}
		if i == 0 {
			fmt.Fprintln(out, "\nthe longest tests:")
		}
		fmt.Fprintf(out, "  %5.0f s  %s %s\n", d.Seconds, d.Package, d.Test)
	}
}

// listFailures prints the tests that failed and what they said last.
func listFailures(out io.Writer, failures []failure) {
	if len(failures) > 0 {
		fmt.Fprintln(out, "\nFAILED:")
	}
	for _, f := range failures {
		fmt.Fprintf(out, "  %s %s\n", f.Package, f.Test)
		for _, line := range f.Said {
			fmt.Fprintf(out, "      %s\n", line)
		}
	}
}
