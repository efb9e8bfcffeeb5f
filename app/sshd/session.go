//go:build linux

package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// session is one shell or command, RFC 4254 section 6.
type session struct {
	server  *Server
	channel ssh.Channel
	size    *unix.Winsize // nil: no terminal
	term    string
	screen  *os.File // the terminal's near end, while a program runs on it
}

// The payloads of requests.
type (
	terminalRequest struct { // 6.2
		Term                        string
		Columns, Rows, Width, Heigh uint32
		Modes                       string
	}
	windowRequest struct{ Columns, Rows, Width, Height uint32 } // 6.7
	execRequest   struct{ Command string }                      // 6.5
	exitStatus    struct{ Status uint32 }                       // 6.10
)

// maxTerm bounds the name of a terminal, in bytes.
const maxTerm = 64

// run obeys requests until the program that one of them starts has ended, or the
// client is gone.
func (s *session) run(ctx context.Context, requests <-chan *ssh.Request) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var ended chan struct{}
	for {
		select {
		case r, ok := <-requests:
			if !ok {
				cancel()
				if ended != nil {
					<-ended
				}
				return
			}
			var command []string
			accepted := false
			switch r.Type {
			case "shell":
				accepted = ended == nil
			case "exec":
				var e execRequest
				accepted = ended == nil && ssh.Unmarshal(r.Payload, &e) == nil
				command = []string{"-c", e.Command}
			case "pty-req":
				accepted = ended == nil && s.terminal(r.Payload)
			case "window-change":
				accepted = s.resize(r.Payload)
			}
			if r.WantReply {
				r.Reply(accepted, nil)
			}
			if accepted && (r.Type == "shell" || r.Type == "exec") {
				start, err := s.prepare(command)
				ended = make(chan struct{})
				go func() {
					defer close(ended)
					s.finish(ctx, start, err)
				}()
			}
		case <-ended:
			return
		}
	}
}

func (s *session) terminal(payload []byte) bool {
	var r terminalRequest
	if ssh.Unmarshal(payload, &r) != nil || len(r.Term) > maxTerm {
		return false
	}
	for _, c := range []byte(r.Term) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	s.term, s.size = r.Term, size(r.Columns, r.Rows)
	return true
}

func (s *session) resize(payload []byte) bool {
	var r windowRequest
	if ssh.Unmarshal(payload, &r) != nil || s.size == nil {
		return false
	}
	s.size = size(r.Columns, r.Rows)
	if s.screen != nil {
		setSize(s.screen, s.size)
	}
	return true
}

func size(columns, rows uint32) *unix.Winsize {
	const most = 1000
	return &unix.Winsize{Col: uint16(min(columns, most)), Row: uint16(min(rows, most))}
}

