package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"duostoryteller/app/story"
)

const (
	maxPrompt = 4 << 10 // bytes: as long as a line on the console; the model has 256 positions
	maxReport = 256 << 10
	// openingRunes is how much of a story the list of past ones shows.
	openingRunes = 70
)

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
	var request Request
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		status := http.StatusBadRequest
		if errors.As(err, new(*http.MaxBytesError)) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, fmt.Sprintf("this is no request for a story: %v", err), status)
		return
	}
	if err := s.check(request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	asked := request.story()
	if b, ok := s.shelf.find(request.Again); ok {
		asked, request.Engine = b.story.Request, b.engine
		asked.ID = "" // another story
		if s.engine(b.engine) < 0 {
			// It was told before the settings were changed, and kept on the card.
			http.Error(w, fmt.Sprintf("that story was told by the engine %q, which is not offered now; type its beginning to have another told", b.engine), http.StatusBadRequest)
			return
		}
	} else if request.Again != "" {
		http.Error(w, "no such story; /stories lists the stories kept", http.StatusNotFound)
		return
	}
	engine := s.engines[s.engine(request.Engine)]
	s.beginning.Lock()
	told, err := (*story.Story)(nil), errSuites
	if !s.running {
		told, err = engine.Tell(s.ctx, asked)
	}
	s.beginning.Unlock()
	if err == story.ErrBusy {
		http.Error(w, "another story is being told; listen along, or stop it first", http.StatusConflict)
		return
	}
	if err == errSuites || errors.Is(err, story.ErrBusy) {
		unavailable(w, 30, err.Error())
		return
	}
	if errors.As(err, new(*story.Avoided)) {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	if err != nil {
		http.Error(w, fmt.Sprintf("the story could not begin: %v", err), http.StatusInternalServerError)
		return
	}
	writeJSON(w, map[string]string{"id": s.shelf.add(told, engine.Name).id})
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
	for _, b := range s.shelf.all() {
		if _, ended := b.story.Current().End(); !ended {
			return true
		}
	}
	return false
}

// engine returns the index of the engine of that name, the first for "".
func (s *Server) engine(name string) int {
	if name == "" {
		return 0
	}
	return slices.IndexFunc(s.engines, func(e Engine) bool { return e.Name == name })
}

// check says what is wrong with a request, in words for the person who made it.
func (s *Server) check(r Request) error {
	switch {
	case len(r.Prompt) > maxPrompt:
		return fmt.Errorf("the beginning has %d bytes; %d are allowed", len(r.Prompt), maxPrompt)
	case !utf8.ValidString(r.Prompt) || strings.ContainsRune(r.Prompt, 0):
		return errors.New("the beginning is not a text")
	case !(r.Temperature >= 0):
		return fmt.Errorf("temperature %v; 0 and more are allowed", r.Temperature)
	case !(r.TopP >= 0 && r.TopP <= 1):
		return fmt.Errorf("topp %v; 0 to 1 are allowed", r.TopP)
	case r.Steps < 0 || r.Steps > math.MaxInt32:
		return fmt.Errorf("steps %d; 0 (as many as the model can) to %d are allowed", r.Steps, math.MaxInt32)
	case s.engine(r.Engine) < 0:
		return fmt.Errorf("there is no engine %q", r.Engine)
	}
	return nil
}

func (s *Server) stop(w http.ResponseWriter, _ *http.Request) {
	for _, e := range s.engines {
		e.Stop()
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	type entry struct {
		ID      string  `json:"id"`
		Request Request `json:"request"`
		Opening string  `json:"opening"`
	}
	entries := []entry{}
	for _, b := range s.shelf.all() {
		if end, ended := b.story.End(); ended && avoided(end) {
			continue // another one is there in its place, or none
		}
		entries = append(entries, entry{b.id, b.request(), firstWords(b.story)})
	}
	writeJSON(w, entries)
}

// firstWords returns the first words of what is told of a story.
func firstWords(s *story.Story) string {
	text := []rune(strings.Join(strings.Fields(strings.Join(soFar(s).pieces, "")), " "))
	if len(text) <= openingRunes {
		return string(text)
	}
	text = text[:openingRunes]
	if i := strings.LastIndex(string(text), " "); i > 0 {
		return string(text)[:i] + " …"
	}
	return string(text) + "…"
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	var status struct {
		TokensPerSecond  float64 `json:"tokensPerSecond"`  // of the newest story, 0: none yet
		FirstWordSeconds float64 `json:"firstWordSeconds"` // of the newest story
		MemoryFree       int64   `json:"memoryFree"`       // bytes
		MemoryTotal      int64   `json:"memoryTotal"`      // bytes
		ChipCelsius      float64 `json:"chipCelsius"`      // 0: the kernel does not tell
	}
	if books := s.shelf.all(); len(books) > 0 {
		perSecond, first := speed(books[0].story)
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
