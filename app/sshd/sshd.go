//go:build linux

// Package sshd gives a shell to whoever has one of the keys in authorized_keys, over
// SSH (RFC 4251 to 4254, golang.org/x/crypto/ssh). There are no passwords, nothing is
// forwarded and there are no subsystems: a session is a shell, or one command.
//
// The board has one user, so any user name will do.
package sshd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Limits: the board has little memory and one story to tell. What a connection
// holds before it has shown a key is at most some 300 KB.
const (
	maxConnections = 4
	maxStrangers   = 2 // connections that have not shown a key yet
	maxSessions    = 2 // of one connection
	maxTries       = 6 // keys that a client may offer
	loginTimeout   = 15 * time.Second
	// refusedPause slows down who tries keys.
	refusedPause = time.Second
)

// Options are what a Server works with.
type Options struct {
	Keys  []ssh.PublicKey // that open it, at least one
	Host  ssh.Signer      // the server's own key
	Shell string          // program of the shell
	Env   []string        // its environment, beside TERM
	// Enter is called before a shell is started, and what it returns when that has
	// ended. The text of its error is shown to the person. Nil: nothing to do.
	Enter func() (leave func(), err error)
	Note  func(string) // is told who comes, a line each; nil: nobody
	// Idle ends a shell, or a command, to or from which nothing has gone for so long: on
	// the board a forgotten one keeps the stories away. 0: a quarter of an hour.
	Idle time.Duration
}

// Server is an SSH server.
type Server struct {
	Options
	config      *ssh.ServerConfig
	connections chan struct{}
	strangers   chan struct{}
}

// New returns a server.
func New(o Options) (*Server, error) {
	if len(o.Keys) == 0 {
		return nil, errors.New("ssh: no keys, so nobody could come in")
	}
	if o.Enter == nil {
		o.Enter = func() (func(), error) { return func() {}, nil }
	}
	if o.Idle == 0 {
		o.Idle = 15 * time.Minute
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	allowed := map[string]bool{}
	for _, k := range o.Keys {
		allowed[string(k.Marshal())] = true
	}
	s := &Server{Options: o, connections: make(chan struct{}, maxConnections), strangers: make(chan struct{}, maxStrangers)}
	s.config = &ssh.ServerConfig{
		MaxAuthTries:  maxTries,
		ServerVersion: "SSH-2.0-storyteller",
		// Not the signatures with SHA-1.
		PublicKeyAuthAlgorithms: []string{ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
			ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512},
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !allowed[string(key.Marshal())] {
				return nil, errors.New("this key is not in authorized_keys")
			}
			return &ssh.Permissions{Extensions: map[string]string{"key": ssh.FingerprintSHA256(key)}}, nil
		},
	}
	s.config.AddHostKey(o.Host)
	return s, nil
}

// Serve answers on l until ctx ends, or l is closed. It returns when all sessions have
// ended. Any other failure of l is for the moment: too many open files, say.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var guests sync.WaitGroup
	defer guests.Wait()
	for failures := 0; ; {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("ssh on %v: %w", l.Addr(), err)
		}
		if err != nil {
			if failures++; failures == 1 {
				s.Note(fmt.Sprintf("ssh on %v: %v; trying again", l.Addr(), err))
			}
			select {
			case <-time.After(min(10*time.Millisecond<<min(failures, 10), time.Second)):
			case <-ctx.Done():
			}
			continue
		}
		failures = 0
		// Full: the client is told by the end of the connection, for it has no key yet.
		if !take(s.connections) {
			conn.Close()
			continue
		}
		if !take(s.strangers) {
			<-s.connections
			conn.Close()
			continue
		}
		guests.Go(func() {
			defer func() { <-s.connections }()
			defer conn.Close()
			end := context.AfterFunc(ctx, func() { conn.Close() })
			defer end()
			s.serve(ctx, conn)
		})
	}
}

func take(tokens chan struct{}) bool {
	select {
	case tokens <- struct{}{}:
		return true
	default:
		return false
	}
}

// serve serves one connection.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	conn.SetDeadline(time.Now().Add(loginTimeout))
	c, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		conn.Close()
		select {
		case <-time.After(refusedPause):
		case <-ctx.Done():
		}
	}
	<-s.strangers
	if err != nil {
		return
	}
	conn.SetDeadline(time.Time{})
	defer c.Close()
	s.Note(fmt.Sprintf("ssh: %v is here with the key %s", c.RemoteAddr(), c.Permissions.Extensions["key"]))
	go ssh.DiscardRequests(requests) // forwarding is refused with all the rest
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	defer cancel()
	tokens := make(chan struct{}, maxSessions)
	for asked := range channels {
		if asked.ChannelType() != "session" {
			asked.Reject(ssh.UnknownChannelType, "there are only sessions here")
			continue
		}
		if !take(tokens) {
			asked.Reject(ssh.ResourceShortage, "too many sessions at once")
			continue
		}
		channel, requests, err := asked.Accept()
		if err != nil {
			return
		}
		sessions.Go(func() {
			defer func() { <-tokens }()
			defer channel.Close()
			(&session{server: s, channel: channel}).run(ctx, requests)
		})
	}
}
