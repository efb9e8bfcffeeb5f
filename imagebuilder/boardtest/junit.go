package boardtest

import (
	"encoding/xml"
	"fmt"
	"time"

	"duostoryteller/app/report"
)

// The part of JUnit's XML that CI servers read: a suite for the way to the prompt,
// and one for each of the board's suites. What its figures are, and of which machine
// and card, are properties. Format: https://github.com/testmoapp/junitxml.
type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		Name    string   `xml:"name,attr"`
		junitCounts
		Suites []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitCounts
		Timestamp  string           `xml:"timestamp,attr"`
		Properties *junitProperties `xml:"properties"` // nil: nothing is known
		Cases      []junitCase      `xml:"testcase"`
	}
	junitProperties struct {
		All []junitProperty `xml:"property"`
	}
	junitCounts struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"` // of what was looked at
		Errors   int `xml:"errors,attr"`   // of what could not be looked at
		Skipped  int `xml:"skipped,attr"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class   string       `xml:"classname,attr"`
		Name    string       `xml:"name,attr"`
		Time    string       `xml:"time,attr,omitempty"` // seconds
		Failure *junitReason `xml:"failure"`
		Error   *junitReason `xml:"error"`
		Skipped *junitReason `xml:"skipped"`
		Says    string       `xml:"system-out,omitempty"`
	}
	junitReason struct {
		Message string `xml:"message,attr"`
	}
)

// junit returns the results as JUnit XML.
func (r Results) junit() ([]byte, error) {
	all := junitSuites{Name: r.Board}
	add := func(name string, properties []junitProperty, cases []junitCase) {
		s := junitSuite{Name: name, Timestamp: r.Time.UTC().Format(time.RFC3339), Cases: cases}
		if len(properties) > 0 {
			s.Properties = &junitProperties{properties}
		}
		for i := range s.Cases {
			c := &s.Cases[i]
			c.Class = r.Board + "." + name
			s.Tests++
			switch {
			case c.Failure != nil:
				s.Failures++
			case c.Error != nil:
				s.Errors++
			case c.Skipped != nil:
				s.Skipped++
			}
		}
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Skipped += s.Skipped
		all.Suites = append(all.Suites, s)
	}
	if len(r.Start) > 0 {
		var kind []junitProperty
		if r.Kind != "" {
			kind = []junitProperty{{"kind", r.Kind}}
		}
		var cases []junitCase
		for _, s := range r.Start {
			c := junitCase{Name: s.Name}
			switch {
			case s.Error != "":
				c.Failure = &junitReason{s.Error}
			case s.Skipped:
				c.Skipped = &junitReason{"an earlier step failed"}
			}
			if !s.Skipped {
				c.Time = fmt.Sprintf("%.3f", s.Seconds)
			}
			cases = append(cases, c)
		}
		add("start", kind, cases)
	}
	for _, e := range r.Suites {
		add(e.Name, properties(e), junitCases(e))
	}
	if len(r.Suites) == 0 {
		// What only runs on a card that has a run.c is not missed.
		for _, name := range report.Names() {
			if name != report.Baseline {
				add(name, nil, []junitCase{{Name: name, Skipped: &junitReason{"the board did not come to it"}}})
			}
		}
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	return append([]byte(xml.Header), append(text, '\n')...), err
}

// properties say where a suite ran and what its figures are.
func properties(e report.Entry) (all []junitProperty) {
	here := environment(e)
	for _, p := range []junitProperty{{"kind", here.Kind}, {"machine", here.Machine}, {"kernel", here.Kernel}, {"card_sha256", here.Card}} {
		if p.Value != "" {
			all = append(all, p)
		}
	}
	return all
}

// junitCases are the texts of the regression suite, and one case for any other suite.
func junitCases(e report.Entry) (cases []junitCase) {
	line, passed := e.Summary()
	whole := junitCase{Name: e.Name, Says: line}
	var page report.Results
	switch {
	case e.Error != "":
		return []junitCase{{Name: e.Name, Error: &junitReason{e.Error}}}
	case page.Add(e) != nil:
		return []junitCase{{Name: e.Name, Error: &junitReason{line}}}
	case page.Regression == nil || len(page.Regression.Results) == 0:
		if !passed {
			whole.Failure = &junitReason{line}
		}
		return []junitCase{whole}
	}
	wrong := 0
	for _, result := range page.Regression.Results {
		c := junitCase{Name: result.Command}
		if !result.Right {
			wrong++
			c.Failure = &junitReason{"another text than the reference"}
			if result.Difference != nil {
				c.Failure.Message = result.Difference.String()
			}
			c.Says = result.Text
		}
		cases = append(cases, c)
	}
	if !passed && wrong == 0 { // the sum knows of more than its parts
		whole.Failure = &junitReason{line}
		cases = append(cases, whole)
	}
	return cases
}
