package desk

import (
	"context"
	"strconv"
	"strings"
	"time"

	"duostoryteller/app/sentence"
)

// pace is the shortest time between two events with text: below it nobody sees
// single words come, but each event costs the board's one core some
// hundred microseconds that the story needs.
const pace = 60 * time.Millisecond

// What the events of a stream carry, as JSON. Their ids say how much of which
// story a page has, so that one that comes again goes on where it was.
type (
	// Begin is the event story: a story begins; the page starts over.
	Begin struct {
		ID      string  `json:"id"`
		Request Request `json:"request"`
		Ended   bool    `json:"ended"` // it was over when the stream began
		// InPlace is the ID of the story that was asked for, if this is told in its place.
		InPlace string `json:"inPlace,omitempty"`
	}
	// Text is the event text: what comes next, and where sentences ended, as offsets
	// into the story in UTF-16 units, the way JavaScript counts.
	Text struct {
		Text string `json:"text"`
		Ends []int  `json:"ends,omitempty"`
	}
	// End is the event end: why there is no more.
	End struct {
		Stopped bool   `json:"stopped,omitempty"` // somebody pressed stop
		Cut     bool   `json:"cut,omitempty"`     // the wanted length was reached
		Error   string `json:"error,omitempty"`
		Avoided bool   `json:"avoided,omitempty"` // it came to what is not for children
		Anew    bool   `json:"anew,omitempty"`    // and another one follows in its place
	}
)

// Sink takes a stream to a page.
type Sink interface {
	// Event sends an event. What it carries becomes JSON.
	Event(name, id string, data any) error
	// Wait runs f, which may take long, with what keeps the connection up beside it.
	Wait(ctx context.Context, f func(context.Context) error) error
}

// Stream sends the newest story and those after it, or only the chosen one, to a page
// that has had the event with the ID last, until ctx ends or the sink fails.
func (s *Shelf) Stream(ctx context.Context, out Sink, chosen *Book, last string) {
	had, at := parseEventID(last)
	var over Book // of the stories that were over when the stream began, the one that may be sent
	if books := s.All(); chosen != nil {
		over = *chosen
	} else if len(books) > 0 {
		over = books[0]
	}
	if over.Story != nil {
		if _, ended := over.Story.End(); !ended {
			over = Book{}
		}
	}
	for {
		var b Book
		if chosen != nil {
			b = *chosen
		} else {
			after := ""
			if at == ended {
				after = had
			}
			if out.Wait(ctx, func(ctx context.Context) (err error) {
				b, err = s.Newest(ctx, after)
				return err
			}) != nil {
				return
			}
		}
		if b.ID != had {
			had, at = b.ID, 0
		}
		if at != ended && b.stream(ctx, out, at, b.ID == over.ID) != nil {
			return
		}
		at = ended
		if chosen != nil { // nothing follows, but a browser would open a closed stream again
			out.Wait(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
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

// stream sends a story from piece number at to its end; over: it was when the stream
// began. Pieces that are there already go out together.
func (b Book) stream(ctx context.Context, out Sink, at int, over bool) error {
	var splitter sentence.Splitter
	reader := b.Story.Reader()
	boundary := 0
	for told := 0; ; {
		var next Batch
		err := out.Wait(ctx, func(ctx context.Context) (err error) {
			next, err = Follow(ctx, reader)
			return err
		})
		if err != nil {
			return err
		}
		if told == 0 && at == 0 {
			begins := Begin{ID: b.ID, Request: b.Request(), Ended: over}
			if b.Story.InPlace != nil {
				begins.InPlace = b.Story.InPlace.ID
			}
			if err := out.Event("story", eventID(b.ID, 0), begins); err != nil {
				return err
			}
		}
		var fresh Text // what the page has not had yet
		for _, piece := range next.Pieces {
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
		if next.End != nil && !Avoided(*next.End) {
			if rest := splitter.Flush(); rest != "" {
				fresh.Ends = append(fresh.Ends, boundary+utf16Len(rest))
			}
		}
		if fresh.Text != "" || fresh.Ends != nil {
			if err := out.Event("text", eventID(b.ID, told), fresh); err != nil {
				return err
			}
		}
		if next.End != nil {
			return out.Event("end", eventID(b.ID, ended), EndOf(*next.End, told))
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
