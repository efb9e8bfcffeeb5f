package inputs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"

	"duostoryteller/imagebuilder/debian"
	"duostoryteller/imagebuilder/fetch"
)

// Snapshot is Debian's archive of every file that it ever published.
const Snapshot = "https://snapshot.debian.org"

// Store fetches what a lock names. A file that was fetched before needs no
// network; it is hashed again before it is used.
type Store struct {
	Lock  *Lock
	Cache string // the builder's cache

	Mirror   string // of Debian; "" for the host's own, see debian.HostMirror
	Snapshot string // "" for Debian's

	// Progress, if not nil, is told how far a download is, in bytes.
	Progress func(what string, done, total int64)
	Log      io.Writer // says whom the store waits for; nil: nowhere

	client *fetch.Client // from the first file on that is not in the cache
}

// Packages returns the locked binary packages of a suite and architecture, in
// the order of names, which may be patterns (see [Need]).
func (s *Store) Packages(ctx context.Context, suite, arch string, names ...string) ([]debian.Package, error) {
	var all []debian.Package
	for _, name := range names {
		p, err := s.Lock.Find(Need{Suite: suite, Arch: arch, Name: name})
		if err != nil {
			return nil, err
		}
		file, err := s.file(ctx, p, p.Files[0])
		if err != nil {
			return nil, err
		}
		all = append(all, debian.Package{Name: p.Name, Version: p.Version, Arch: p.Arch, Source: p.Source, SHA256: p.Files[0].SHA256, Path: file})
	}
	return all, nil
}

// Source returns the locked source package of a suite.
func (s *Store) Source(ctx context.Context, suite, name string) (*SourcePackage, error) {
	p, err := s.Lock.Find(Need{Suite: suite, Arch: debian.Source, Name: name})
	if err != nil {
		return nil, err
	}
	r := &SourcePackage{Name: p.Name, Version: p.Version}
	for _, f := range p.Files {
		file, err := s.file(ctx, p, f)
		if err != nil {
			return nil, err
		}
		r.Files = append(r.Files, SourceFile{Name: path.Base(f.Path), SHA256: f.SHA256, Path: file})
	}
	return r, nil
}

// file fetches a file of the package p, from the mirror or from the snapshot archive.
func (s *Store) file(ctx context.Context, p Package, f Pinned) (string, error) {
	what := fmt.Sprintf("%s %s (%s)", p.Name, p.Version, p.Arch)
	pool := filepath.Join(s.Cache, "debian", "pool")
	file := fetch.File{Name: debian.PoolName(debian.File{Path: f.Path, SHA256: f.SHA256}), Size: f.Size, SHA256: f.SHA256}
	if s.client == nil {
		name := filepath.Join(pool, file.Name)
		if sum, _, err := fetch.Sum(name); err == nil && sum == f.SHA256 {
			return name, nil
		}
		transport := fetch.NewTransport()
		transport.Proxy = debian.Proxy(ctx)
		for _, scheme := range []string{"file", "copy"} { // as apt's sources may have it
			transport.RegisterProtocol(scheme, http.NewFileTransport(http.Dir("/")))
		}
		s.client = &fetch.Client{Dir: pool, HTTP: &http.Client{Transport: transport}, Log: s.Log}
	}
	if s.Progress != nil {
		s.client.Progress = func(_ fetch.File, done int64) { s.Progress(path.Base(f.Path), done, f.Size) }
	}
	mirror, err := s.mirror(ctx)
	if err != nil {
		return "", err
	}
	snapshot := s.Snapshot
	if snapshot == "" {
		snapshot = Snapshot
	}
	var failed []*fetch.Unavailable
	addresses := []string{mirror + "/" + escape(f.Path)}
	if f.SHA1 != "" { // a package that is not locked yet is the mirror's alone
		addresses = append(addresses, snapshot+"/file/"+f.SHA1)
	}
	for _, address := range addresses {
		file.URL = address
		name, err := s.client.Get(ctx, file)
		if err == nil {
			return name, nil
		}
		var unavailable *fetch.Unavailable
		if ctx.Err() != nil || !errors.As(err, &unavailable) {
			return "", err
		}
		failed = append(failed, unavailable)
	}
	return "", &MissingError{Input: what, Tried: failed}
}

// MissingError says which locked input cannot be had, and why not.
type MissingError struct {
	Input string
	Tried []*fetch.Unavailable
}

func (e *MissingError) Error() string {
	var tried []string
	for _, t := range e.Tried {
		tried = append(tried, fmt.Sprintf("%s: %v", t.URL, t.Err))
	}
	return fmt.Sprintf("the locked input %s cannot be had: %s; another mirror may have it (--debian-mirror URL), or renew the lock with `imagebuilder update`", e.Input, strings.Join(tried, "; "))
}

// mirror returns the address of the mirror, without a slash at its end.
func (s *Store) mirror(ctx context.Context) (string, error) {
	if s.Mirror == "" {
		found, err := debian.HostMirror(ctx)
		if err != nil {
			return "", err
		}
		s.Mirror = found
	}
	// apt-transport-mirror(1): a file with a mirror on each line.
	if list, ok := strings.CutPrefix(s.Mirror, "mirror+file:"); ok {
		text, err := os.ReadFile(list)
		if err != nil {
			return "", fmt.Errorf("this machine's list of Debian mirrors: %w; name one with --debian-mirror URL", err)
		}
		for line := range strings.Lines(string(text)) {
			if w := strings.Fields(line); len(w) > 0 && !strings.HasPrefix(w[0], "#") {
				s.Mirror = w[0]
				break
			}
		}
	}
	s.Mirror = strings.TrimSuffix(s.Mirror, "/")
	return s.Mirror, nil
}

// escape makes a file's path part of a URL: versions have "+", "~" and "%3a" in them.
func escape(name string) string {
	return strings.NewReplacer("%", "%25", "+", "%2B", "#", "%23", "?", "%3F").Replace(name)
}
