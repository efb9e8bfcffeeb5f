package inputs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// SourcePackage is a fetched source package: its archives. The .dsc, which lists
// them for Debian's tools, says nothing that the lock does not.
type SourcePackage struct {
	Name    string
	Version string
	Files   []SourceFile
}

// SourceFile is an archive of one.
type SourceFile struct {
	Name   string // Debian's
	SHA256 string
	Path   string // in the cache
}

// archiveName is what dpkg-source(1) calls the archives of the formats 3.0 (native)
// and 3.0 (quilt).
var archiveName = regexp.MustCompile(`^[^_]+_[^_]+?(\.orig(?:-([a-zA-Z0-9-]+))?|\.debian)?\.tar\.(?:gz|bz2|xz|zst)$`)

// Extract unpacks the source with Debian's patches applied into dir, which must
// not be there: whole or not at all.
func (p *SourcePackage) Extract(ctx context.Context, dir string) error {
	for _, tool := range []string{"tar", "xz", "patch"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is missing: apt-get install tar xz-utils patch", tool)
		}
	}
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("%s is there already", dir)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".unpack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	tree := filepath.Join(tmp, "tree")
	for _, f := range p.order() {
		part := archiveName.FindStringSubmatch(f.Name)
		if part == nil {
			return fmt.Errorf("source package %s: %s is no archive that this program knows", p.Name, f.Name)
		}
		to, args := filepath.Join(tree, part[2]), []string{"--strip-components=1"}
		if part[1] == ".debian" { // has one folder, debian
			args = nil
		}
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		if err := run(ctx, exec.CommandContext(ctx, "tar", append(args, "-C", to, "-xf", f.Path)...)); err != nil {
			return fmt.Errorf("unpack %s: %w", f.Path, err)
		}
	}
	if err := patch(ctx, tree); err != nil {
		return fmt.Errorf("source package %s: %w", p.Name, err)
	}
	return os.Rename(tree, dir)
}

// order puts the main archive first and Debian's own last.
func (p *SourcePackage) order() []SourceFile {
	rank := func(f SourceFile) int {
		switch {
		case strings.Contains(f.Name, ".orig.tar."):
			return 0
		case strings.Contains(f.Name, ".debian.tar."):
			return 2
		}
		return 1
	}
	files := slices.Clone(p.Files)
	slices.SortStableFunc(files, func(a, b SourceFile) int { return rank(a) - rank(b) })
	return files
}

// patch applies the patches that debian/patches/series lists, if there is one.
func patch(ctx context.Context, tree string) error {
	dir := filepath.Join(tree, "debian", "patches")
	series, err := os.ReadFile(filepath.Join(dir, "series"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	for line := range strings.Lines(string(series)) {
		line, _, _ = strings.Cut(line, " #")
		name := strings.TrimSpace(line)
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		file, err := filepath.Abs(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		// As dpkg-source does it: no fuzz, no questions.
		cmd := exec.CommandContext(ctx, "patch", "--directory="+tree, "-p1", "--batch", "--forward", "--fuzz=0", "--remove-empty-files", "--silent", "--no-backup-if-mismatch", "--input="+file)
		if err := run(ctx, cmd); err != nil {
			return fmt.Errorf("patch %s: %w", name, err)
		}
	}
	return nil
}

// run runs a tool, whose last line explains its error.
func run(ctx context.Context, cmd *exec.Cmd) error {
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return fmt.Errorf("%w: %s", err, lines[len(lines)-1])
}
