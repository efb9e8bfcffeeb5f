// Package compile makes programs of the project's Go sources. The same sources, compiler
// and commit give the same bytes, wherever and by whom they are compiled.
package compile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"duostoryteller/app/version"
)

// System is what a program runs on, by Go's names.
type System struct{ OS, Arch string }

// Board is every board's.
func Board() System { return System{"linux", "riscv64"} }

// ParseSystem reads "linux/amd64".
func ParseSystem(text string) (System, error) {
	goos, arch, ok := strings.Cut(text, "/")
	if !ok || goos == "" || arch == "" || strings.ContainsAny(arch, "/\\ ") || strings.ContainsAny(goos, "\\ ") {
		return System{}, fmt.Errorf("%q is no system: it is written like linux/amd64", text)
	}
	return System{goos, arch}, nil
}

func (s System) String() string { return s.OS + "/" + s.Arch }

// Exe is what the names of the system's programs end in.
func (s System) Exe() string {
	if s.OS == "windows" {
		return ".exe"
	}
	return ""
}

// Options say what is compiled.
type Options struct {
	Source string // the repository's folder
	System System
	Commit string // as package source names it
	Tags   string // build tags, with commas
}

// Program compiles the command in the folder pkg of the sources into the file out.
func Program(ctx context.Context, o Options, pkg, out string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= " + version.LinkerFlag(o.Commit), "-o", out}
	if o.Tags != "" {
		args = append(args, "-tags", o.Tags)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = o.Source
	// What the user may have set otherwise, and would show in the program.
	cmd.Env = append(os.Environ(), "GOOS="+o.System.OS, "GOARCH="+o.System.Arch,
		"GOAMD64=v1", "GOARM64=v8.0", "GORISCV64=rva20u64", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off", "GOEXPERIMENT=", "GOFIPS140=off")
	text, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("the go command is missing: install Go and put it into PATH")
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%s does not compile for %s: %w: %s", pkg, o.System, err, oneLine(text))
	}
	return nil
}

// oneLine makes a compiler's report one line, cut short.
func oneLine(text []byte) string {
	line := strings.Join(strings.Fields(string(text)), " ")
	if len(line) > 500 {
		line = line[:500] + "…"
	}
	return line
}
