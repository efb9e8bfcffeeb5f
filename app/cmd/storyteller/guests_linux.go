package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"

	"duostoryteller/app/machine"
	"duostoryteller/app/results"
	"duostoryteller/app/sshd"
	"duostoryteller/app/story"
	"duostoryteller/app/usbnet"

	"golang.org/x/crypto/ssh"
)

// hostKeyFile is kept beside authorized_keys.
const hostKeyFile = "ssh_host_key"

// serveSSH gives a shell, at the board's address on the cable, to whoever has one of
// the keys in the file keys, until ctx ends. Without keys it returns at once.
func serveSSH(ctx context.Context, keys string, s *slot, note func(string)) {
	var allowed []ssh.PublicKey
	for _, path := range []string{keys, keys + ".txt"} { // as Windows' editor calls it
		more, problems := sshd.ReadKeys(path)
		for _, p := range problems {
			note(fmt.Sprintf("%s: %s", path, p))
		}
		allowed = append(allowed, more...)
	}
	if len(allowed) == 0 {
		return
	}
	dir := filepath.Dir(keys)
	host, err := sshd.HostKey(filepath.Join(dir, hostKeyFile), func(text []byte) error { return results.Write(dir, results.File{Name: hostKeyFile, Data: text}) })
	if host == nil {
		note(fmt.Sprintf("no ssh: %v", err))
		return
	}
	if err != nil {
		note(fmt.Sprintf("ssh: %v; until the next start the key is a new one", err))
	}
	server, err := sshd.New(sshd.Options{Keys: allowed, Host: host, Shell: "/bin/sh", Env: os.Environ(), Note: note,
		Enter: (&guests{slot: s, memory: readMemory}).enter})
	if err != nil {
		note(err.Error())
		return
	}
	address := usbnet.Address().Addr().String()
	l, err := net.Listen("tcp", net.JoinHostPort(address, "22"))
	if err != nil {
		note(fmt.Sprintf("no ssh: %v", err))
		return
	}
	note(fmt.Sprintf("ssh root@%s opens a shell; its host key is %s", address, ssh.FingerprintSHA256(host.PublicKey())))
	if err := server.Serve(ctx, l); err != nil {
		note(err.Error())
	}
}

// roomy is the memory, in kB, with which a machine has room for the model and a shell.
const roomy = 256 << 10

// guests are those with a shell. On a machine with little memory the model leaves for
// them, and no story is told until the last one has gone.
type guests struct {
	slot   *slot
	memory func() machine.Memory

	mu       sync.Mutex
	inside   int
	reserved bool
}

func readMemory() machine.Memory {
	m, err := machine.ReadMemory()
	if err != nil { // no Linux
		return machine.Memory{Total: roomy, Available: roomy}
	}
	return m
}

// enter makes room for a shell.
func (g *guests) enter() (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.memory().Total < roomy && !g.reserved {
		err := g.slot.reserve("somebody has a shell, which needs the model's memory; ask again when that is over")
		if err == story.ErrBusy {
			return nil, errors.New("a story is being told, and there is no memory for a shell beside it; come back when it has ended, or stop it on the page")
		}
		if err != nil {
			return nil, err
		}
		g.reserved = true
		debug.FreeOSMemory()
	}
	if left := g.memory().Available; left < machine.ShellMemory {
		g.release()
		return nil, fmt.Errorf("a shell needs %d kB of memory, and %d kB are left", machine.ShellMemory, left)
	}
	g.inside++
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.inside--
		g.release()
	}), nil
}

// release lets the model come back when nobody is inside. The caller holds mu.
func (g *guests) release() {
	if g.inside == 0 && g.reserved {
		g.reserved = false
		g.slot.release()
	}
}
