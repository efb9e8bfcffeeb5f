package timeline

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"duostoryteller/app/speech"
)

func story() *speech.Report {
	return &speech.Report{
		Tokens: []float64{0.1, 0.2, 0.2, 0.5, 0.9, 1.5, 2},
		Sentences: []speech.Sentence{
			{Text: "Once & upon.", Complete: 0.5, Asked: 0.5, First: 0.6, Played: 0.7, Speech: 2},
			{Text: "A <cat>", Complete: 1.5, Asked: 1.5, First: 1.6, Played: 2.8, Speech: 3},
			{Text: "unheard", Complete: 2, Asked: 2, First: 2},
		},
	}
}

func TestDraw(t *testing.T) {
	var svg bytes.Buffer
	if err := Draw(&svg, "A < B", story()); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(svg.Bytes())); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for text, n := range map[string]int{
		"A &lt; B</text>":           1,
		"1: Once &amp; upon.":       2,
		"2: A &lt;cat&gt;":          2,
		`fill="#c60"/>`:             6, // a first sample a sentence, in both views
		`text-anchor="middle" font`: 3, // the second is heard after the telling, the third never
		">2 s</text>":               2,
	} {
		if got := strings.Count(svg.String(), text); got != n {
			t.Errorf("%d times %q; want %d", got, text, n)
		}
	}
	// The second sentence's sound in the second view, which ends at 1.02 * 5.8 s.
	if want := `<rect x="521.76" y="206" width="441.18"`; !strings.Contains(svg.String(), want) {
		t.Errorf("no %s in %s", want, svg.String())
	}
}

func TestRead(t *testing.T) {
	good, err := json.Marshal(story())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Read(bytes.NewReader(good)); err != nil || len(r.Sentences) != 3 || r.Sentences[1].Played != 2.8 {
		t.Errorf("Read = %+v, %v", r, err)
	}
	for _, bad := range []string{"", "{}", `{"tokens":[1]}`, `{"tokens":[2,1],"sentences":[{}]}`, `{"tokens":[-1],"sentences":[{}]}`,
		`{"tokens":[1e99],"sentences":[{}]}`, `{"tokens":[1],"sentences":[{"played":-1}]}`, `{"tokens":[1],"sentences":[{"shouted":1}]}`} {
		if _, err := Read(strings.NewReader(bad)); err == nil {
			t.Errorf("Read(%s) is no error", bad)
		}
	}
}

// Whatever is read can be drawn, as XML.
func FuzzRead(f *testing.F) {
	good, _ := json.Marshal(story())
	f.Add(good)
	f.Add([]byte(`{"tokens":[0],"sentences":[{"text":"\u0000<"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		var svg bytes.Buffer
		if err := Draw(&svg, "", r); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(svg.String(), "NaN") || strings.Contains(svg.String(), "Inf") {
			t.Fatalf("not a number in %s", svg.String())
		}
	})
}
