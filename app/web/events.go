package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"duostoryteller/app/desk"
)

// heartbeat is how often a silent stream sends a comment, so that a vanished
// browser is noticed and a waiting one knows that we are here.
const heartbeat = 15 * time.Second

// events streams the newest story and those after it, or one past story.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	var chosen *desk.Book
	if q := r.URL.Query(); q.Has("story") {
		b, ok := s.desk.Shelf.Find(q.Get("story"))
		if !ok {
			http.Error(w, "no such story; /stories lists the stories kept", http.StatusNotFound)
			return
		}
		chosen = &b
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
	if out.comment() == nil {
		s.desk.Shelf.Stream(r.Context(), out, chosen, r.Header.Get("Last-Event-ID"))
	}
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

// Event implements desk.Sink.
func (e *eventWriter) Event(name, id string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return e.write(fmt.Sprintf("event: %s\nid: %s\ndata: %s\n\n", name, id, text))
}

// Wait implements desk.Sink, with a heartbeat.
func (e *eventWriter) Wait(ctx context.Context, f func(context.Context) error) error {
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
