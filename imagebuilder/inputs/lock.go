// Package inputs pins the Debian packages that a card is made from, binary and
// source, by version and SHA-256, and fetches them.
//
// The pins are one file of the repository, [File]. It is renewed from Debian's
// signed lists by `imagebuilder update` alone: a build asks for what the file
// names, from the machine's mirror, and, once that has moved on, from Debian's
// archive of everything that it ever published. So the same commit gives the
// same card, in a year as well.
package inputs

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"duostoryteller/imagebuilder/debian"

	"github.com/BurntSushi/toml"
)

// File is where the repository has the lock.
const File = "imagebuilder/inputs.lock"

// Need is a package that something is made from.
type Need struct {
	Suite string // e.g. "trixie"
	Arch  string // e.g. "riscv64"; "all" for one of every architecture; debian.Source for a source package
	Name  string // or a pattern as in path.Match, whose highest version is wanted

	// Upstream asks for a source package's upstream archives alone, without what
	// Debian adds.
	Upstream bool
}

func (n Need) String() string { return fmt.Sprintf("%s (%s, %s)", n.Name, n.Arch, n.Suite) }

// Lock is the pinned packages.
type Lock struct {
	Packages []Package `toml:"package"`
}

// Package is one pinned package.
type Package struct {
	Name    string   `toml:"name"`
	Suite   string   `toml:"suite"`
	Arch    string   `toml:"arch"` // "all" for one of every architecture
	Version string   `toml:"version"`
	Source  string   `toml:"source"` // name and, where it differs, version of its source package
	Files   []Pinned `toml:"files"`
}

// Pinned is a file of a package.
type Pinned struct {
	Path   string `toml:"path"` // below a mirror's address
	Size   int64  `toml:"size"`
	SHA256 string `toml:"sha256"`
	SHA1   string `toml:"sha1"` // its name in Debian's snapshot archive; SHA256 is what proves it
}

// Read reads a lock. The error of one that is not there is fs.ErrNotExist.
func Read(name string) (*Lock, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("locked inputs: %w", err)
	}
	l, err := parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("locked inputs: %s: %w", name, err)
	}
	return l, nil
}

func parse(text string) (*Lock, error) {
	l := new(Lock)
	meta, err := toml.Decode(text, l)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "toml: "))
	}
	for _, key := range meta.Undecoded() {
		return nil, fmt.Errorf("unknown key %s", key)
	}
	for _, p := range l.Packages {
		if p.Name == "" || p.Suite == "" || p.Arch == "" || p.Version == "" || len(p.Files) == 0 {
			return nil, fmt.Errorf("package %q: name, suite, arch, version and files are wanted", p.Name)
		}
		for _, f := range p.Files {
			if f.Path == "" || !path.IsAbs("/"+f.Path) || path.Clean("/"+f.Path) != "/"+f.Path || f.Size <= 0 || !digits(f.SHA256, 32) || !digits(f.SHA1, 20) {
				return nil, fmt.Errorf("package %s: file %q: path, size, sha256 and sha1 are wanted", p.Name, f.Path)
			}
		}
	}
	return l, nil
}

func digits(text string, bytes int) bool {
	sum, err := hex.DecodeString(text)
	return err == nil && len(sum) == bytes && text == strings.ToLower(text)
}

// heading begins the file.
const heading = `# What a card is made from and comes from Debian, by version and SHA-256.
# Written by ` + "`imagebuilder update`" + ` from Debian's signed lists: do not edit.
# A file's sha1 is its address in https://snapshot.debian.org/file/.
`

// Text returns the lock as its file has it: sorted, one line a file.
func (l *Lock) Text() []byte {
	var b strings.Builder
	b.WriteString(heading)
	all := slices.Clone(l.Packages)
	slices.SortFunc(all, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Suite, b.Suite), cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.Name, b.Name))
	})
	for _, p := range all {
		fmt.Fprintf(&b, "\n[[package]]\nname = %q\nsuite = %q\narch = %q\nversion = %q\nsource = %q\nfiles = [\n", p.Name, p.Suite, p.Arch, p.Version, p.Source)
		for _, f := range p.Files {
			fmt.Fprintf(&b, "  {path = %q, size = %d, sha256 = %q, sha1 = %q},\n", f.Path, f.Size, f.SHA256, f.SHA1)
		}
		b.WriteString("]\n")
	}
	return []byte(b.String())
}

// Find returns the one package that the need names.
func (l *Lock) Find(n Need) (Package, error) {
	var found []Package
	for _, p := range l.Packages {
		match, err := path.Match(n.Name, p.Name)
		if err != nil {
			return Package{}, fmt.Errorf("locked inputs: pattern %q: %w", n.Name, err)
		}
		if match && p.Suite == n.Suite && (p.Arch == n.Arch || p.Arch == "all" && n.Arch != debian.Source) {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return Package{}, fmt.Errorf("%s names %d packages %v, not one: renew it with `imagebuilder update`", File, len(found), n)
	}
	return found[0], nil
}

// Changes says, one line each, how l differs from an older lock.
func (l *Lock) Changes(old *Lock) (lines []string) {
	type key struct{ suite, arch, name string }
	before, now := map[key]Package{}, map[key]Package{}
	for _, p := range old.Packages {
		before[key{p.Suite, p.Arch, p.Name}] = p
	}
	for _, p := range l.Packages {
		now[key{p.Suite, p.Arch, p.Name}] = p
	}
	for k, p := range now {
		what := fmt.Sprintf("%s (%s, %s)", k.name, k.arch, k.suite)
		switch was, ok := before[k]; {
		case !ok:
			lines = append(lines, fmt.Sprintf("%s: %s, new", what, p.Version))
		case was.Version != p.Version:
			lines = append(lines, fmt.Sprintf("%s: %s -> %s", what, was.Version, p.Version))
		case !slices.EqualFunc(was.Files, p.Files, func(a, b Pinned) bool { return a.SHA256 == b.SHA256 }):
			lines = append(lines, fmt.Sprintf("%s: %s, other contents under the same version", what, p.Version))
		}
	}
	for k, p := range before {
		if _, ok := now[k]; !ok {
			lines = append(lines, fmt.Sprintf("%s (%s, %s): %s, not needed any more", k.name, k.arch, k.suite, p.Version))
		}
	}
	slices.Sort(lines)
	return lines
}
