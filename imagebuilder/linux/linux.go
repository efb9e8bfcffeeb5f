// Package linux builds the boards' kernel and device trees from a kernel source
// archive, with the boards' patches: allnoconfig with the boards' fragments merged over it, cross-compiled
// with the distribution's riscv64 compiler. One Image serves every board.
//
// The same inputs give the same bytes: the date comes from the source, user and
// host are fixed, and no path of the build machine gets in. Results are kept
// under the hash of all inputs, so an unchanged kernel is built once.
package linux

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"

	"duostoryteller/imagebuilder/flock"
	"duostoryteller/imagebuilder/process"
)

// cross is the prefix of the cross compiler's tools.
const cross = "riscv64-linux-gnu-"

// aboutObjects is roughly how many files a build compiles, for the progress shown.
const aboutObjects = 1020

// tools are what a build runs on the host, and the Debian package of each.
var tools = [...]struct{ name, pkg string }{
	{cross + "gcc", "gcc-riscv64-linux-gnu"},
	{"make", "make"},
	{"gcc", "gcc libc6-dev"},
	{"patch", "patch"},
	{"bc", "bc"},
	{"bison", "bison"},
	{"flex", "flex"},
	{"tar", "tar"},
	{"xz", "xz-utils"},
}

// Options are the inputs of a build.
type Options struct {
	Source    Source
	Patches   []string // files that patch -p1 takes, in this order
	Fragments []string // files of CONFIG_ lines; none may contradict another
	DTS       []string // device tree sources; they may include the kernel's own and dt-bindings
	CacheDir  string   // results and work trees are kept here

	// Progress, if not nil, is called after each compiled file with how many
	// are done and about how many there are.
	Progress func(done, about int)
	Log      io.Writer // says whom the build waits for; nil: nowhere
}

// Kernel is what a build makes. The files belong to the cache: copy, don't change.
type Kernel struct {
	Image    string            // flat, uncompressed image
	DTBs     map[string]string // name of the source without .dts -> device tree blob
	Config   string            // the final .config
	Release  string            // as uname -r says
	Compiler string            // e.g. "riscv64-linux-gnu-gcc (Debian 12.2.0-13) 12.2.0"
	Key      string            // hash of all inputs, hexadecimal
	Cached   bool              // nothing had to be built
}

// CheckTools returns an error that names the Debian packages of all missing
// tools, or nil.
func CheckTools() error {
	var names, pkgs []string
	for _, t := range tools {
		if _, err := exec.LookPath(t.name); err != nil {
			names, pkgs = append(names, t.name), append(pkgs, t.pkg)
		}
	}
	if names == nil {
		return nil
	}
	return fmt.Errorf("linux: the kernel needs %s: apt-get install %s", strings.Join(names, ", "), strings.Join(pkgs, " "))
}

