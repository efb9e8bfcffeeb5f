package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"

	"duostoryteller/app/desk"
	"duostoryteller/app/story"
)

const maxReport = 256 << 10

func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	page, err := s.pages.page(preferred(r, s.pages.languages))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	w.Header().Set("Vary", "Accept-Language")
	w.Write(page)
}

// begin begins the story that the body asks for.
func (s *Server) begin(w http.ResponseWriter, r *http.Request) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		http.Error(w, "send the request as application/json", http.StatusUnsupportedMediaType)
		return
	}
	request, err := desk.ReadRequest(r.Body)
	if errors.As(err, new(*http.MaxBytesError)) {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	var engine Engine
	var asked story.Request
	if err == nil {
		engine, asked, err = s.desk.Asked(request)
	}
	var told *story.Story
	if err == nil {
		told, err = s.tell(engine, asked)
	}
	if err != nil {
		switch status, why := desk.Status(err); {
		case err == errSuites, status == http.StatusServiceUnavailable:
			unavailable(w, 30, err.Error())
		default:
			http.Error(w, why, status)
		}
		return
	}
	writeJSON(w, map[string]string{"id": s.desk.Shelf.Add(told, engine.Name).ID})
}

// tell begins a story unless the suites run.
func (s *Server) tell(engine Engine, asked story.Request) (*story.Story, error) {
	s.beginning.Lock()
	defer s.beginning.Unlock()
	if s.running {
		return nil, errSuites
	}
	return engine.Tell(s.ctx, asked)
}

// errSuites is why no story begins while the suites run.
var errSuites = errors.New("the test suites are running; ask again when they are done")

// unavailable refuses what can be had some seconds later.
func unavailable(w http.ResponseWriter, seconds int, why string) {
	h := w.Header()
	h.Set("Retry-After", strconv.Itoa(seconds))
	h.Set("Connection", "close") // connections are few
	http.Error(w, why, http.StatusServiceUnavailable)
}

// busy tells whether any engine is telling a story.
func (s *Server) busy() bool {
	for _, b := range s.desk.Shelf.All() {
		if _, ended := b.Story.Current().End(); !ended {
			return true
		}
	}
	return false
}

func (s *Server) stop(w http.ResponseWriter, _ *http.Request) {
	for _, e := range s.desk.Engines {
		e.Stop()
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) list(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.desk.Shelf.List()) }

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	var status struct {
		TokensPerSecond  float64 `json:"tokensPerSecond"`  // of the newest story, 0: none yet
		FirstWordSeconds float64 `json:"firstWordSeconds"` // of the newest story
		MemoryFree       int64   `json:"memoryFree"`       // bytes
		MemoryTotal      int64   `json:"memoryTotal"`      // bytes
		ChipCelsius      float64 `json:"chipCelsius"`      // 0: the kernel does not tell
	}
	if books := s.desk.Shelf.All(); len(books) > 0 {
		perSecond, first := desk.Speed(books[0].Story)
		status.TokensPerSecond, status.FirstWordSeconds = perSecond, first.Seconds()
	}
	status.MemoryFree, status.MemoryTotal = memory(s.system)
	status.ChipCelsius = chipCelsius(s.system)
	writeJSON(w, status)
}

// beginSuites takes the turn for the suites, or says why it cannot.
func (s *Server) beginSuites() error {
	s.beginning.Lock()
	defer s.beginning.Unlock()
	switch {
	case s.running:
		return errors.New("the test suites are running already")
	case s.busy():
		return errors.New("a story is being told; stop it first, or wait for its end")
	}
	s.running = true
	return nil
}

// runSuites runs the suites and streams their report. They stop when the
// browser goes away, and no story is told meanwhile.
func (s *Server) runSuites(w http.ResponseWriter, r *http.Request) {
	if err := s.beginSuites(); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	defer func() {
		s.beginning.Lock()
		defer s.beginning.Unlock()
		s.running = false
	}()
	ctx, cancel := context.WithCancel(r.Context())
	report := newByteLog(maxReport)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		report.close(s.suites.Run(ctx, r.FormValue("short") == "1", report))
	}()
	defer func() {
		cancel()
		<-finished
	}()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	control := http.NewResponseController(w)
	for sent, whole := 0, false; !whole; {
		var part []byte
		var err error
		if part, whole, err = report.next(ctx, sent); ctx.Err() != nil {
			return
		}
		sent += len(part)
		if whole && err != nil {
			part = fmt.Appendf(part[:len(part):len(part)], "\nthe suites broke off: %v\n", err)
		}
		if _, err := w.Write(part); err != nil || control.Flush() != nil {
			return
		}
	}
}

// result serves a file of the suites' results.
func (s *Server) result(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	data, err := s.suites.Result(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && r.Method == http.MethodHead:
		w.WriteHeader(http.StatusNoContent) // the page asks whether there is one: none is no error
		return
	case errors.Is(err, fs.ErrNotExist):
		http.Error(w, "there is no such result; the suites make them", http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, fmt.Sprintf("the result cannot be read: %v", err), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	kinds := map[string]string{".html": "text/html; charset=utf-8", ".txt": "text/plain; charset=utf-8", ".json": "application/json"}
	h.Set("Content-Type", cmp.Or(kinds[path.Ext(name)], "application/octet-stream"))
	// The report has its styles in itself.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Write(data)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
