// Package twin builds what a board's emulation consists of: QEMU with a machine
// of that board, from Debian's source, and firmware for it, either an open one
// or that of the vendor's fip.bin.
//
// Everything is kept in the builder's cache under the hash of what it was made
// of. A change to the machine compiles again what it touches.
package twin

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"duostoryteller/imagebuilder/debian"
	"duostoryteller/imagebuilder/fetch"
	"duostoryteller/imagebuilder/flock"
	"duostoryteller/imagebuilder/inputs"
	"duostoryteller/imagebuilder/process"
)

// suite is Debian's release that the sources are from.
const suite = "trixie"

// Needs is what the emulator and the open firmware are made from.
func Needs() []inputs.Need {
	return []inputs.Need{
		{Suite: suite, Arch: debian.Source, Name: "qemu"},
		{Suite: suite, Arch: debian.Source, Name: "u-boot", Upstream: true},
		{Suite: suite, Arch: "all", Name: "meson"},
		{Suite: suite, Arch: "all", Name: "opensbi"},
	}
}

// Options are the inputs of a build.
type Options struct {
	Board    string        // the board's folder, with emulator/ and uboot.fragment
	CacheDir string        // sources, work trees and results are kept here
	Locked   *inputs.Store // of Debian's packages

	// Progress, if not nil, is called as a build goes on: what is built, how
	// many steps are done, and of how many.
	Progress func(what string, done, of int)
	Log      io.Writer // says whom a build waits for; nil: nowhere
}

// tools are what the builds run on the host, and the Debian package of each.
var tools = []struct{ name, pkg string }{
	{"gcc", "gcc libc6-dev"},
	{"riscv64-linux-gnu-gcc", "gcc-riscv64-linux-gnu"},
	{"make", "make"},
	{"ninja", "ninja-build"},
	{"pkg-config", "pkgconf"},
	{"/usr/bin/python3", "python3 python3-venv"},
	{"bison", "bison"},
	{"flex", "flex"},
	{"patch", "patch"},
	{"xz", "xz-utils"},
	{"bzip2", "bzip2"},
}

// libraries are what QEMU is linked with, by the names that pkg-config knows.
var libraries = []struct{ name, pkg string }{
	{"glib-2.0", "libglib2.0-dev"},
	{"libfdt", "libfdt-dev"},
}

// CheckTools returns an error that names the Debian packages of all that is
// missing for a build, or nil.
func CheckTools() error {
	var names, pkgs []string
	for _, t := range tools {
		if _, err := exec.LookPath(t.name); err != nil {
			names, pkgs = append(names, filepath.Base(t.name)), append(pkgs, t.pkg)
		}
	}
	for _, l := range libraries {
		// libfdt of Debian 12 has no file for pkg-config.
		if exec.Command("pkg-config", "--exists", l.name).Run() != nil && !(l.name == "libfdt" && exists("/usr/include/libfdt.h")) {
			names, pkgs = append(names, l.name), append(pkgs, l.pkg)
		}
	}
	if exec.Command("/usr/bin/python3", "-c", "import ensurepip").Run() != nil {
		names, pkgs = append(names, "Python's venv"), append(pkgs, "python3-venv")
	}
	if names == nil {
		return nil
	}
	return fmt.Errorf("twin: the board's emulator needs %s: apt-get install %s", strings.Join(names, ", "), strings.Join(pkgs, " "))
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// A builder builds one thing: name is its part of the cache.
type builder struct {
	Options
	name string
	dir  string // its folder in the cache
	h    *hashed
}

// begin prepares a build and locks its folder of the cache.
func begin(ctx context.Context, o Options, name string) (b *builder, unlock func(), err error) {
	dir, err := filepath.Abs(filepath.Join(o.CacheDir, "twin", name))
	if err != nil {
		return nil, nil, fmt.Errorf("twin: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, fmt.Errorf("twin: %w", err)
	}
	if unlock, err = flock.Acquire(ctx, filepath.Join(dir, "lock"), o.Log); err != nil {
		return nil, nil, fmt.Errorf("twin: %w", err)
	}
	return &builder{Options: o, name: name, dir: dir, h: newHashed()}, unlock, nil
}

// hashed gathers what a result depends on.
type hashed struct{ text bytes.Buffer }

func newHashed() *hashed { return new(hashed) }

func (h *hashed) add(format string, args ...any) { fmt.Fprintf(&h.text, format+"\n", args...) }

// addFile adds a file's name and contents.
func (h *hashed) addFile(name, file string) error {
	sum, _, err := fetch.Sum(file)
	if err != nil {
		return fmt.Errorf("twin: %w", err)
	}
	h.add("%s %s", name, sum)
	return nil
}

// addTree adds the files of a folder.
func (h *hashed) addTree(dir string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		return h.addFile(filepath.ToSlash(rel), name)
	})
}