// Build builds the kernel, or finds it in the cache. It fails when a tool is
// missing, when the fragments contradict each other or the final .config lost
// one of their lines, and when the source does not build; the last error names
// the compiler's log.
func Build(ctx context.Context, o Options) (*Kernel, error) {
	if err := CheckTools(); err != nil {
		return nil, err
	}
	want, err := readFragments(o.Fragments)
	if err != nil {
		return nil, err
	}
	compiler, err := versionOf(ctx, cross+"gcc")
	if err != nil {
		return nil, err
	}
	linker, err := versionOf(ctx, cross+"ld")
	if err != nil {
		return nil, err
	}
	key, err := inputsKey(o, compiler, linker)
	if err != nil {
		return nil, err
	}
	k := &Kernel{Compiler: compiler, Key: key, DTBs: make(map[string]string)}

	dir, err := filepath.Abs(filepath.Join(o.CacheDir, "linux"))
	if err != nil {
		return nil, fmt.Errorf("linux: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("linux: %w", err)
	}
	result := filepath.Join(dir, key[:16])
	if _, err := os.Stat(result); err == nil { // whole, for it was renamed
		k.Cached = true
		return k, k.find(result, o.DTS)
	}
	unlock, err := flock.Acquire(ctx, filepath.Join(dir, "lock"), o.Log)
	if err != nil {
		return nil, fmt.Errorf("linux: %w", err)
	}
	defer unlock()
	if _, err := os.Stat(result); err == nil { // another build made it meanwhile
		k.Cached = true
		return k, k.find(result, o.DTS)
	}
	if strings.ContainsFunc(dir, func(r rune) bool { return unicode.IsSpace(r) || r == ':' }) {
		return nil, fmt.Errorf("linux: the kernel cannot be built in %s: its Makefile takes no spaces and colons in the name of a folder; set STORYTELLER_CACHE to another one", dir)
	}
	tree, err := treeKey(o)
	if err != nil {
		return nil, err
	}
	b := &builder{
		Options: o,
		src:     filepath.Join(dir, "source-"+tree[:16]),
		out:     filepath.Join(dir, "build-"+tree[:16]),
	}
	if err := b.unpack(ctx); err != nil {
		return nil, err
	}
	if err := b.configure(ctx, want); err != nil {
		return nil, err
	}
	if err := b.compile(ctx); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(dir, ".result-")
	if err != nil {
		return nil, fmt.Errorf("linux: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := b.collect(ctx, tmp, want); err != nil {
		return nil, err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return nil, fmt.Errorf("linux: %w", err)
	}
	if err := os.Rename(tmp, result); err != nil {
		return nil, fmt.Errorf("linux: %w", err)
	}
	return k, k.find(result, o.DTS)
}

// find points the kernel at the files of a finished result.
func (k *Kernel) find(result string, dts []string) error {
	k.Image = filepath.Join(result, "Image")
	k.Config = filepath.Join(result, "config")
	for _, d := range dts {
		k.DTBs[dtbName(d)] = filepath.Join(result, dtbName(d)+".dtb")
	}
	release, err := os.ReadFile(filepath.Join(result, "release"))
	if err != nil {
		return fmt.Errorf("linux: %w: remove %s and build again", err, result)
	}
	k.Release = strings.TrimSpace(string(release))
	return nil
}

func dtbName(dts string) string { return strings.TrimSuffix(filepath.Base(dts), ".dts") }

// inputsKey hashes everything that the result depends on.
func inputsKey(o Options, more ...string) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%q\n%q\n", o.Source.SHA256, more, makeArgs("", "", time.Time{}))
	if err := hashFiles(h, o.Patches, o.Fragments, o.DTS); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// treeKey hashes what the source tree depends on: the archive, and the patches.
func treeKey(o Options) (string, error) {
	if len(o.Patches) == 0 {
		return o.Source.SHA256, nil
	}
	h := sha256.New()
	fmt.Fprintln(h, o.Source.SHA256)
	if err := hashFiles(h, o.Patches); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hashFiles(h io.Writer, lists ...[]string) error {
	for _, name := range slices.Concat(lists...) {
		text, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("linux: %w", err)
		}
		fmt.Fprintf(h, "%s %d\n%s", filepath.Base(name), len(text), text)
	}
	return nil
}

// builder is one build in its two work trees, which later builds of the same
// source start from.
type builder struct {
	Options
	src, out string
}

// unpack makes the source tree, and the date that the build will bear.
func (b *builder) unpack(ctx context.Context) error {
	if _, err := os.Stat(b.src); err == nil {
		return nil
	}
	return b.Source.unpack(ctx, b.src, b.Patches)
}

// makeArgs are make's arguments except for the target. Nothing in them may let
// the result depend on who builds where and when.
func makeArgs(src, out string, date time.Time) []string {
	return []string{
		"-C", src, "O=" + out,
		"ARCH=riscv", "CROSS_COMPILE=" + cross,
		"LOCALVERSION=", // no "+" for a tree that git knows
		"KBUILD_BUILD_VERSION=1",
		"KBUILD_BUILD_TIMESTAMP=" + date.UTC().Format(time.RFC1123),
		"KBUILD_BUILD_USER=storyteller", "KBUILD_BUILD_HOST=storyteller",
	}
}

// make runs the kernel's make, each line of its output given to line.
func (b *builder) make(ctx context.Context, line func(string), args ...string) error {
	st, err := os.Stat(filepath.Join(b.src, "Makefile")) // as old as the source's release
	if err != nil {
		return fmt.Errorf("linux: %w: remove %s and build again", err, b.src)
	}
	logName := b.out + ".log"
	log, err := os.Create(logName)
	if err != nil {
		return fmt.Errorf("linux: %w", err)
	}
	defer log.Close()
	firstError := ""
	lines := &lineWriter{line: func(s string) {
		if firstError == "" && (strings.Contains(s, "error:") || strings.Contains(s, "fatal:") || strings.Contains(s, " *** ")) {
			firstError = s
		}
		if line != nil {
			line(s)
		}
	}}
	cmd := exec.CommandContext(ctx, "make", append(makeArgs(b.src, b.out, st.ModTime()), args...)...)
	cmd.Env = append(environment(), "TMPDIR="+b.out) // without spaces, for usr/gen_initramfs.sh
	cmd.Stdout = io.MultiWriter(log, lines)
	cmd.Stderr = cmd.Stdout
	// Make's children must end with it.
	process.Group(cmd)
	cmd.WaitDelay = 10 * time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		if firstError == "" {
			firstError = err.Error()
		}
		return fmt.Errorf("linux: the kernel does not build: %s (all of it in %s)", firstError, logName)
	}
	return nil
}

// environment keeps what tools need to run and drops what could steer them
// (MAKEFLAGS, CFLAGS, KCFLAGS, ...).
func environment() []string {
	env := []string{"LC_ALL=C"}
	for _, k := range []string{"PATH", "HOME", "TMPDIR"} {
		if v, ok := os.LookupEnv(k); ok {
			env = append(env, k+"="+v)
		}
	}
	return env
}

// configure makes the .config and checks that it kept what was asked for,
// before minutes go into compiling it.
func (b *builder) configure(ctx context.Context, want []symbol) error {
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return fmt.Errorf("linux: %w", err)
	}
	all := filepath.Join(b.out, "all.fragment")
	if err := os.WriteFile(all, fragmentText(want), 0o644); err != nil {
		return fmt.Errorf("linux: %w", err)
	}
	if err := b.make(ctx, nil, "-s", "KCONFIG_ALLCONFIG="+all, "allnoconfig"); err != nil {
		return err
	}
	return checkConfig(filepath.Join(b.out, ".config"), want)
}

