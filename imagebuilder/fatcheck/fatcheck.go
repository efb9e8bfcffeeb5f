// Package fatcheck brings the program that repairs the card's FAT file system,
// fsck.fat of dosfstools, onto the board: Debian's own, with the C library that
// it is linked to.
package fatcheck

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"duostoryteller/imagebuilder/debian"
	"duostoryteller/imagebuilder/rootfs"
)

// suite is the Debian release that the program is from.
const suite = "trixie"

// files are what the program needs, by path on the board.
var files = []struct {
	path, source string
	mode         os.FileMode
}{
	{"/sbin/fsck.fat", "usr/sbin/fsck.fat", 0o755},
	{"/lib/ld-linux-riscv64-lp64d.so.1", "usr/lib/riscv64-linux-gnu/ld-linux-riscv64-lp64d.so.1", 0o755},
	{"/lib/riscv64-linux-gnu/libc.so.6", "usr/lib/riscv64-linux-gnu/libc.so.6", 0o755},
}

// Options say where the packages come from and go to.
type Options struct {
	CacheDir string
	Mirror   string    // of Debian; empty: the host's own
	Progress io.Writer // apt's own; nil: none
}

// Result is what goes into the image.
type Result struct {
	Files    []rootfs.File // with the licences
	Packages []debian.Package
	Stale    error // why the package lists are old; nil when they are not
}

// Fetch fetches the program.
func Fetch(ctx context.Context, o Options) (*Result, error) {
	a, err := debian.Open(ctx, o.CacheDir, debian.Suite{Mirror: o.Mirror, Name: suite, Arch: "riscv64", Progress: o.Progress})
	if err != nil {
		return nil, err
	}
	packages, err := a.Download(ctx, "dosfstools", "libc6")
	if err != nil {
		return nil, err
	}
	r := &Result{Packages: packages, Stale: a.Stale}
	dir, err := unpacked(ctx, o.CacheDir, packages)
	if err != nil {
		return nil, fmt.Errorf("fatcheck: %w", err)
	}
	add := func(path string, mode os.FileMode, source string) error {
		f, err := rootfs.HostFile(path, mode, filepath.Join(dir, source))
		if err != nil {
			return fmt.Errorf("fatcheck: %s's packages have changed: %w", suite, err)
		}
		r.Files = append(r.Files, f)
		return nil
	}
	for _, f := range files {
		if err := add(f.path, f.mode, f.source); err != nil {
			return nil, err
		}
	}
	for _, p := range packages {
		name := "usr/share/doc/" + p.Name + "/copyright"
		if err := add("/"+name, 0o644, name); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// unpacked returns the folder of the cache with the packages' files.
func unpacked(ctx context.Context, cache string, packages []debian.Package) (string, error) {
	all := filepath.Join(cache, "fatcheck")
	done := filepath.Join(all, fmt.Sprintf("%.16s-%.16s", packages[0].SHA256, packages[1].SHA256))
	if _, err := os.Stat(done); err == nil {
		return done, nil
	}
	if err := os.MkdirAll(all, 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(all, ".unpack-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	for _, p := range packages {
		if err := debian.Extract(ctx, p.Path, filepath.Join(work, "root")); err != nil {
			return "", err
		}
	}
	if err := os.Rename(filepath.Join(work, "root"), done); err != nil {
		if _, other := os.Stat(done); other != nil { // else another build was first
			return "", err
		}
	}
	return done, nil
}
