// Package voices builds the programs that speak and the one that hears
// (app/voice/child) for the board: static riscv64 programs, the data that
// espeak-ng reads, and the recogniser's acoustic model and dictionary.
//
// Headers, libraries, C library, start files and linker are all of one Debian
// suite, so that nothing of the host's C library gets in; the host gives only
// the C compiler proper. The linker has to be the suite's own because the
// libraries use relocations (R_RISCV_SET_ULEB128) that binutils before 2.41
// crash on. It is run by the suite's own dynamic loader.
package voices

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"duostoryteller/app/hearing"
	"duostoryteller/app/voice"
	"duostoryteller/app/voice/child"
	"duostoryteller/imagebuilder/debian"
	"duostoryteller/imagebuilder/inputs"
	"duostoryteller/imagebuilder/rootfs"
)

// Compiler is the host's C compiler for the board.
const Compiler = "riscv64-linux-gnu-gcc"

// Suite is the Debian release whose libraries the voices are built from: the
// first one with riscv64.
const Suite = "trixie"

// arch is the board's architecture.
const arch = "riscv64"

// hosts are the architectures of machines that the linker is locked for.
var hosts = []string{"amd64", "arm64"}

// What every static program takes from the suite.
var (
	base   = []string{"libc6-dev", "linux-libc-dev", "libgcc-14-dev", "gcc-14-base"}
	linker = []string{"binutils-riscv64-linux-gnu", "libc6", "libjansson4", "libsframe1", "libzstd1", "zlib1g"}
	data   = []string{"espeak-ng-data", "pocketsphinx-en-us"}
)

// englishData is what espeak-ng needs to read English: 0.9 of its 26 MB.
var englishData = []string{"phontab", "phonindex", "phondata", "intonations", "en_dict", "lang/gmw/en"}

// hearingData is what the recogniser needs of its package: not the language
// models, 28 MB, for the board has a grammar of its own.
var hearingData = []string{"cmudict-en-us.dict", "en-us/feat.params", "en-us/mdef", "en-us/means", "en-us/noisedict", "en-us/sendump", "en-us/transition_matrices", "en-us/variances"}

// programs lists all that is compiled.
func programs() []child.Program { return append(child.Programs(), child.Recogniser()) }

// Folder is where a program is on the board.
func Folder(p child.Program) string {
	if p.Voice == "" {
		return hearing.BoardDir
	}
	return voice.BoardDir
}

// Options say where things come from and go to.
type Options struct {
	CacheDir string        // built voices are kept below it
	Locked   *inputs.Store // of Debian's packages
	Progress io.Writer     // one line a voice; nil: none
}

// Result is what goes into the image.
type Result struct {
	Files      []rootfs.File    // programs, data and the licences of their parts
	Components []Component      // what the programs are made of
	Packages   []debian.Package // the packages it came from
}

// Component is one voice for the image's manifest.
type Component struct {
	Name     string // file name of the program
	License  string // SPDX
	Size     int64  // bytes
	Packages []string
}

// Build makes the voices, or takes them from the cache when nothing that they
// are made from has changed. Errors name the package or tool to install.
func Build(ctx context.Context, o Options) (*Result, error) {
	cc, err := exec.LookPath(Compiler)
	if err != nil {
		return nil, fmt.Errorf("voices: %s is missing: apt-get install gcc-riscv64-linux-gnu", Compiler)
	}
	target, err := o.Locked.Packages(ctx, Suite, arch, libraries()...)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(hosts, runtime.GOARCH) {
		return nil, fmt.Errorf("voices: %s has no linker locked for a machine of the architecture %s: build on one of %v, or leave the voices out", inputs.File, runtime.GOARCH, hosts)
	}
	tools, err := o.Locked.Packages(ctx, Suite, runtime.GOARCH, linker...)
	if err != nil {
		return nil, err
	}
	dir, err := cached(ctx, o, cc, target, tools)
	if err != nil {
		return nil, err
	}
	r := &Result{Packages: target}
	return r, r.collect(dir)
}

