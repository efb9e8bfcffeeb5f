package linux

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"duostoryteller/imagebuilder/debian"
	"duostoryteller/imagebuilder/fetch"
	"duostoryteller/imagebuilder/inputs"
)

// The oldest kernel that is known to do: 6.18 has neither sound/soc/sophgo nor the
// nodes of USB, its PHY and the DMA router in its device tree, and of the releases
// since only 7.3 was compared with the board, driver by driver.
const oldestMajor, oldestMinor = 7, 3

// Source is an archive of the kernel's source.
type Source struct {
	Name    string // e.g. "linux-source-7.3", or the archive's file name
	Version string // Debian's package version; empty for an archive of the user's
	Origin  string // where it came from
	SHA256  string // of Path
	Path    string // a tar archive, or a .deb with one in usr/src
}

// Needs is what a kernel is made from unless a source is given.
func Needs() []inputs.Need {
	return []inputs.Need{{Suite: "trixie-backports", Arch: "all", Name: "linux-source-[7-9].*"}}
}

// DebianSource fetches Debian's source of the kernel, as it is locked.
func DebianSource(ctx context.Context, locked *inputs.Store) (Source, error) {
	n := Needs()[0]
	pkgs, err := locked.Packages(ctx, n.Suite, n.Arch, n.Name)
	if err != nil {
		return Source{}, err
	}
	p := pkgs[0]
	return Source{Name: p.Name, Version: p.Version, Origin: "Debian " + n.Suite, SHA256: p.SHA256, Path: p.Path}, nil
}

// ArchiveSource takes a tar archive of a kernel source, kernel.org's for
// instance, after checking it against the SHA-256 given.
func ArchiveSource(name, sum string) (Source, error) {
	if len(sum) != hex.EncodedLen(sha256.Size) {
		return Source{}, fmt.Errorf("linux: %s: its SHA-256 is wanted, %d hexadecimal digits, not %q", name, hex.EncodedLen(sha256.Size), sum)
	}
	got, _, err := fetch.Sum(name)
	if err != nil {
		return Source{}, fmt.Errorf("linux: %w", err)
	}
	if !strings.EqualFold(got, sum) {
		return Source{}, fmt.Errorf("linux: %s: SHA-256 is %s, not %s", name, got, sum)
	}
	return Source{Name: filepath.Base(name), Origin: name, SHA256: strings.ToLower(sum), Path: name}, nil
}

// unpack makes the source tree at dir, patched, whole or not at all, and checks its
// version.
func (s Source) unpack(ctx context.Context, dir string, patches []string) error {
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".unpack-")
	if err != nil {
		return fmt.Errorf("linux: %w", err)
	}
	defer os.RemoveAll(tmp)
	archive := s.Path
	if strings.HasSuffix(archive, ".deb") {
		if err := debian.Extract(ctx, archive, filepath.Join(tmp, "deb")); err != nil {
			return err
		}
		found, err := filepath.Glob(filepath.Join(tmp, "deb/usr/src/*.tar.*"))
		if err != nil || len(found) != 1 {
			return fmt.Errorf("linux: %s holds %d source archives in usr/src, not one", archive, len(found))
		}
		archive = found[0]
	}
	tree := filepath.Join(tmp, "tree")
	if err := os.Mkdir(tree, 0o755); err != nil {
		return fmt.Errorf("linux: %w", err)
	}
	out, err := exec.CommandContext(ctx, "tar", "-C", tree, "--strip-components=1", "-xf", archive).CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("linux: unpack %s: %s", s.Path, firstLine(string(out), err))
	}
	makefile, err := os.ReadFile(filepath.Join(tree, "Makefile"))
	if err != nil {
		return fmt.Errorf("linux: %s is no kernel source: it has no Makefile", s.Path)
	}
	if err := checkVersion(string(makefile)); err != nil {
		return fmt.Errorf("linux: %s: %w", s.Path, err)
	}
	for _, p := range patches {
		if p, err = filepath.Abs(p); err != nil {
			return fmt.Errorf("linux: %w", err)
		}
		out, err := exec.CommandContext(ctx, "patch", "-d", tree, "-p1", "--batch", "--forward", "--reject-file=-", "--no-backup-if-mismatch", "-i", p).CombinedOutput()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("linux: %s does not fit this kernel: %s", p, lastLine(string(out), err))
		}
	}
	if err := os.Rename(tree, dir); err != nil {
		return fmt.Errorf("linux: %w", err)
	}
	return nil
}

// checkVersion reads VERSION and PATCHLEVEL from the kernel's top Makefile.
func checkVersion(makefile string) error {
	number := map[string]int{"VERSION": -1, "PATCHLEVEL": -1}
	for line := range strings.Lines(makefile) {
		k, v, _ := strings.Cut(line, "=")
		k = strings.TrimSpace(k)
		if n, ok := number[k]; ok && n < 0 {
			n, err := strconv.Atoi(strings.TrimSpace(v))
			if err != nil {
				return fmt.Errorf("the Makefile's %s is no number", k)
			}
			number[k] = n
		}
	}
	major, minor := number["VERSION"], number["PATCHLEVEL"]
	if major < 0 || minor < 0 {
		return fmt.Errorf("the Makefile names no kernel version")
	}
	if major < oldestMajor || major == oldestMajor && minor < oldestMinor {
		return fmt.Errorf("this is Linux %d.%d; the board needs %d.%d or newer: older ones lack drivers for its sound and USB, or were never compared with it", major, minor, oldestMajor, oldestMinor)
	}
	return nil
}