func (b *builder) compile(ctx context.Context) error {
	done := 0
	count := func(line string) {
		if f := strings.Fields(line); len(f) == 2 && (f[0] == "CC" || f[0] == "AS") && b.Progress != nil {
			done++
			b.Progress(done, max(done, aboutObjects))
		}
	}
	return b.make(ctx, count, fmt.Sprintf("-j%d", runtime.NumCPU()), "Image")
}

// collect puts the results into dir.
func (b *builder) collect(ctx context.Context, dir string, want []symbol) error {
	if err := checkConfig(filepath.Join(b.out, ".config"), want); err != nil {
		return err
	}
	for _, f := range []struct{ from, to string }{
		{"arch/riscv/boot/Image", "Image"},
		{".config", "config"},
		{"include/config/kernel.release", "release"},
	} {
		data, err := os.ReadFile(filepath.Join(b.out, f.from))
		if err != nil {
			return fmt.Errorf("linux: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, f.to), data, 0o644); err != nil {
			return fmt.Errorf("linux: %w", err)
		}
	}
	for _, dts := range b.DTS {
		if err := b.deviceTree(ctx, dts, filepath.Join(dir, dtbName(dts)+".dtb")); err != nil {
			return err
		}
	}
	return nil
}

// deviceTree compiles as the kernel does: the C preprocessor, then the kernel's own dtc.
func (b *builder) deviceTree(ctx context.Context, dts, dtb string) error {
	include := []string{filepath.Join(b.src, "include"), filepath.Join(b.src, "scripts/dtc/include-prefixes")}
	vendors, err := filepath.Glob(filepath.Join(b.src, "arch/riscv/boot/dts/*/"))
	if err != nil {
		return fmt.Errorf("linux: %w", err)
	}
	args := []string{"-E", "-nostdinc", "-undef", "-D__DTS__", "-P", "-x", "assembler-with-cpp"}
	for _, dir := range append(include, vendors...) {
		args = append(args, "-I", dir)
	}
	var text, errs bytes.Buffer
	cpp := exec.CommandContext(ctx, cross+"gcc", append(args, dts)...)
	cpp.Env, cpp.Stdout, cpp.Stderr = environment(), &text, &errs
	if err := cpp.Run(); err != nil {
		return fmt.Errorf("linux: %s: %s", dts, firstLine(errs.String(), err))
	}
	errs.Reset()
	dtc := exec.CommandContext(ctx, filepath.Join(b.out, "scripts/dtc/dtc"), "-q", "-I", "dts", "-O", "dtb", "-o", dtb, "-")
	dtc.Env, dtc.Stdin, dtc.Stderr = environment(), &text, &errs
	if err := dtc.Run(); err != nil {
		return fmt.Errorf("linux: %s: %s", dts, firstLine(errs.String(), err))
	}
	return nil
}

// versionOf returns the first line that a tool says of itself.
func versionOf(ctx context.Context, tool string) (string, error) {
	cmd := exec.CommandContext(ctx, tool, "--version")
	cmd.Env = environment()
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("linux: %s --version: %w", tool, err)
	}
	return firstLine(string(out), errors.New("it says nothing")), nil
}

func firstLine(text string, err error) string {
	if line, _, _ := strings.Cut(strings.TrimSpace(text), "\n"); line != "" {
		return line
	}
	return err.Error()
}

func lastLine(text string, err error) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return err.Error()
	}
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// lineWriter hands on what is written to it line by line.
type lineWriter struct {
	line func(string)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		i := bytes.IndexByte(w.rest, '\n')
		if i < 0 {
			return len(p), nil
		}
		w.line(string(w.rest[:i]))
		w.rest = w.rest[i+1:]
	}
}