// libraries names the packages for the board.
func libraries() []string {
	names := slices.Concat(base, data)
	for _, p := range programs() {
		names = append(names, p.Packages...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Needs is what the programs are made from, on every machine that can make them.
func Needs() []inputs.Need {
	all := needs(arch, libraries())
	for _, host := range hosts {
		all = append(all, needs(host, linker)...)
	}
	return all
}

func needs(arch string, names []string) (all []inputs.Need) {
	for _, name := range names {
		all = append(all, inputs.Need{Suite: Suite, Arch: arch, Name: name})
	}
	return all
}

// cached returns the folder of the built files, building them if their inputs
// were not seen before.
func cached(ctx context.Context, o Options, cc string, target, tools []debian.Package) (string, error) {
	version, err := exec.CommandContext(ctx, cc, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("voices: %s --version: %w", cc, err)
	}
	key := sha256.New()
	key.Write(version)
	for _, p := range slices.Concat(target, tools) {
		fmt.Fprintln(key, p.Name, p.SHA256)
	}
	all := filepath.Join(o.CacheDir, "voices")
	if err := os.MkdirAll(all, 0o755); err != nil {
		return "", fmt.Errorf("voices: %w", err)
	}
	work, err := os.MkdirTemp(all, ".build-")
	if err != nil {
		return "", fmt.Errorf("voices: %w", err)
	}
	defer os.RemoveAll(work)
	b := builder{cc: cc, target: filepath.Join(work, "target"), tools: filepath.Join(work, "tools"), src: filepath.Join(work, "src"), out: filepath.Join(work, "out")}
	for _, d := range []string{b.src, b.out} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return "", fmt.Errorf("voices: %w", err)
		}
	}
	if err := child.WriteSources(b.src); err != nil {
		return "", err
	}
	if err := hashTree(key, b.src); err != nil {
		return "", err
	}
	fmt.Fprintln(key, recipe, programs(), englishData, hearingData)
	done := filepath.Join(all, fmt.Sprintf("%x", key.Sum(nil)[:8]))
	if _, err := os.Stat(done); err == nil {
		return done, nil
	}
	for _, p := range target {
		if err := debian.Extract(ctx, p.Path, b.target); err != nil {
			return "", err
		}
	}
	for _, p := range tools {
		if err := debian.Extract(ctx, p.Path, b.tools); err != nil {
			return "", err
		}
	}
	for _, p := range programs() {
		if o.Progress != nil {
			fmt.Fprintln(o.Progress, p.File())
		}
		if err := b.build(ctx, p); err != nil {
			return "", err
		}
	}
	for _, f := range englishData {
		if err := copyFile(filepath.Join(b.lib(), "espeak-ng-data", f), filepath.Join(b.out, "espeak-ng-data", f)); err != nil {
			return "", err
		}
	}
	for _, f := range hearingData {
		if err := copyFile(filepath.Join(b.target, "usr/share/pocketsphinx/model/en-us", f), filepath.Join(b.out, "hearing", f)); err != nil {
			return "", err
		}
	}
	for _, p := range target {
		if err := copyFile(filepath.Join(b.target, "usr/share/doc", p.Name, "copyright"), filepath.Join(b.out, "copyright", p.Name)); err != nil {
			return "", err
		}
	}
	if err := os.Rename(b.out, done); err != nil {
		if _, errStat := os.Stat(done); errStat != nil { // else another build was first
			return "", fmt.Errorf("voices: %w", err)
		}
	}
	return done, nil
}

// recipe changes whenever what builder does with the same inputs changes.
const recipe = "3"

// builder compiles and links against an unpacked suite.
type builder struct{ cc, target, tools, src, out string }

func (b builder) lib() string { return filepath.Join(b.target, "usr/lib/riscv64-linux-gnu") }

func (b builder) build(ctx context.Context, p child.Program) error {
	own, err := exec.CommandContext(ctx, b.cc, "-print-file-name=include").Output()
	if err != nil {
		return fmt.Errorf("voices: %s: %w", b.cc, err)
	}
	include := filepath.Join(b.target, "usr/include")
	var objects []string
	for _, source := range p.Sources {
		object := p.File() + "-" + source + ".o"
		args := append(child.CompilerFlags(), "-march=rv64gc", "-mabi=lp64d", "-nostdinc",
			"-isystem", strings.TrimSpace(string(own)), "-isystem", include, "-isystem", filepath.Join(include, "riscv64-linux-gnu"),
			"-c", "-o", object, source)
		for _, d := range p.Defines {
			args = append(args, "-D"+d)
		}
		for _, dir := range p.Includes {
			args = append(args, "-isystem", filepath.Join(include, dir), "-isystem", filepath.Join(include, "riscv64-linux-gnu", dir))
		}
		if err := b.run(ctx, p, b.cc, args...); err != nil {
			return err
		}
		objects = append(objects, object)
	}

	loader, err := filepath.Glob(filepath.Join(b.tools, "usr/lib/*/ld-linux-*.so.*"))
	if err != nil || len(loader) != 1 {
		return fmt.Errorf("voices: libc6 of %s has %d dynamic loaders, not one", Suite, len(loader))
	}
	gcc := filepath.Join(b.target, "usr/lib/gcc/riscv64-linux-gnu/14")
	file := func(name string) string { return filepath.Join(b.lib(), name) }
	args := []string{"--library-path", filepath.Dir(loader[0]), filepath.Join(b.tools, "usr/bin/riscv64-linux-gnu-ld.bfd"),
		"-static", "--strip-all", "--build-id=none",
		// A voice is mostly data. Among the machine code it would count as such, which
		// the kernel keeps in memory for longest, and drive the storyteller's own out.
		"-z", "separate-code", "--sysroot=" + b.target, "-L" + b.lib(), "-L" + gcc,
		"-o", filepath.Join(b.out, p.File()), file("crt1.o"), file("crti.o"), filepath.Join(gcc, "crtbeginT.o")}
	args = append(args, objects...)
	for _, l := range p.Libraries {
		args = append(args, "-l"+l)
	}
	args = append(args, "--start-group", "-lgcc", "-lgcc_eh", "-lc", "--end-group", filepath.Join(gcc, "crtend.o"), file("crtn.o"))
	return b.run(ctx, p, loader[0], args...)
}

// run runs a tool among the sources.
func (b builder) run(ctx context.Context, p child.Program, tool string, args ...string) error {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Dir = b.src
	text, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	for l := range bytes.Lines(text) { // the linker names the place on a line before
		if bytes.Contains(l, []byte("undefined reference")) || bytes.Contains(l, []byte(" error: ")) {
			line = bytes.TrimSpace(l)
			break
		}
	}
	return fmt.Errorf("voices: %s: %s: %w: %s", p.File(), filepath.Base(tool), err, line)
}

// collect lists the built files as the image has them.
func (r *Result) collect(dir string) error {
	add := func(to string, mode fs.FileMode, from string) error {
		f, err := rootfs.HostFile(to, mode, from)
		if err != nil {
			return fmt.Errorf("voices: %w", err)
		}
		r.Files = append(r.Files, f)
		return nil
	}
	for _, p := range programs() {
		if err := add(Folder(p)+"/"+p.File(), 0o755, filepath.Join(dir, p.File())); err != nil {
			return err
		}
		r.Components = append(r.Components, Component{
			Name: p.File(), License: p.License, Size: r.Files[len(r.Files)-1].Size,
			Packages: slices.Concat(p.Packages, base),
		})
	}
	for _, f := range englishData {
		if err := add(voice.BoardDir+"/espeak-ng-data/"+f, 0o644, filepath.Join(dir, "espeak-ng-data", f)); err != nil {
			return err
		}
	}
	for _, f := range hearingData {
		if err := add(hearing.BoardDir+"/"+f, 0o644, filepath.Join(dir, "hearing", f)); err != nil {
			return err
		}
	}
	for _, p := range r.Packages {
		if err := add("/usr/share/doc/"+p.Name+"/copyright", 0o644, filepath.Join(dir, "copyright", p.Name)); err != nil {
			return err
		}
	}
	return nil
}

// hashTree adds the names and contents of the files below dir.
func hashTree(w io.Writer, dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintln(w, e.Name(), len(text))
		w.Write(text)
		return err
	})
}

// copyFile copies a file to a name whose folders are made.
func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("voices: %w", err)
	}
	return nil
}
