// Package release makes what is offered for download: for each system one archive with
// the programs, how to use them, the licences of all that is compiled in, a bill of
// materials, checksums, completions for shells and pages for man(1).
//
// The same sources, commit and release of Go give the same bytes.
package release

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"duostoryteller/app/llama/builtin"
	"duostoryteller/app/version"
	"duostoryteller/imagebuilder/compile"
	"duostoryteller/imagebuilder/manifest"
	"duostoryteller/imagebuilder/spdx"
)

// Options are the inputs.
type Options struct {
	Source   string // the repository's folder
	Out      string // where the archives go, made if need be
	Systems  []compile.System
	Commit   string    // of the sources, as package source names it
	Time     time.Time // of all files
	Progress func(what string, done, total int64)
}

// Made is one archive.
type Made struct {
	System  compile.System
	Archive string // its path
	Bytes   int64
	Modules int // libraries that are compiled in, Go's own among them
}

// Sums is the file with the checksums, in each archive and beside them.
const Sums = "SHA256SUMS"

// programs are what an archive has, by name; each is a folder of commands.
func programs() []struct{ name, pkg string } {
	return []struct{ name, pkg string }{
		{"imagebuilder", "./imagebuilder/cmd/imagebuilder"},
		{"storyteller", "./app/cmd/storyteller"},
	}
}

// Name is the stem of a system's archive, and the folder in it.
func Name(commit string, s compile.System) string {
	return fmt.Sprintf("duo-storyteller-%s-%s-%s", version.Of(commit), s.OS, s.Arch)
}

