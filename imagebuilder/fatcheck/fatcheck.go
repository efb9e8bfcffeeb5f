// Package fatcheck brings the program that repairs the card's FAT file system,
// fsck.fat of dosfstools, onto the board: Debian's own, with the C library that
// it is linked to.
package fatcheck

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"duostoryteller/imagebuilder/debian"
	"duostoryteller/imagebuilder/inputs"
	"duostoryteller/imagebuilder/rootfs"
)

// suite is the Debian release that the program is from.
const suite, arch = "trixie", "riscv64"

// packages are the program's own and its C library's.
var packages = []string{"dosfstools", "libc6"}

// Needs is what the program is made from.
func Needs() (all []inputs.Need) {
	for _, name := range packages {
		all = append(all, inputs.Need{Suite: suite, Arch: arch, Name: name})
	}
	return all
}

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
	Locked   *inputs.Store // of Debian's packages
}

// Result is what goes into the image.
type Result struct {
	Files    []rootfs.File // with the licences
	Packages []debian.Package
}

// Fetch fetches the program.
func Fetch(ctx context.Context, o Options) (*Result, error) {
	packages, err := o.Locked.Packages(ctx, suite, arch, packages...)
	if err != nil {
		return nil, err
	}
	r := &Result{Packages: packages}
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
