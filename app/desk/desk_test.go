package desk

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"duostoryteller/app/story"
)

// page is a Sink that ends its stream after so many events.
type page struct {
	left   int
	end    context.CancelFunc
	events []string
}

func (p *page) Event(name, id string, data any) error {
	text, err := json.Marshal(data)
	p.events = append(p.events, name+" "+id+" "+string(text))
	if p.left--; p.left == 0 {
		p.end()
	}
	return err
}

func (*page) Wait(ctx context.Context, f func(context.Context) error) error { return f(ctx) }

// TestStream: a page gets the newest story, one that asks for it an older one, and one
// that comes again what it has not had.
func TestStream(t *testing.T) {
	s := NewShelf()
	s.Add(story.Restored(story.Request{ID: "old"}, "A cat. 🐈 Z", story.End{}), "exact")
	s.Add(story.Restored(story.Request{ID: "new"}, "A dog.", story.End{Err: context.Canceled}), "exact")
	old, _ := s.Find("old")
	const (
		begin = `{"id":"old","request":{"prompt":"","temperature":0,"topp":0,"seed":0,"steps":0,"engine":"exact"},"ended":true}`
		text  = `text old.1 {"text":"A cat. 🐈 Z","ends":[7,11]}`
	)
	for _, test := range []struct {
		chosen *Book
		last   string
		want   []string
	}{
		{nil, "", []string{"story new.0 " + strings.Replace(begin, "old", "new", 1), `text new.1 {"text":"A dog.","ends":[6]}`, `end new.end {"stopped":true}`}},
		{&old, "", []string{"story old.0 " + begin, text, "end old.end {}"}},
		{&old, "old.0", []string{"story old.0 " + begin, text, "end old.end {}"}},
		{&old, "new.1", []string{"story old.0 " + begin, text, "end old.end {}"}},
		{nil, "old.end", []string{"story new.0 " + strings.Replace(begin, "old", "new", 1)}},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		p := &page{left: len(test.want), end: cancel}
		s.Stream(ctx, p, test.chosen, test.last)
		got := p.events[:min(len(p.events), len(test.want))]
		if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
			t.Errorf("after %q the page gets\n%q; want\n%q", test.last, got, test.want)
		}
	}
}

// TestRefused: what is wrong with a request is said with HTTP's number for it.
func TestRefused(t *testing.T) {
	d := Desk{Shelf: NewShelf(), Engines: []Engine{{Name: "exact"}}}
	d.Shelf.Add(story.Restored(story.Request{ID: "kept"}, "A cat.", story.End{}), "fast")
	for _, test := range []struct {
		request string
		status  int
		why     string
	}{
		{`{"prompt":"A cat","topp":0.9}`, 200, ""},
		{`{"engine":"exact"}`, 200, ""},
		{`no JSON`, 400, "no request for a story"},
		{`{"wish":1}`, 400, "wish"},
		{`{"topp":1.5}`, 400, "topp 1.5"},
		{`{"engine":"steam"}`, 400, `no engine "steam"`},
		{`{"prompt":"` + strings.Repeat("a", MaxPrompt+1) + `"}`, 400, "4096 are allowed"},
		{`{"again":"gone"}`, 404, "no such story"},
		{`{"again":"kept"}`, 400, `the engine "fast", which is not offered`},
	} {
		status, why := 200, ""
		request, err := ReadRequest(strings.NewReader(test.request))
		if err == nil {
			_, _, err = d.Asked(request)
		}
		if err != nil {
			status, why = Status(err)
		}
		if status != test.status || !strings.Contains(why, test.why) {
			t.Errorf("%.40s: %d, %s; want %d, %s", test.request, status, why, test.status, test.why)
		}
	}
	for err, want := range map[error]int{story.ErrBusy: 409, &story.Avoided{}: 422, errors.New("broken"): 500} {
		if got, _ := Status(err); got != want {
			t.Errorf("Status(%v) = %d; want %d", err, got, want)
		}
	}
}