// Write makes the archives and a file with their checksums in Out. Archives of the same
// names are replaced; nothing is if one of them cannot be made.
func Write(ctx context.Context, o Options) (all []Made, err error) {
	if len(o.Systems) == 0 {
		return nil, errors.New("no system to make a release for")
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(o.Out, ".unfinished-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()

	steps := int64(len(programs()) * (1 + len(o.Systems)))
	done := int64(0)
	step := func(what string) {
		o.Progress(what, done, steps)
		done++
	}
	documents, err := documents(ctx, o, tmp, step)
	if err != nil {
		return nil, err
	}
	var sums strings.Builder
	for _, system := range o.Systems {
		made, sum, err := o.one(ctx, system, documents, tmp, step)
		if err != nil {
			return nil, err
		}
		all = append(all, made)
		fmt.Fprintf(&sums, "%x  %s\n", sum, filepath.Base(made.Archive))
	}
	o.Progress("packed", steps, steps)
	if err := os.WriteFile(filepath.Join(tmp, Sums), []byte(sums.String()), 0o644); err != nil {
		return nil, err
	}
	for i := range all {
		name := filepath.Join(o.Out, filepath.Base(all[i].Archive))
		if err := os.Rename(all[i].Archive, name); err != nil {
			return nil, err
		}
		all[i].Archive = name
	}
	return all, os.Rename(filepath.Join(tmp, Sums), filepath.Join(o.Out, Sums))
}

// one makes the archive of a system in the folder tmp, and returns its SHA-256.
func (o Options) one(ctx context.Context, system compile.System, documents []file, tmp string, step func(string)) (Made, []byte, error) {
	files := slices.Clone(documents)
	var paths []string
	var components []manifest.Component
	for _, p := range programs() {
		step(p.name + " for " + system.String())
		out := filepath.Join(tmp, system.OS+"-"+system.Arch, p.name+system.Exe())
		if err := compile.Program(ctx, compile.Options{Source: o.Source, System: system, Commit: o.Commit}, p.pkg, out); err != nil {
			return Made{}, nil, err
		}
		data, err := os.ReadFile(out)
		if err != nil {
			return Made{}, nil, err
		}
		files = append(files, file{p.name + system.Exe(), 0o755, data})
		paths = append(paths, out)
		components = append(components, manifest.Component{Name: p.name + system.Exe(), Kind: "program", Version: version.Of(o.Commit),
			Hash: fmt.Sprintf("sha256:%x", sha256.Sum256(data)), Licence: "Apache-2.0"})
	}
	model, err := smallModel(tmp)
	if err != nil {
		return Made{}, nil, err
	}
	for _, f := range model {
		components = append(components, manifest.Component{Name: f.name, Kind: "model", Hash: fmt.Sprintf("sha256:%x", sha256.Sum256(f.data)),
			Licence: builtin.Licence, Note: "of this project; in imagebuilder, too"})
	}
	files = append(files, model...)
	modules, err := manifest.Modules(ctx, o.Source, paths...)
	if err != nil {
		return Made{}, nil, err
	}
	slices.SortFunc(modules, func(a, b manifest.Module) int { return cmp.Compare(a.Name, b.Name) })
	golang := ""
	for _, m := range modules {
		if len(m.LicenceText) == 0 {
			return Made{}, nil, fmt.Errorf("the licence of %s %s must be in the archive and is not on this machine: use Go as its makers distribute it, which has the file LICENSE", m.Name, m.Version)
		}
		if m.Name == "go" {
			golang = m.Version
		}
		files = append(files, file{"licences/" + m.Name + "/LICENCE", 0o644, m.LicenceText})
		components = append(components, m.Component)
	}
	own, err := os.ReadFile(filepath.Join(o.Source, "LICENSE"))
	if err != nil {
		return Made{}, nil, err
	}
	name := Name(o.Commit, system)
	contents := sha256.New()
	for _, f := range files {
		fmt.Fprintf(contents, "%s %x\n", f.name, sha256.Sum256(f.data))
	}
	bill, err := spdx.Bill(spdx.Subject{Name: name, Version: version.Of(o.Commit), Purpose: "APPLICATION",
		Comment: "built with " + golang, Hash: fmt.Sprintf("%x", contents.Sum(nil)), Created: o.Time}, components)
	if err != nil {
		return Made{}, nil, err
	}
	page, err := page(o.Commit, system)
	if err != nil {
		return Made{}, nil, err
	}
	files = append(files, file{"LICENSE", 0o644, own}, file{"sbom.spdx.json", 0o644, bill}, file{"readme.md", 0o644, page})
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	var sums bytes.Buffer
	for _, f := range files {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(f.data), f.name)
	}
	files = append([]file{{Sums, 0o644, sums.Bytes()}}, files...)

	pack, ending := tarGzip, ".tar.gz"
	if system.OS == "windows" {
		pack, ending = zipped, ".zip"
	}
	archive := filepath.Join(tmp, name+ending)
	out, err := os.Create(archive)
	if err != nil {
		return Made{}, nil, err
	}
	defer out.Close()
	h := sha256.New()
	if err := pack(io.MultiWriter(out, h), name, files, o.Time); err != nil {
		return Made{}, nil, fmt.Errorf("%s: %w", archive, err)
	}
	size, err := out.Seek(0, io.SeekCurrent)
	return Made{system, archive, size, len(modules)}, h.Sum(nil), errors.Join(err, out.Close())
}

// smallModel is what tells a first story, without a download.
func smallModel(tmp string) (all []file, err error) {
	checkpoint, tokenizer, err := builtin.Write(filepath.Join(tmp, "model"))
	for _, name := range []string{checkpoint, tokenizer} {
		data, readErr := os.ReadFile(name)
		err = errors.Join(err, readErr)
		all = append(all, file{"model/" + filepath.Base(name), 0o644, data})
	}
	return all, err
}

//go:embed readme.md
var readme string

// page tells who has unpacked an archive what to do.
func page(commit string, system compile.System) ([]byte, error) {
	var page bytes.Buffer
	run := "./"
	if system.OS == "windows" {
		run = `.\`
	}
	err := template.Must(template.New("readme").Parse(readme)).Execute(&page, struct {
		Version, Run, Exe, Tried string
		compile.System
	}{version.Of(commit), run, system.Exe(), Tried(system), system})
	return page.Bytes(), err
}

// Tried says how the programs were tried on a system: tested, emulated or untested, as
// the table in the project's readme has it.
func Tried(s compile.System) string {
	switch {
	case s.OS != "linux":
		return "untested"
	case s.Arch == "amd64":
		return "tested"
	case s.Arch == "arm64" || s.Arch == "riscv64":
		return "emulated"
	}
	return "untested"
}

// file is one of an archive's.
type file struct {
	name string // with slashes, within the archive's folder
	mode os.FileMode
	data []byte
}
