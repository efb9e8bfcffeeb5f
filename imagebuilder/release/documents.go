package release

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"duostoryteller/imagebuilder/compile"
)

// What a program is built with to write its manual, and the verb that does. Package
// app/manual is not imported: this package's program would have all of it, too.
const (
	manualTag  = "manpages"
	manualVerb = "man"
)

// documents has the programs, built for this machine, write what their commands are: a
// page for man(1) for each, and completions for each shell. They are every system's.
func documents(ctx context.Context, o Options, tmp string, step func(string)) (all []file, err error) {
	here := compile.System{OS: runtime.GOOS, Arch: runtime.GOARCH}
	for _, p := range programs() {
		step("pages of " + p.name)
		program := filepath.Join(tmp, "documents", p.name+here.Exe())
		if err := compile.Program(ctx, compile.Options{Source: o.Source, System: here, Commit: o.Commit, Tags: manualTag}, p.pkg, program); err != nil {
			return nil, err
		}
		run := func(args ...string) ([]byte, error) {
			cmd := exec.CommandContext(ctx, program, args...)
			// The date of the pages is the release's, not this machine's.
			cmd.Env = append(os.Environ(), "TZ=UTC", fmt.Sprintf("SOURCE_DATE_EPOCH=%d", o.Time.Unix()))
			var complaint bytes.Buffer
			cmd.Stderr = &complaint
			text, err := cmd.Output()
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w: %s", p.name, args[0], err, bytes.TrimSpace(complaint.Bytes()))
			}
			return text, nil
		}
		pages, err := os.MkdirTemp(tmp, "pages-")
		if err != nil {
			return nil, err
		}
		if _, err := run(manualVerb, pages); err != nil {
			return nil, err
		}
		entries, err := os.ReadDir(pages)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			text, err := os.ReadFile(filepath.Join(pages, e.Name()))
			if err != nil {
				return nil, err
			}
			all = append(all, file{"man/man1/" + e.Name(), 0o644, text})
		}
		// Each is called as its shell looks for it.
		for _, c := range []struct{ shell, name string }{
			{"bash", "bash/" + p.name}, {"zsh", "zsh/_" + p.name}, {"fish", "fish/" + p.name + ".fish"}, {"powershell", "powershell/" + p.name + ".ps1"},
		} {
			text, err := run("completion", c.shell)
			if err != nil {
				return nil, err
			}
			all = append(all, file{"completions/" + c.name, 0o644, text})
		}
	}
	return all, nil
}
