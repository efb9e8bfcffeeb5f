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
	allowed, problems := sshd.ReadKeys(keys)
	for _, p := range problems {
		note(fmt.Sprintf("%s: %s", keys, p))
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
		Enter: (&guests{slot: s, available: availableMemory}).enter})
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

// guests are those with a shell. They share the memory with the model, and where it
// is not enough for both, the model leaves until the last one has gone.
type guests struct {
	slot      *slot
	available func() int // kB

	mu       sync.Mutex
	inside   int
	reserved bool
}

func availableMemory() int {
	m, err := machine.ReadMemory()
	if err != nil {
		return machine.ShellMemory
	}
	return m.Available
}

// enter makes room for a shell.
func (g *guests) enter() (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if left := g.available(); left < machine.ShellMemory {
		if err := g.makeRoom(left); err != nil {
			return nil, err
		}
	}
	g.inside++
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.inside--; g.inside == 0 && g.reserved {
			g.reserved = false
			g.slot.release()
		}
	}), nil
}

func (g *guests) makeRoom(left int) error {
	none := fmt.Errorf("a shell needs %d kB of memory, and %d kB are left", machine.ShellMemory, left)
	if g.reserved {
		return none
	}
	err := g.slot.reserve("somebody has a shell, which needs the model's memory; ask again when that is over")
	if err == story.ErrBusy {
		return errors.New("a story is being told, and there is no memory for a shell beside it; come back when it has ended, or stop it on the page")
	}
	if err != nil {
		return err
	}
	debug.FreeOSMemory()
	if g.available() < machine.ShellMemory {
		g.slot.release()
		return none
	}
	g.reserved = true
	return nil
}
