package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"duostoryteller/app/sentence"
)

// heartbeat is how often a silent stream sends a comment, so that a vanished
// browser is noticed and a waiting one knows that we are here.
const heartbeat = 15 * time.Second

// pace is the shortest time between two events with text: below it nobody sees
// single words come, but each event costs the board's one core some
// hundred microseconds that the story needs.
const pace = 60 * time.Millisecond

// What the events of the stream carry, as JSON. Their ids say how much of which
// story a browser has, so that one that reconnects goes on where it was.
type (
	// event story: a story begins; the page starts over.
	storyEvent struct {
		ID      string  `json:"id"`
		Request Request `json:"request"`
		Ended   bool    `json:"ended"` // it was over when the stream began
		// InPlace is the ID of the story that was asked for, if this is told in its place.
		InPlace string `json:"inPlace,omitempty"`
	}
	// event text: what comes next, and where sentences ended, as offsets into
	// the story in UTF-16 units, the way JavaScript counts.
	textEvent struct {
		Text string `json:"text"`
		Ends []int  `json:"ends,omitempty"`
	}
	// event end: why there is no more.
	endEvent struct {
		Stopped bool   `json:"stopped,omitempty"` // somebody pressed stop
		Cut     bool   `json:"cut,omitempty"`     // the wanted length was reached
		Error   string `json:"error,omitempty"`
		Avoided bool   `json:"avoided,omitempty"` // it came to what is not for children
		Anew    bool   `json:"anew,omitempty"`    // and another one follows in its place
	}
)

// events streams the newest story and those after it, or one past story.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	name, past := r.URL.Query().Get("story"), r.URL.Query().Has("story")
	chosen, ok := s.shelf.find(name)
	if past && !ok {
		http.Error(w, "no such story; /stories lists the stories kept", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead { // it asks what there is, and takes no place
		return
	}
	select {
	case s.followers <- struct{}{}:
		defer func() { <-s.followers }()
	default:
		unavailable(w, 10, "too many are listening already; close a page or try again in a while")
		return
	}
	out := &eventWriter{w, http.NewResponseController(w)}
	if out.comment() != nil {
		return
	}
	ctx := r.Context()
	had, at := parseEventID(r.Header.Get("Last-Event-ID"))
	over := chosen // of the stories that were over when the stream began, the one that may be sent
	if books := s.shelf.all(); !past && len(books) > 0 {
		over = books[0]
	}
	if over.story != nil {
		if _, ended := over.story.End(); !ended {
			over = book{}
		}
	}
	for {
		b := chosen
		if !past {
			after := ""
			if at == ended {
				after = had
			}
			if out.wait(ctx, func(ctx context.Context) (err error) {
				b, err = s.shelf.newest(ctx, after)
				return err
			}) != nil {
				return
			}
		}
		if b.id != had {
			had, at = b.id, 0
		}
		if at != ended && out.story(ctx, b, at, b.id == over.id) != nil {
			return
		}
		at = ended
		if past { // nothing follows, but a browser would open a closed stream again
			out.wait(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			return
		}
	}
}

// ended is the position of a story that was followed to its end.
const ended = -1

func eventID(story string, at int) string {
	if at == ended {
		return story + ".end"
	}
	return story + "." + strconv.Itoa(at)
}

// parseEventID is the inverse of eventID; what it does not know is "", 0.
func parseEventID(id string) (story string, at int) {
	story, number, ok := strings.Cut(id, ".")
	if !ok {
		return "", 0
	}
	if number == "end" {
		return story, ended
	}
	at, err := strconv.Atoi(number)
	if err != nil || at < 0 {
		return "", 0
	}
	return story, at
}

// eventWriter writes one stream of server-sent events (WHATWG HTML, 9.2).
type eventWriter struct {
	w       io.Writer
	control *http.ResponseController
}

func (e *eventWriter) write(text string) error {
	if _, err := io.WriteString(e.w, text); err != nil {
		return err
	}
	return e.control.Flush()
}

func (e *eventWriter) comment() error { return e.write(":\n\n") }

func (e *eventWriter) event(name, id string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return e.write(fmt.Sprintf("event: %s\nid: %s\ndata: %s\n\n", name, id, text))
}

// wait runs f, which may take long, with a heartbeat beside it.
func (e *eventWriter) wait(ctx context.Context, f func(context.Context) error) error {
	for {
		beat, cancel := context.WithTimeout(ctx, heartbeat)
		err := f(beat)
		timedOut := beat.Err() != nil
		cancel()
		if err == nil || ctx.Err() != nil || !timedOut {
			return err
		}
		if err := e.comment(); err != nil {
			return err
		}
	}
}

// story sends one story from piece number at to its end; over: it was when the stream
// began. Pieces that are there already go out together.
func (e *eventWriter) story(ctx context.Context, b book, at int, over bool) error {
	var splitter sentence.Splitter
	reader := b.story.Reader()
	boundary := 0
	for told := 0; ; {
		var next batch
		err := e.wait(ctx, func(ctx context.Context) (err error) {
			next, err = follow(ctx, reader)
			return err
		})
		if err != nil {
			return err
		}
		if told == 0 && at == 0 {
			begins := storyEvent{ID: b.id, Request: b.request(), Ended: over}
			if b.story.InPlace != nil {
				begins.InPlace = b.story.InPlace.ID
			}
			if err := e.event("story", eventID(b.id, 0), begins); err != nil {
				return err
			}
		}
		var fresh textEvent // what the browser has not had yet
		for _, piece := range next.pieces {
			ends := splitter.Write([]byte(piece))
			for _, sentence := range ends {
				boundary += utf16Len(sentence)
				if told >= at {
					fresh.Ends = append(fresh.Ends, boundary)
				}
			}
			if told >= at {
				fresh.Text += piece
			}
			told++
		}
		if next.end != nil && !avoided(*next.end) {
			if rest := splitter.Flush(); rest != "" {
				fresh.Ends = append(fresh.Ends, boundary+utf16Len(rest))
			}
		}
		if fresh.Text != "" || fresh.Ends != nil {
			if err := e.event("text", eventID(b.id, told), fresh); err != nil {
				return err
			}
		}
		if next.end != nil {
			return e.event("end", eventID(b.id, ended), endOf(*next.end, told))
		}
		select {
		case <-time.After(pace):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// utf16Len counts the UTF-16 units of s.
func utf16Len(s string) (n int) {
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}
