package dialog

import (
	"bytes"
	"math"
	"reflect"
	"testing"
)

func TestLines(t *testing.T) {
	for _, want := range []Request{{}, {"i-1", "Once\nupon \"a\" time", 7, 0.5, 0.9, 256, true}} {
		line := Line(want)
		got, ok := ParseRequest(line)
		if !ok || got != want || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("ParseRequest(%q) = %+v, %v; want %+v", line, got, ok, want)
		}
	}
	for _, want := range []Event{{Kind: Alive}, {Kind: Text, Text: []byte("\xff\n")}, {Kind: Told, Speed: 24.5, Stopped: true, Error: "no"}} {
		line := Line(want)
		got, ok := ParseEvent(line)
		if !ok || !reflect.DeepEqual(got, want) || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("ParseEvent(%q) = %+v, %v; want %+v", line, got, ok, want)
		}
	}
	if got := Line(Request{Temperature: math.NaN()}); string(got) != "\n" {
		t.Errorf("Line() of what JSON lacks = %q; want an empty line", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, line := range []string{"", "panic: x", `{"event":"begun","seed":7}`, `{"event":7}`, `{"prompt":"x"}`, `{"event":"text","text":"?"}`} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if e, ok := ParseEvent(line); ok {
			if again, ok := ParseEvent(Line(e)); !ok || again.Kind != e.Kind || !bytes.Equal(again.Text, e.Text) {
				t.Errorf("%q read as %+v, and again as %+v", line, e, again)
			}
		}
		if r, ok := ParseRequest(line); ok {
			if again, ok := ParseRequest(Line(r)); !ok || again != r {
				t.Errorf("%q read as %+v, and again as %+v", line, r, again)
			}
		}
	})
}
