package voices

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fakeCompiler writes what it is told to compile into what it is told to make.
const fakeCompiler = `#!/bin/sh
case $* in *-print-multiarch) exit;; *-print-sysroot) echo /sysroot; exit;; *"$REFUSE"*) echo "x.c:1: error: no $REFUSE"; exit 1;; esac
for a; do [ "$o" != -o ] || out=$a; o=$a; done
echo "$*" > "$out"
`

func TestForCard(t *testing.T) {
	root, tools := t.TempDir(), t.TempDir()
	write := func(mode os.FileMode, text string, elem ...string) {
		t.Helper()
		name := filepath.Join(elem...)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	cc := filepath.Join(tools, "cross-gcc")
	write(0o755, fakeCompiler, cc)
	for _, f := range englishData {
		write(0o644, f, root, "usr/share/espeak-ng-data", f)
	}
	for _, f := range hearingData {
		write(0o644, f, root, "usr/share/pocketsphinx/model/en-us", f)
	}
	t.Setenv("REFUSE", "-lnothing")

	dir := t.TempDir()
	if err := ForCard(t.Context(), cc+" -static", root, dir, nil); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, p := range programs() {
		want = append(want, Folder(p)+"/"+p.File())
		text, err := os.ReadFile(filepath.Join(dir, Folder(p), p.File()))
		if err != nil || !strings.HasPrefix(string(text), "-static ") || strings.Contains(string(text), "-I/usr") ||
			strings.Contains(string(text), "-I/sysroot/usr/include/pocketsphinx ") != (p.File() == "recogniser") {
			t.Errorf("%s was compiled by %q, %v; want the compiler's options before, and headers of its sysroot, not of this machine", p.File(), text, err)
		}
	}
	for _, f := range englishData {
		want = append(want, "/usr/lib/storyteller/voices/espeak-ng-data/"+f)
	}
	for _, f := range hearingData {
		want = append(want, "/usr/lib/storyteller/hearing/"+f)
	}
	slices.Sort(want)
	if got := below(t, dir); !slices.Equal(got, want) {
		t.Errorf("ForCard() made %q; want %q", got, want)
	}

	dir = t.TempDir()
	if err := ForCard(t.Context(), cc, filepath.Join(root, "nothing"), dir, []string{"voice-espeak", "recogniser"}); err != nil {
		t.Error(err)
	}
	if got := below(t, dir); len(got) != len(programs())-2 {
		t.Errorf("ForCard() without two programs made %q", got)
	}
	for _, tt := range []struct {
		name, root, refuse string
		without            []string
		want               string
	}{
		{"no data", t.TempDir(), "-lnothing", nil, "espeak-ng-data/phontab"},
		{"no library", root, "-lpocketsphinx", nil, "recogniser: x.c:1: error: no -lpocketsphinx"},
		{"no such program", root, "-lnothing", []string{"voice-nobody"}, "no program voice-nobody"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("REFUSE", tt.refuse)
			err := ForCard(t.Context(), cc, tt.root, t.TempDir(), tt.without)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("ForCard() = %v; want one line with %q", err, tt.want)
			}
		})
	}
}

// below lists the files below dir, with a slash before each.
func below(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}
