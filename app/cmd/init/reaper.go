//go:build linux

package main

import (
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A reaper starts processes and buries all that die: those it started, whose
// end it tells, and the orphans that process 1 inherits.
type reaper struct {
	mu   sync.Mutex
	wait map[int]chan<- unix.WaitStatus // of the processes started, by id
}

func newReaper() *reaper {
	return &reaper{wait: make(map[int]chan<- unix.WaitStatus)}
}

// start starts the program argv[0] as sys says, with files as its standard input,
// output and error. Its status arrives at the channel.
func (r *reaper) start(argv, env []string, files [3]*os.File, sys *syscall.SysProcAttr) (pid int, exited <-chan unix.WaitStatus, err error) {
	// Not os.StartProcess: its Wait and the reaper's would compete. The lock
	// keeps the reaper from burying the process before it is known.
	r.mu.Lock()
	defer r.mu.Unlock()
	attr := &syscall.ProcAttr{Env: env, Sys: sys}
	for _, f := range files {
		attr.Files = append(attr.Files, f.Fd())
	}
	pid, err = syscall.ForkExec(argv[0], argv, attr)
	if err != nil {
		return 0, nil, &os.PathError{Op: "start", Path: argv[0], Err: err}
	}
	c := make(chan unix.WaitStatus, 1)
	r.wait[pid] = c
	return pid, c, nil
}

// reap buries all dead children there are. It is called on every SIGCHLD.
func (r *reaper) reap() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if c, ok := r.wait[pid]; ok {
			c <- status
			delete(r.wait, pid)
		}
	}
}
