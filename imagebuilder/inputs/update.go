package inputs

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"duostoryteller/imagebuilder/debian"
)

// Update returns a lock of the newest packages that Debian's signed lists have
// for the needs, and fetches them: s.Lock is what it was made from before. Where
// only is not empty, needs whose name it lacks stay as s.Lock has them.
func (s *Store) Update(ctx context.Context, needs []Need, only []string) (*Lock, error) {
	u := &update{Store: s, opened: make(map[Need]lists)}
	u.open = u.openArchive
	return u.run(ctx, needs, only)
}

// lists is what a suite knows of its packages; a [debian.Archive].
type lists interface {
	Newest(ctx context.Context, pattern string) (name, version string, err error)
	LookUp(ctx context.Context, name string) (debian.Entry, error)
}

// update is one renewal. It keeps the lists that it has opened.
type update struct {
	*Store
	open   func(context.Context, Need) (lists, error)
	opened map[Need]lists // by suite and architecture
}

func (u *update) run(ctx context.Context, needs []Need, only []string) (*Lock, error) {
	l := new(Lock)
	seen := make(map[string]bool)
	for _, n := range needs {
		var p Package
		var err error
		if len(only) == 0 || slices.Contains(only, n.Name) {
			p, err = u.newest(ctx, n)
		} else {
			p, err = u.Lock.Find(n)
		}
		if err != nil {
			return nil, err
		}
		if key := strings.Join([]string{p.Suite, p.Arch, p.Name}, " "); !seen[key] {
			seen[key] = true
			l.Packages = append(l.Packages, p)
		}
	}
	return l, nil
}

// lists returns what a need's suite has for its architecture.
func (u *update) lists(ctx context.Context, n Need) (lists, error) {
	key := Need{Suite: n.Suite, Arch: n.Arch}
	if u.opened[key] == nil {
		l, err := u.open(ctx, key)
		if err != nil {
			return nil, err
		}
		u.opened[key] = l
	}
	return u.opened[key], nil
}

func (u *update) openArchive(ctx context.Context, n Need) (lists, error) {
	s := debian.Suite{Mirror: u.Mirror, Name: n.Suite, Arch: n.Arch, Log: u.Log}
	if n.Arch == "all" {
		s.Arch = "" // every architecture's list has it
	}
	a, err := debian.Open(ctx, filepath.Join(u.Cache, "debian"), s)
	if err != nil {
		return nil, err
	}
	if a.Stale != nil {
		return nil, fmt.Errorf("the list of %s is of an earlier day: %w", n.Suite, a.Stale)
	}
	return a, nil
}

// newest looks a package up in the lists and fetches it.
func (u *update) newest(ctx context.Context, n Need) (Package, error) {
	a, err := u.lists(ctx, n)
	if err != nil {
		return Package{}, err
	}
	name := n.Name
	if strings.ContainsAny(name, `*?[\`) {
		if name, _, err = a.Newest(ctx, name); err != nil {
			return Package{}, err
		}
	}
	e, err := a.LookUp(ctx, name)
	if err != nil {
		return Package{}, err
	}
	p := Package{Name: e.Name, Suite: n.Suite, Arch: e.Arch, Version: e.Version, Source: e.Source}
	for _, f := range e.Files {
		if part := archiveName.FindStringSubmatch(path.Base(f.Path)); e.Arch == debian.Source && (part == nil || n.Upstream && part[1] == ".debian") {
			continue // its description, signatures, what is not wanted
		}
		pinned := Pinned{Path: f.Path, Size: f.Size, SHA256: f.SHA256}
		file, err := u.file(ctx, p, pinned)
		if err != nil {
			return Package{}, err
		}
		if pinned.SHA1, err = sumSHA1(file); err != nil {
			return Package{}, err
		}
		p.Files = append(p.Files, pinned)
	}
	return p, nil
}

// sumSHA1 is what the snapshot archive calls a file by; nothing trusts it.
func sumSHA1(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha1.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}
