package manifest

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Module is a Go module that is linked into a program, or Go itself.
type Module struct {
	Component
	LicenceText []byte
}

// Modules lists the Go modules that the given programs are linked from, and Go
// itself. It finds the licences in the module cache, through the go command run
// in dir, the main module's folder.
func Modules(ctx context.Context, dir string, programs ...string) ([]Module, error) {
	sums := map[string]string{} // "path@version" -> go.sum's hash
	goVersion := ""
	for _, program := range programs {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return nil, fmt.Errorf("manifest: %s: %w", program, err)
		}
		goVersion = info.GoVersion
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			sums[m.Path+"@"+m.Version] = m.Sum
		}
	}
	var modules []Module
	if len(sums) > 0 {
		args := []string{"list", "-m", "-json"}
		for name := range sums {
			args = append(args, name)
		}
		slices.Sort(args[3:])
		out, err := goCommand(ctx, dir, args...)
		if err != nil {
			return nil, err
		}
		for dec := json.NewDecoder(bytes.NewReader(out)); ; {
			var m struct{ Path, Version, Dir string }
			if err := dec.Decode(&m); err == io.EOF {
				break
			} else if err != nil {
				return nil, fmt.Errorf("manifest: go list: %w", err)
			}
			id, text, err := Licence(m.Dir)
			if err != nil {
				return nil, fmt.Errorf("manifest: %s %s: %w", m.Path, m.Version, err)
			}
			modules = append(modules, Module{Component{
				Name: m.Path, Kind: "go module", Version: m.Version, Source: m.Path,
				Hash: sums[m.Path+"@"+m.Version], Licence: id,
			}, text})
		}
	}
	text, err := goLicence(ctx, dir)
	if err != nil {
		return nil, err
	}
	return append(modules, Module{Component{
		Name: "go", Kind: "go module", Version: goVersion, Source: "https://go.dev", Licence: "BSD-3-Clause",
		Note: "run time and standard library",
	}, text}), nil
}

// goLicence reads the licence of the Go distribution, which Debian keeps with
// its other packages' instead of in GOROOT. Where there is none, none is given.
func goLicence(ctx context.Context, dir string) ([]byte, error) {
	root, err := goCommand(ctx, dir, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(string(bytes.TrimSpace(root)), "LICENSE"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

func goCommand(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("manifest: go %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}
