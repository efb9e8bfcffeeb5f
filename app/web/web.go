// Package web serves the storyteller's page: a story is asked for in the
// browser, appears word by word and is read aloud sentence by sentence with
// the voice of the board. Everything the page needs is in the binary.
//
//	GET  /[?lang=de]             the page, in the language of the browser or another
//	GET  /opening?hero=…         how a story begins about who, name, place and event: package opening
//	GET  /start-here             what to do when something does not work; on the card's FAT partition, too
//	POST /story                  begin a story, or one of these again: Request as JSON; 409 while another is told,
//	                             422 for a beginning that is not for children,
//	                             503 while something else has the memory
//	POST /stop                   stop the story being told
//	GET  /events[?story=ID]      the newest (or a past) story from its start, and what follows, as server-sent events
//	GET  /audio/ID/N.wav         sentence N of a story, spoken; streamed while the voice speaks; ?rate=0.9&pitch=1.1
//	GET  /sample.wav             a sentence that shows how the voice sounds at that rate and pitch
//	GET  /stories                the stories kept, newest first, as JSON
//	GET  /captive-portal         that there is a page to look at, as RFC 8908 has it, for a PC that was told by DHCP;
//	                             what PCs ask the Internet for is led to the page
//	GET  /status                 speed, memory and temperature as JSON
//	POST /suites[?short=1]       run the test suites, or little of each; the report as text while it grows
//	GET  /results/NAME           a file of the newest results, such as report.html
//
// In the emulated 64 MB machine a page that follows a story costs 0.6 % of the story's
// instructions, one that also has it read aloud 6 % (make test-serving): the voice's
// work, and reading it from the card again.
//
// One story is told at a time and everyone hears the same one. A story, a
// spoken sentence and a report are logs that grow by themselves; browsers read
// them at their own pace, and none can slow the story.
package web

import (
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"sync"
	"time"

	"duostoryteller/app/desk"
	"duostoryteller/app/voice"
)

//go:embed assets
var assets embed.FS

// Suites runs the jury's suites.
type Suites interface {
	// Run runs them, or little of each, and writes their report as plain text.
	Run(ctx context.Context, short bool, report io.Writer) error
	// Result returns a file of the newest results; the error wraps fs.ErrNotExist
	// if there is none of that name.
	Result(name string) ([]byte, error)
}

// Options are what a Server works with.
type Options struct {
	Voice     voice.Voice  // nil: the page is silent; not used by anybody else
	Suites    Suites       // nil: the page has no button for them
	Engines   []Engine     // that tell the stories, at least one, the default first
	Hosts     []string     // names of this machine beside localhost, lower case
	Keep      string       // folder in which the last stories survive a restart; "": they do not
	KeepKB    int          // of which they may take so much; 0: they do not
	Note      func(string) // is told what cannot be kept, a line each; nil: nobody
	Version   string       // what the page says of itself; "": nothing
	Small     bool         // the stories are the small built-in model's: the page says so
	System    fs.FS        // root of the file system with /proc and /sys
	Followers int          // browsers that may follow stories at the same time; 0: 16
}

// Server is the http.Handler of the page.
type Server struct {
	voice     voice.Voice
	suites    Suites
	desk      desk.Desk
	hosts     []string
	system    fs.FS
	version   string
	small     bool
	keeper    *keeper // nil: nothing is kept
	pages     *pages
	handler   http.Handler
	followers chan struct{} // one token a follower

	beginning sync.Mutex // held to begin a story or the suites, never while they last
	running   bool       // the suites run

	ctx       context.Context // of what outlives a request: stories, spoken sentences
	clips     *clips
	speaking  sync.Mutex    // held by the voice
	rest      *time.Timer   // lets it rest
	listeners chan struct{} // one token a browser that is sent sound
}

// New returns a server that watches for new stories until ctx ends.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Followers == 0 {
		o.Followers = 16
	}
	s := &Server{
		voice: o.Voice, suites: o.Suites,
		desk: desk.Desk{Shelf: desk.NewShelf(), Engines: o.Engines}, hosts: o.Hosts, version: o.Version, small: o.Small, system: o.System,
		followers: make(chan struct{}, o.Followers),
		ctx:       ctx,
		clips:     newClips(),
		listeners: make(chan struct{}, listenersAtOnce),
	}
	s.rest = time.AfterFunc(voiceRests, s.restVoice)
	s.rest.Stop()
	var err error
	s.pages = &pages{make: s.makePage, made: map[string][]byte{}}
	if s.pages.languages, err = languages(); err == nil {
		_, err = s.pages.page(fallback)
	}
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.servePage)
	mux.Handle("GET /assets/", http.FileServerFS(assets))
	mux.HandleFunc("GET /start-here", serveStartHere)
	mux.HandleFunc("GET /opening", makeOpening)
	mux.HandleFunc("GET "+CaptivePath, captive)
	mux.HandleFunc("POST /story", s.begin)
	mux.HandleFunc("POST /stop", s.stop)
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /stories", s.list)
	mux.HandleFunc("GET /status", s.status)
	if s.voice != nil {
		mux.HandleFunc("GET /audio/{story}/{sentence}", s.audio)
		mux.HandleFunc("GET /sample.wav", s.hearSample)
	}
	if s.suites != nil {
		mux.HandleFunc("POST /suites", s.runSuites)
		mux.HandleFunc("GET /results/{name}", s.result)
	}
	s.handler = s.guard(mux)
	if o.Keep != "" && o.KeepKB > 0 {
		s.keeper = &keeper{dir: o.Keep, size: o.KeepKB << 10, note: o.Note, busy: make(chan struct{}, 1)}
		if o.Note == nil {
			s.keeper.note = func(string) {}
		}
		s.keeper.restore(s.desk.Shelf)
	}
	for _, e := range s.desk.Engines {
		go s.watch(ctx, e)
	}
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Serve answers on l until ctx ends, within the package's limits.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	few := limit(l, maxConnections)
	server := &http.Server{
		ConnState:         few.state,
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(few); ctx.Err() == nil {
		return fmt.Errorf("serving on %v: %w", l.Addr(), err)
	}
	return nil
}