// setSize is not package pty's, which would make f block, and race with its end.
func setSize(f *os.File, size *unix.Winsize) {
	if c, err := f.SyscallConn(); err == nil {
		c.Control(func(fd uintptr) { unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
	}
}

// openTTY opens a terminal, whose near end can be closed while it is read.
func openTTY() (near, far *os.File, err error) {
	blocking, far, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	defer blocking.Close()
	fd, err := unix.FcntlInt(blocking.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		far.Close()
		return nil, nil, err
	}
	return os.NewFile(uintptr(fd), blocking.Name()), far, nil
}

// program is one that is ready to run.
type program struct {
	cmd   *exec.Cmd
	leave func()
	// far are its ends of the terminal or the pipes, closed once it has them.
	far []*os.File
	// near are ours: what is read from them goes to the client.
	near map[*os.File]io.Writer
	// stdin is where what the client says goes. A terminal's is not closed at its end.
	stdin io.WriteCloser
}

// prepare makes room for a program, and what it needs to run.
func (s *session) prepare(arguments []string) (*program, error) {
	leave, err := s.server.Enter()
	if err != nil {
		return nil, err
	}
	p := &program{cmd: exec.Command(s.server.Shell, arguments...), leave: leave}
	p.cmd.Env = s.server.Env
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if s.size != nil {
		err = s.openTerminal(p)
	} else {
		err = s.openPipes(p)
	}
	if err != nil {
		p.close()
		leave()
		return nil, err
	}
	return p, nil
}

func (s *session) openTerminal(p *program) error {
	screen, far, err := openTTY()
	if err != nil {
		return fmt.Errorf("no terminal: %w", err)
	}
	setSize(screen, s.size)
	s.screen = screen
	p.cmd.Env = append(p.cmd.Env[:len(p.cmd.Env):len(p.cmd.Env)], "TERM="+s.term)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = far, far, far
	p.cmd.SysProcAttr.Setctty = true
	p.far, p.near, p.stdin = []*os.File{far}, map[*os.File]io.Writer{screen: s.channel}, staysOpen{screen}
	return nil
}

type staysOpen struct{ io.Writer }

func (staysOpen) Close() error { return nil }

// openPipes are pipes of our own: those of exec.Cmd are closed at the program's end,
// when a slow client has not had all.
func (s *session) openPipes(p *program) (err error) {
	p.near = map[*os.File]io.Writer{}
	for _, to := range []struct {
		program *io.Writer
		client  io.Writer
	}{{&p.cmd.Stdout, s.channel}, {&p.cmd.Stderr, s.channel.Stderr()}} {
		near, far, err := os.Pipe()
		if err != nil {
			return fmt.Errorf("no pipe: %w", err)
		}
		*to.program = far
		p.far = append(p.far, far)
		p.near[near] = to.client
	}
	p.stdin, err = p.cmd.StdinPipe()
	return err
}

func (p *program) close() {
	for _, f := range p.far {
		f.Close()
	}
	for f := range p.near {
		f.Close()
	}
}

// finish runs a program, if there is one, until its end and tells the client how it
// ended.
func (s *session) finish(ctx context.Context, p *program, err error) {
	status := uint32(1)
	if err == nil {
		status, err = s.execute(ctx, p)
		p.leave()
	}
	if err != nil {
		fmt.Fprintf(s.channel.Stderr(), "storyteller: %v\r\n", err)
	}
	s.channel.SendRequest("exit-status", false, ssh.Marshal(exitStatus{status}))
}

// hangupTime is how long a program may go on when its client is gone.
const hangupTime = 2 * time.Second

// notice is called when something is written.
type notice func()

func (n notice) Write(b []byte) (int, error) {
	n()
	return len(b), nil
}

// processorTime is what the processes of a session that live have used of the processor.
func processorTime(session int) time.Duration {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	var ticks int64
	for _, name := range files {
		text, err := os.ReadFile(name)
		_, rest, found := strings.Cut(string(text), ") ") // behind the name, see proc(5)
		fields := strings.Fields(rest)
		const ofSession, user, system = 6 - 3, 14 - 3, 15 - 3
		if err != nil || !found || len(fields) <= system || fields[ofSession] != strconv.Itoa(session) {
			continue
		}
		for _, f := range []string{fields[user], fields[system]} {
			n, _ := strconv.ParseInt(f, 10, 64)
			ticks += n
		}
	}
	const perSecond = 100 // USER_HZ of every Linux
	return time.Duration(ticks) * time.Second / perSecond
}

func (s *session) execute(ctx context.Context, p *program) (status uint32, err error) {
	defer p.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := p.cmd.Start(); err != nil {
		return 1, fmt.Errorf("no shell: %w", err)
	}
	for _, f := range p.far {
		f.Close()
	}
	pid := p.cmd.Process.Pid
	// A command as well as a shell: one that waits for a client's input, or for a client
	// that reads no more, keeps the stories away just so. One that computes does not
	// wait.
	moved := make(chan struct{}, 1)
	busy := notice(func() {
		select {
		case moved <- struct{}{}:
		default:
		}
	})
	go func() {
		for used := processorTime(pid); ; {
			select {
			case <-ctx.Done():
				return
			case <-moved:
				continue
			case <-time.After(s.server.Idle):
			}
			before := used
			if used = processorTime(pid); s.screen == nil && used-before > s.server.Idle/100 {
				continue
			}
			cancel() // first: a client that reads nothing takes no last words either
			fmt.Fprintf(s.channel.Stderr(), "\r\nstoryteller: nothing has been typed or shown for %v: this ends, for it keeps the stories away\r\n", s.server.Idle)
			return
		}
	}()
	// It gives way when the memory runs out.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("500"), 0)
	ended := make(chan struct{})
	gone := context.AfterFunc(ctx, func() {
		syscall.Kill(-pid, syscall.SIGHUP)
		select {
		case <-ended:
		case <-time.After(hangupTime):
			syscall.Kill(-pid, syscall.SIGKILL)
		}
	})
	defer gone()
	go func() {
		io.Copy(io.MultiWriter(p.stdin, busy), s.channel)
		p.stdin.Close()
	}()
	var showing sync.WaitGroup
	for from, to := range p.near {
		showing.Go(func() { io.Copy(io.MultiWriter(to, busy), from) })
	}
	shown := make(chan struct{})
	go func() {
		showing.Wait()
		close(shown)
	}()
	err = p.cmd.Wait()
	close(ended)
	syscall.Kill(-pid, syscall.SIGKILL) // what it leaves behind
	select {
	case <-shown:
	case <-ctx.Done():
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if w, ok := exit.Sys().(syscall.WaitStatus); ok && w.Signaled() {
			return 128 + uint32(w.Signal()), nil
		}
		return uint32(exit.ExitCode()), nil
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}
