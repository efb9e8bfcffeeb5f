//go:build linux

package sshd

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"duostoryteller/app/textfile"

	"golang.org/x/crypto/ssh"
)

// key returns a new key to log in with.
func key(t testing.TB) ssh.Signer {
	t.Helper()
	_, k, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return signer(t, k)
}

func signer(t testing.TB, k any) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serve runs a server with the shell of this machine and returns its address.
func serve(t testing.TB, o Options) string {
	t.Helper()
	if o.Host == nil {
		o.Host = key(t)
	}
	if o.Shell == "" {
		o.Shell = "/bin/sh"
	}
	o.Env = append(o.Env, "PATH="+os.Getenv("PATH"))
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve() = %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("the server does not end")
		}
	})
	return l.Addr().String()
}

func config(methods ...ssh.AuthMethod) *ssh.ClientConfig {
	return &ssh.ClientConfig{User: "anybody", Auth: methods, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: time.Minute}
}

// dial logs in, and tries again while the places for strangers are taken.
func dial(t testing.TB, address string, k ssh.Signer) *ssh.Client {
	t.Helper()
	for range 1200 {
		c, err := ssh.Dial("tcp", address, config(ssh.PublicKeys(k)))
		if err == nil {
			t.Cleanup(func() { c.Close() })
			return c
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("cannot log in")
	return nil
}

func newSession(t testing.TB, c *ssh.Client) *ssh.Session {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func status(err error) int {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[*ssh.ExitError](err); ok {
		return e.ExitStatus()
	}
	return -1
}

func TestCommand(t *testing.T) {
	k := key(t)
	var notes strings.Builder
	var mu sync.Mutex
	c := dial(t, serve(t, Options{Keys: []ssh.PublicKey{k.PublicKey()}, Env: []string{"GREETING=hello"}, Note: func(line string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(&notes, line)
	}}), k)
	for _, tt := range []struct {
		command, input, out, errs string
		status                    int
	}{
		{"echo $GREETING; echo oops >&2; exit 3", "", "hello\n", "oops\n", 3},
		{"cat; echo .", "line\n", "line\n.\n", "", 0},
		{"tty || true", "", "not a tty\n", "", 0},
		{"kill -9 $$", "", "", "", 137},
		{"(sleep 1000 &) ; echo left", "", "left\n", "", 0},
	} {
		s := newSession(t, c)
		var out, errs bytes.Buffer
		s.Stdin, s.Stdout, s.Stderr = strings.NewReader(tt.input), &out, &errs
		if got := status(s.Run(tt.command)); got != tt.status || out.String() != tt.out || errs.String() != tt.errs {
			t.Errorf("%s: status %d, %q, %q; want %d, %q, %q", tt.command, got, &out, &errs, tt.status, tt.out, tt.errs)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if want := ssh.FingerprintSHA256(k.PublicKey()); !strings.Contains(notes.String(), want) {
		t.Errorf("noted %q; want who came, with the key %s", &notes, want)
	}
}

// A client that reads slowly gets all, though the program has long ended.
func TestSlowReader(t *testing.T) {
	k := key(t)
	s := newSession(t, dial(t, serve(t, Options{Keys: []ssh.PublicKey{k.PublicKey()}}), k))
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	const size = 3 << 20 // more than the protocol's window
	if err := s.Start(fmt.Sprintf("head -c %d /dev/zero", size)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	if n, err := io.Copy(io.Discard, out); n != size || err != nil {
		t.Errorf("read %d bytes, %v; want %d", n, err, size)
	}
	if err := s.Wait(); err != nil {
		t.Error(err)
	}
}

// typist is a client with a terminal.
type typist struct {
	t   *testing.T
	in  io.Writer
	mu  sync.Mutex
	out bytes.Buffer
}

func (p *typist) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *typist) wait(want string) {
	p.t.Helper()
	for range 6000 {
		p.mu.Lock()
		i := strings.Index(p.out.String(), want)
		if i >= 0 {
			p.out.Next(i + len(want))
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.t.Fatalf("the terminal does not show %q but %q", want, &p.out)
}

func TestTerminal(t *testing.T) {
	k := key(t)
	c := dial(t, serve(t, Options{Keys: []ssh.PublicKey{k.PublicKey()}}), k)
	s := newSession(t, c)
	p := &typist{t: t}
	s.Stdout, s.Stderr = p, p
	var err error
	if p.in, err = s.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.RequestPty("vt100", 33, 99, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(p.in, "stty size; echo $TERM.\n")
	p.wait("33 99\r\n")
	p.wait("vt100.\r\n")
	if err := s.WindowChange(20, 40); err != nil {
		t.Fatal(err)
	}
	// It is not answered, and may come after what is typed next.
	io.WriteString(p.in, "until [ \"$(stty size)\" = '20 40' ]; do sleep 0.1; done; echo chan''ged\n")
	p.wait("changed\r\n")
	// The shell is itself until it has started the program.
	io.WriteString(p.in, "sh -c 'echo be\"\"gin; exec sleep 1000'\n")
	p.wait("begin\r\n")
	io.WriteString(p.in, "\x03")
	io.WriteString(p.in, "exit 4\n")
	if got := status(s.Wait()); got != 4 {
		t.Errorf("the shell ended with %d; want 4", got)
	}
}

// A shell that was forgotten ends, and so does a command, unless it computes.
func TestIdle(t *testing.T) {
	k := key(t)
	left := make(chan struct{}, 2)
	c := dial(t, serve(t, Options{Keys: []ssh.PublicKey{k.PublicKey()}, Idle: 200 * time.Millisecond,
		Enter: func() (func(), error) { return func() { left <- struct{}{} }, nil }}), k)
	s := newSession(t, c)
	var said bytes.Buffer
	s.Stderr = &said
	if err := s.RequestPty("vt100", 24, 80, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(); status(err) == 0 || !strings.Contains(said.String(), "keeps the stories away") {
		t.Errorf("the shell ended with %v, saying %q; want it told why", err, said.String())
	}
	<-left
	for what, line := range map[string]string{"waits for input": "cat", "waits": "sleep 1000", "writes, and nobody reads": "while :; do echo something; done"} {
		forgotten := newSession(t, c)
		if _, err := forgotten.StdinPipe(); err != nil { // stays open
			t.Fatal(err)
		}
		if _, err := forgotten.StdoutPipe(); err != nil { // is not read
			t.Fatal(err)
		}
		if err := forgotten.Start(line); err != nil {
			t.Fatal(err)
		}
		select {
		case <-left:
		case <-time.After(time.Minute):
			t.Fatalf("a command that %s keeps the stories away", what)
		}
		forgotten.Close()
	}
	if out, err := newSession(t, c).Output("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done"); string(out) != "done\n" || err != nil {
		t.Errorf("a command that computes for long: %q, %v", out, err)
	}
}

// failing is a listener whose Accept fails for a while.
type failing struct {
	net.Listener
	left int
}

func (f *failing) Accept() (net.Conn, error) {
	if f.left > 0 {
		f.left--
		return nil, syscall.EMFILE
	}
	return f.Listener.Accept()
}

// What goes wrong once with a connection is not the end of all.
func TestAccept(t *testing.T) {
	k := key(t)
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	var notes []string
	s, err := New(Options{Keys: []ssh.PublicKey{k.PublicKey()}, Host: key(t), Shell: "/bin/sh", Note: func(n string) { notes = append(notes, n) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, &failing{l, 5}) }()
	c, err := ssh.Dial("tcp", l.Addr().String(), config(ssh.PublicKeys(k)))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := newSession(t, c).Output("echo done"); string(out) != "done\n" || err != nil {
		t.Errorf("after failures: %q, %v", out, err)
	}
	c.Close()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if len(notes) != 2 || !strings.Contains(notes[0], "too many open files; trying again") {
		t.Errorf("notes %q; want one of the failures, and who came", notes)
	}
	l.Close()
	if err := s.Serve(t.Context(), l); err == nil {
		t.Error("a listener that is closed is served")
	}
}

// Only the right key opens, and no password does.
func TestStrangers(t *testing.T) {
	k := key(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecdsaKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, e := signer(t, rsaKey), signer(t, ecdsaKey)
	address := serve(t, Options{Keys: []ssh.PublicKey{k.PublicKey(), r.PublicKey(), e.PublicKey()}})
	sha1, err := ssh.NewSignerWithAlgorithms(r.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	for name, method := range map[string]ssh.AuthMethod{
		"another key":  ssh.PublicKeys(key(t)),
		"SHA-1":        ssh.PublicKeys(sha1),
		"password":     ssh.Password(""),
		"password too": ssh.KeyboardInteractive(func(string, string, []string, []bool) ([]string, error) { asked.Add(1); return nil, nil }),
	} {
		// Where two have just been refused the next ones are turned away at once.
		var refused error
		for range 50 {
			var c *ssh.Client
			if c, refused = ssh.Dial("tcp", address, config(method)); refused == nil {
				c.Close()
				t.Errorf("%s opens", name)
			} else if !strings.Contains(refused.Error(), "unable to authenticate") {
				time.Sleep(100 * time.Millisecond)
				continue
			}
			break
		}
		if refused != nil && !strings.Contains(refused.Error(), "unable to authenticate") {
			t.Errorf("%s: %v; want it refused", name, refused)
		}
	}
	if c, err := ssh.Dial("tcp", address, config()); err == nil {
		c.Close()
		t.Error("nothing at all opens")
	}
	if asked.Load() != 0 {
		t.Error("somebody is asked for a password")
	}
	for _, good := range []ssh.Signer{k, r, e} {
		if out, err := newSession(t, dial(t, address, good)).Output("echo in"); string(out) != "in\n" || err != nil {
			t.Errorf("with the key %s: %q, %v", good.PublicKey().Type(), out, err)
		}
	}
}

// What a session is not is refused, and the connection goes on.
func TestRefused(t *testing.T) {
	k := key(t)
	c := dial(t, serve(t, Options{Keys: []ssh.PublicKey{k.PublicKey()}}), k)
	if conn, err := c.Dial("tcp", "127.0.0.1:80"); err == nil {
		conn.Close()
		t.Error("a connection is forwarded")
	}
	if l, err := c.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
		t.Error("it listens for others")
	}
	s := newSession(t, c)
	if err := s.Setenv("LD_PRELOAD", "/tmp/x.so"); err == nil {
		t.Error("the environment can be set")
	}
	if err := s.RequestSubsystem("sftp"); err == nil {
		t.Error("there is a subsystem")
	}
	for _, term := range []string{strings.Repeat("x", maxTerm+1), "vt100\nX=1", ""} {
		err := s.RequestPty(term, 1<<30, 1<<30, nil)
		if (err == nil) != (term == "") {
			t.Errorf("a terminal called %.20q: %v", term, err)
		}
	}
	if ok, err := s.SendRequest("exec", true, []byte{0, 0, 0, 9, 'x'}); ok || err != nil {
		t.Errorf("a broken request: %v, %v; want it refused", ok, err)
	}
	second := newSession(t, c)
	if third, err := c.NewSession(); err == nil {
		third.Close()
		t.Errorf("there are more than %d sessions", maxSessions)
	}
	if out, err := second.Output("echo $LD_PRELOAD."); string(out) != ".\n" || err != nil {
		t.Errorf("then: %q, %v", out, err)
	}
	if err := s.Start("true"); err != nil {
		t.Error(err)
	}
	if ok, _ := s.SendRequest("exec", true, ssh.Marshal(execRequest{"true"})); ok {
		t.Error("a session runs two commands")
	}
}

// Where there is no room the person is told, and what was made is given back.
func TestEnter(t *testing.T) {
	k := key(t)
	var inside atomic.Int32
	var full atomic.Bool
	c := dial(t, serve(t, Options{Keys: []ssh.PublicKey{k.PublicKey()}, Enter: func() (func(), error) {
		if full.Load() {
			return nil, errors.New("a story is being told")
		}
		inside.Add(1)
		return func() { inside.Add(-1) }, nil
	}}), k)
	if out, err := newSession(t, c).Output("echo in"); string(out) != "in\n" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
	if n := inside.Load(); n != 0 {
		t.Errorf("%d are still inside", n)
	}
	full.Store(true)
	out, err := newSession(t, c).CombinedOutput("echo in")
	if status(err) != 1 || string(out) != "storyteller: a story is being told\r\n" {
		t.Errorf("%q, %v; want why there is no shell", out, err)
	}
}

// Whoever vanishes leaves nothing running.
func TestVanished(t *testing.T) {
	k := key(t)
	left := make(chan bool, 1)
	address := serve(t, Options{Keys: []ssh.PublicKey{k.PublicKey()}, Enter: func() (func(), error) { return func() { left <- true }, nil }})
	for _, terminal := range []bool{false, true} {
		c := dial(t, address, k)
		s := newSession(t, c)
		if terminal {
			if err := s.RequestPty("vt100", 24, 80, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Start("trap '' HUP TERM; while :; do sleep 1; done"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		c.Close()
		select {
		case <-left:
		case <-time.After(time.Minute):
			t.Fatalf("terminal %v: its program goes on", terminal)
		}
	}
}

// Many at once get in or are turned away; afterwards all is as before.
func TestMany(t *testing.T) {
	k := key(t)
	address := serve(t, Options{Keys: []ssh.PublicKey{k.PublicKey()}})
	before := runtime.NumGoroutine()
	var in, out atomic.Int32
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(time.Minute))
			c, chans, reqs, err := ssh.NewClientConn(conn, address, config(ssh.PublicKeys(k)))
			if err != nil {
				out.Add(1)
				return
			}
			client := ssh.NewClient(c, chans, reqs)
			defer client.Close()
			s, err := client.NewSession()
			if err != nil {
				t.Error(err)
				return
			}
			if text, err := s.Output("echo in"); string(text) != "in\n" || err != nil {
				t.Errorf("inside: %q, %v", text, err)
			}
			in.Add(1)
		})
	}
	all.Wait()
	t.Logf("%d got in, %d were turned away", in.Load(), out.Load())
	if in.Load() == 0 || out.Load() == 0 {
		t.Errorf("%d got in, %d did not; want some of each", in.Load(), out.Load())
	}
	dial(t, address, k).Close()
	for range 6000 {
		if runtime.NumGoroutine() <= before+2 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before: some are left", runtime.NumGoroutine(), before)
}

func TestNoKeys(t *testing.T) {
	if _, err := New(Options{Host: key(t)}); err == nil {
		t.Error("a server that nobody can open")
	}
}

// wide is ASCII as UTF-16, little-endian.
func wide(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		b.Write([]byte{c, 0})
	}
	return b.String()
}

func TestKeys(t *testing.T) {
	k := key(t)
	line := string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(k.PublicKey())))
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weak := string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(signer(t, short).PublicKey())))
	for _, tt := range []struct {
		name, text     string
		keys, problems int
	}{
		{"none", "", 0, 0},
		{"one", line + "\n", 1, 0},
		{"without an end, with a name", line + " me@pc", 1, 0},
		{"from Windows", "\ufeff# mine\r\n\r\n" + line + " me@pc\r\n", 1, 0},
		{"from Windows, as \"Unicode\"", "\xff\xfe" + wide(line+"\r\n"), 1, 0},
		{"with old line ends", line + "\r" + line + "\r", 2, 0},
		{"every line wrong", strings.Repeat("hello\n", 5000), 0, textfile.MaxProblems + 1},
		{"a long line", line + strings.Repeat(" me", textfile.MaxLine), 0, 1},
		{"two", line + "\n" + line + "\n", 2, 0},
		{"harmless option", "no-port-forwarding " + line, 1, 0},
		{"option to obey", `command="reboot" ` + line, 0, 1},
		{"restricted", `from="10.0.0.1",no-pty ` + line, 0, 1},
		{"weak", weak, 0, 1},
		{"no key", "ssh-ed25519 AAAA\nhello\n" + line, 1, 2},
		{"private", "-----BEGIN OPENSSH PRIVATE KEY-----\n", 0, 1},
		{"many", strings.Repeat(line+"\n", maxKeys+1), maxKeys, 1},
	} {
		path := filepath.Join(t.TempDir(), "authorized_keys")
		if err := os.WriteFile(path, []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		keys, problems := ReadKeys(path)
		if len(keys) != tt.keys || len(problems) != tt.problems {
			t.Errorf("%s: %d keys, %q; want %d and %d problems", tt.name, len(keys), problems, tt.keys, tt.problems)
		}
	}
	if keys, problems := ReadKeys(filepath.Join(t.TempDir(), "none")); keys != nil || problems != nil {
		t.Errorf("no file: %v, %q; want nothing", keys, problems)
	}
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, []byte(strings.Repeat(line+"\n", textfile.MaxSize/len(line)+1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if keys, problems := ReadKeys(large); keys != nil || len(problems) != 1 {
		t.Errorf("a large file: %d keys, %q; want none and why", len(keys), problems)
	}
}

func TestHostKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ssh_host_key")
	keep := func(text []byte) error { return os.WriteFile(path, text, 0o600) }
	first, err := HostKey(path, keep)
	if err != nil {
		t.Fatal(err)
	}
	never := func([]byte) error { t.Error("a key is kept twice"); return nil }
	second, err := HostKey(path, never)
	if err != nil || !bytes.Equal(first.PublicKey().Marshal(), second.PublicKey().Marshal()) {
		t.Errorf("then the key is another one: %v", err)
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err := HostKey(path, never); k == nil || err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a damaged key: %v, %v; want another and why", k, err)
	}
	full := func([]byte) error { return errors.New("the card is full") }
	if k, err := HostKey(filepath.Join(t.TempDir(), "none"), full); k == nil || err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("a key that cannot be kept: %v, %v; want one all the same and why", k, err)
	}
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS a\r\n"))
	f.Add([]byte(`command="x",from="y" ssh-rsa AAAA`))
	f.Fuzz(func(t *testing.T, text []byte) {
		decoded, err := textfile.Decode(text)
		if err != nil {
			return
		}
		keys, problems := ParseKeys(decoded)
		if lines := strings.Count(decoded, "\n") + 1; len(keys) > maxKeys || len(keys)+len(problems) > lines {
			t.Errorf("%d keys and %d problems of %d lines", len(keys), len(problems), lines)
		}
		for _, p := range problems {
			if strings.ContainsAny(p, "\n\r\x1b") {
				t.Errorf("a problem is not one line of text: %q", p)
			}
		}
	})
}

// FuzzStranger sends anything to the server before a key is shown.
func FuzzStranger(f *testing.F) {
	f.Add([]byte("SSH-2.0-x\r\n\x00\x00\x00\x0c\x0a\x14"))
	f.Add([]byte("GET / HTTP/1.0\r\n\r\n"))
	s, err := New(Options{Keys: []ssh.PublicKey{key(f).PublicKey()}, Host: key(f), Shell: "/bin/false"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		ours, theirs := net.Pipe()
		go func() {
			theirs.Write(sent)
			theirs.Close()
		}()
		go io.Copy(io.Discard, theirs)
		s.strangers <- struct{}{}
		ended, cancel := context.WithCancel(t.Context())
		cancel() // no pause afterwards
		s.serve(ended, ours)
		if len(s.strangers) != 0 {
			t.Error("a place for strangers is lost")
		}
	})
}

// FuzzRequests sends any payload with a session's requests.
func FuzzRequests(f *testing.F) {
	f.Add("vt100", []byte{0, 0, 0, 1, 'x', 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, term string, payload []byte) {
		s := &session{}
		if s.terminal(payload) && len(s.term) > maxTerm {
			t.Errorf("a terminal called %q", s.term)
		}
		s.resize(payload)
		if s.terminal(ssh.Marshal(terminalRequest{Term: term})) && strings.ContainsAny(s.term, " \n\x00") {
			t.Errorf("a terminal called %q", s.term)
		}
	})
}