// key is short for what was added.
func (h *hashed) key() string {
	sum := sha256.Sum256(h.text.Bytes())
	return hex.EncodeToString(sum[:8])
}

// compiler adds what compiles to the inputs.
func (h *hashed) compiler(ctx context.Context, name string) error {
	cmd := exec.CommandContext(ctx, name, "--version")
	cmd.Env = environment()
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("twin: %s --version: %w", name, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	h.add("%s", line)
	return nil
}

// environment keeps what tools need to run and drops what could steer them.
func environment(more ...string) []string {
	env := []string{"LC_ALL=C"}
	for _, k := range []string{"PATH", "HOME", "TMPDIR"} {
		if v, ok := os.LookupEnv(k); ok {
			env = append(env, k+"="+v)
		}
	}
	return append(env, more...)
}

// result returns the folder that a finished build of this key has.
func (b *builder) result() string { return filepath.Join(b.dir, b.h.key()) }

// store moves the files of a finished build into place, all or none of them.
func (b *builder) store(files map[string]string) error {
	tmp, err := os.MkdirTemp(b.dir, ".result-")
	if err != nil {
		return fmt.Errorf("twin: %w", err)
	}
	defer os.RemoveAll(tmp)
	for to, from := range files {
		data, err := os.ReadFile(from)
		if err != nil {
			return fmt.Errorf("twin: %w", err)
		}
		st, err := os.Stat(from)
		if err != nil {
			return fmt.Errorf("twin: %w", err)
		}
		if err := os.WriteFile(filepath.Join(tmp, to), data, st.Mode().Perm()); err != nil {
			return fmt.Errorf("twin: %w", err)
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fmt.Errorf("twin: %w", err)
	}
	if err := os.Rename(tmp, b.result()); err != nil {
		return fmt.Errorf("twin: %w", err)
	}
	return nil
}

// firstErrors finds the line that tells why a build failed.
var firstErrors = regexp.MustCompile(`(?i)\berror\b|fatal|undefined reference|\*\*\*`)

// run runs a command of a build, whose output goes to the build's log and, line
// by line, to line.
func (b *builder) run(ctx context.Context, dir string, env []string, line func(string), name string, args ...string) error {
	logName := filepath.Join(b.dir, "log")
	log, err := os.OpenFile(logName, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("twin: %w", err)
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, environment(env...)
	// What it starts must end with it.
	process.Group(cmd)
	cmd.WaitDelay = 10 * time.Second
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	first := ""
	read := make(chan struct{})
	go func() {
		defer close(read)
		s := bufio.NewReader(r)
		for {
			text, err := s.ReadString('\n')
			io.WriteString(log, text)
			if text = strings.TrimSpace(text); text != "" {
				if first == "" && firstErrors.MatchString(text) && !strings.HasPrefix(text, "[") {
					first = text
				}
				if line != nil {
					line(text)
				}
			}
			if err != nil {
				return
			}
		}
	}()
	err = cmd.Run()
	w.Close()
	<-read
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		if first == "" {
			first = err.Error()
		}
		return fmt.Errorf("twin: %s does not build: %s (all of it in %s)", b.name, first, logName)
	}
	return nil
}

// steps reads ninja's "[12/345]".
var steps = regexp.MustCompile(`^\[(\d+)/(\d+)\]`)

func (b *builder) ninjaProgress(line string) {
	if m := steps.FindStringSubmatch(line); m != nil && b.Progress != nil {
		done, _ := strconv.Atoi(m[1])
		of, _ := strconv.Atoi(m[2])
		b.Progress(b.name, done, of)
	}
}

// sync makes the folder to hold the files of from as well, and writes only those
// that differ, so that what is built from them need not be built again.
func sync(to, from string) error {
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(name)
			if err != nil {
				return err
			}
			if have, err := os.Readlink(target); err == nil && have == link {
				return nil
			}
			if err := os.RemoveAll(target); err != nil {
				return err
			}
			return os.Symlink(link, target)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if have, err := os.ReadFile(target); err == nil && bytes.Equal(have, data) {
			return nil
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, info.Mode().Perm())
	})
}

var jobs = strconv.Itoa(runtime.NumCPU())
