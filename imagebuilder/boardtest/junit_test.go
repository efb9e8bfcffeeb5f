package boardtest

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/report"
)

var update = flag.Bool("update", false, "write testdata/*.xml anew")

// TestJUnit compares all kinds of results with the XML that CI servers are to read.
func TestJUnit(t *testing.T) {
	suites, err := findEntries(strings.NewReplacer(`"right": 2`, `"right": 1`, `"results": [`, `"results": [
{"command": "-s 1 -i \"a<b\"", "text": "x", "difference": {"byte": 3, "token": 1, "before": "On", "got": "\u0001", "want": "ce"}}, {"command": "-s 2", "right": true}, `).Replace(goodRegression) + goodMemory)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]Results{
		"testdata/suites.xml": {Board: "milkv-duo", Time: time.Unix(1_700_000_000, 0), Kind: KindOf(suites),
			Start:  []Step{{Name: "the board is on", Seconds: 1.5}},
			Suites: append(suites, report.Entry{Name: "speech", Error: "no voice"})},
		"testdata/start.xml": {Board: "milkv-duo", Time: time.Unix(1_700_000_000, 0),
			Start: []Step{{Name: "the board is on", Seconds: 0.25}, {Name: "U-Boot speaks", Seconds: 60, Error: "the board is dead"}, {Name: "the board prompts", Skipped: true}}},
	} {
		got, err := r.junit()
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(name, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(name); err != nil || string(got) != string(want) {
			t.Errorf("%s, %v:\n%s\nwant\n%s", name, err, got, want)
		}
	}
}

func TestKindOf(t *testing.T) {
	entry := func(kind string) report.Entry {
		return report.Entry{Name: "memory", Report: []byte(`{"environment": {"kind": "` + kind + `", "card_sha256": "` + kind + `"}}`)}
	}
	failed := report.Entry{Name: "speech", Error: "no voice"}
	for _, tt := range []struct {
		suites []report.Entry
		want   string
	}{
		{nil, ""},
		{[]report.Entry{failed}, ""},
		{[]report.Entry{entry("measured"), failed}, "measured"},
		{[]report.Entry{entry("measured"), entry("emulated")}, "emulated"},
		{[]report.Entry{entry("emulated"), entry("measured")}, "emulated"},
	} {
		if got := KindOf(tt.suites); got != tt.want {
			t.Errorf("KindOf(%v) = %q; want %q", tt.suites, got, tt.want)
		}
	}
	if got := Cards([]report.Entry{entry("a"), failed, entry("b")}); strings.Join(got, " ") != "a b" {
		t.Errorf("Cards() = %v; want a and b", got)
	}
	for kind, want := range map[string]string{"measured": "duo-2023-11-14-221320", "emulated": "duo-emulated-2023-11-14-221320"} {
		if got := (Results{Board: "duo", Way: "serial", Kind: kind, Time: time.Unix(1_700_000_000, 0)}).Stem("."); got != want {
			t.Errorf("the files of %s figures are %s; want %s", kind, got, want)
		}
	}
}

// TestBrokenOff has a board end in the midst of a suite: what came before is kept.
func TestBrokenOff(t *testing.T) {
	for _, tt := range []struct {
		name, behind, want string
		with               func(*Console)
	}{
		{"it starts again", "U-Boot 2021.10 (Mar 01 2024)\n", "the performance suite does not end: the board has started again by itself", nil},
		{"it is silent", "", "the performance suite does not end: the board has said nothing for 1ms", func(c *Console) { c.Patience = time.Millisecond }},
		{"the line is gone", "", "the performance suite does not end: gone", func(c *Console) { c.Close(errors.New("gone")) }},
	} {
		c := NewConsole(io.Discard)
		io.WriteString(c, goodRegression+"suite performance begins\n"+tt.behind)
		if tt.with != nil {
			tt.with(c)
		}
		entries, err := Suites(t.Context(), c, false, func(string) {})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Suites() = %v; want %q", tt.name, err, tt.want)
		}
		if len(entries) != 2 || entries[0].Error != "" || entries[1].Name != "performance" || !strings.Contains(entries[1].Error, tt.want) {
			t.Errorf("%s: the entries are %+v; want the regression's, and why the performance's is none", tt.name, entries)
		}
	}
	c := NewConsole(io.Discard)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("too late"))
	if entries, err := Suites(ctx, c, false, nil); err == nil || !strings.Contains(err.Error(), "the suites do not begin: too late") || entries != nil {
		t.Errorf("Suites() of nobody = %v, %v", entries, err)
	}
}
