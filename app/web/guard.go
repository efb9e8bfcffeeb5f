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
	maxBody       = 4 << 10
	maxHeader     = 8 << 10
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	idleTimeout   = 30 * time.Second
	// maxConnections bounds what they all hold together, some 30 KB each: a megabyte,
	// of the few that the board has left. Whoever comes then waits until one is closed.
	maxConnections = 32
	// writeTimeout bounds one write, not one response: a stream lives as long
	// as its reader takes what it is sent.
	writeTimeout = 10 * time.Second
)

// guard lets through only requests that a person at the page can have meant.
func (s *Server) guard(next http.Handler) http.Handler {
	// Refuses state-changing requests that another site's page sent.
	crossOrigin := http.NewCrossOriginProtection()
	foreign := func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this request comes from another site's page; use the storyteller's own", http.StatusForbidden)
	}
	crossOrigin.SetDenyHandler(http.HandlerFunc(foreign))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		if !s.knownHost(r.Host) {
			http.Error(w, "this storyteller is not called that; use its address, as in http://192.168.42.1/", http.StatusMisdirectedRequest)
			return
		}
		// A stream, too, would hold a place that the story's own page needs.
		if o, err := url.Parse(r.Header.Get("Origin")); err != nil || o.Host != "" && o.Host != r.Host || o.Host == "" && r.Header.Get("Origin") != "" {
			foreign(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
		crossOrigin.Handler(next).ServeHTTP(w, r)
	})
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

// limited is a listener that has at most so many connections open.
type limited struct {
	net.Listener
	tokens chan struct{}
	closed chan struct{}
	once   sync.Once
}

func limit(l net.Listener, connections int) net.Listener {
	return &limited{Listener: l, tokens: make(chan struct{}, connections), closed: make(chan struct{})}
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.tokens <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.tokens
		return nil, err
	}
	return &counted{Conn: c, release: sync.OnceFunc(func() { <-l.tokens })}, nil
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// counted gives its token back when it is closed.
type counted struct {
	net.Conn
	release func()
}

func (c *counted) Close() error {
	c.release()
	return c.Conn.Close()
}
