package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limits of what a browser may send and how long it may take. The listening
// side has little memory and one story to tell; nobody needs more.
const (
	maxBody       = 32 << 10 // of a prompt whose characters are all escaped
	maxHeader     = 8 << 10
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	idleTimeout   = 30 * time.Second
	// maxConnections bounds what they all hold together, some 30 KB each: a megabyte,
	// of the few that the board has left. Streams are fewer: Followers and listenersAtOnce.
	maxConnections = 32
	// writeTimeout bounds the sending of one piece, not of one response: a stream lives
	// as long as its reader takes what it is sent.
	writeTimeout = 10 * time.Second
	pieceSize    = 16 << 10
	// vanished is how long a browser may not confirm what it was sent, before it is held
	// for gone: its cable was pulled, or it sleeps.
	vanished = 20 * time.Second
)

// guard lets through only requests that a person at the page can have meant.
func (s *Server) guard(next http.Handler) http.Handler {
	// Refuses state-changing requests that another site's page sent.
	crossOrigin := http.NewCrossOriginProtection()
	foreign := func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this request comes from another site's page; use the storyteller's own", http.StatusForbidden)
	}
	crossOrigin.SetDenyHandler(http.HandlerFunc(foreign))
	return http.HandlerFunc(func(inner http.ResponseWriter, r *http.Request) {
		w := &patient{inner}
		w.extend() // an answer without a body, too: the connection may have had one before
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		if lead(w, r) {
			return
		}
		if !s.knownHost(r.Host) {
			http.Error(w, "this storyteller is not called that; use its address, as in http://192.168.42.1/", http.StatusMisdirectedRequest)
			return
		}
		// A stream, too, would hold a place that the story's own page needs.
		if o, err := url.Parse(r.Header.Get("Origin")); err != nil || o.Host != "" && o.Host != r.Host || o.Host == "" && r.Header.Get("Origin") != "" {
			foreign(w, r)
			return
		}
		r.Body = http.MaxBytesReader(inner, r.Body, maxBody) // which closes the connection
		crossOrigin.Handler(next).ServeHTTP(w, r)
	})
}

// patient is a response each piece of which has writeTimeout from when it is there: the
// story or the voice may take long before the first one.
type patient struct{ http.ResponseWriter }

// Unwrap is for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *patient) WriteHeader(status int) {
	p.extend()
	p.ResponseWriter.WriteHeader(status)
}

func (p *patient) Write(b []byte) (n int, err error) {
	for {
		p.extend()
		m, err := p.ResponseWriter.Write(b[n:min(len(b), n+pieceSize)])
		if n += m; err != nil || n == len(b) {
			return n, err
		}
	}
}

func (p *patient) extend() {
	http.NewResponseController(p.ResponseWriter).SetWriteDeadline(time.Now().Add(writeTimeout))
}

// knownHost tells whether the Host header names this machine. DNS rebinding
// needs a name that its attacker can point here, so plain addresses are safe
// and names must be ours.
func (s *Server) knownHost(host string) bool {
	name := host
	if n, _, err := net.SplitHostPort(host); err == nil {
		name = n
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	return name == "localhost" || slices.Contains(s.hosts, name)
}

// limited is a listener that has at most so many connections open. When there is no
// room for another, the one that has been without a request for longest is closed.
type limited struct {
	net.Listener
	most int

	mu     sync.Mutex
	open   []*counted // by when they last turned idle, or came: longest ago first
	closed bool
	freed  chan struct{} // closed and replaced when there may be room
}

func limit(l net.Listener, connections int) *limited {
	return &limited{Listener: l, most: connections, freed: make(chan struct{})}
}

func (l *limited) Accept() (net.Conn, error) {
	if !l.await() {
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	giveUpVanished(c)
	n := &counted{Conn: c, in: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, n)
	return n, nil
}

// await waits until there is room for a connection; false: there will be no more.
func (l *limited) await() bool {
	for {
		l.mu.Lock()
		closed, freed := l.closed, l.freed
		room := len(l.open) < l.most
		var idle *counted
		if !room {
			if i := slices.IndexFunc(l.open, func(c *counted) bool { return !c.busy }); i >= 0 {
				idle = l.open[i]
			}
		}
		l.mu.Unlock()
		switch {
		case closed:
			return false
		case room:
			return true
		case idle != nil:
			idle.Close()
			continue
		}
		<-freed
	}
}

// state is http.Server's ConnState hook.
func (l *limited) state(c net.Conn, s http.ConnState) {
	n, ok := c.(*counted)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n.busy = s == http.StateActive
	if i := slices.Index(l.open, n); s == http.StateIdle && i >= 0 {
		l.open = append(slices.Delete(l.open, i, i+1), n)
		l.wake()
	}
}

// wake has await look again. The caller holds mu.
func (l *limited) wake() {
	close(l.freed)
	l.freed = make(chan struct{})
}

func (l *limited) Close() error {
	l.mu.Lock()
	l.closed = true
	l.wake()
	l.mu.Unlock()
	return l.Listener.Close()
}

// counted is a connection that gives its place back when it is closed.
type counted struct {
	net.Conn
	in   *limited
	busy bool // it has a request; guarded by the listener's mutex
}

func (c *counted) Close() error {
	l := c.in
	l.mu.Lock()
	if i := slices.Index(l.open, c); i >= 0 {
		l.open = slices.Delete(l.open, i, i+1)
		l.wake()
	}
	l.mu.Unlock()
	return c.Conn.Close()
}
