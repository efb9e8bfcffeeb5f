package twin

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSync: what differs is written, and nothing else, or ninja would build all.
func TestSync(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	write(t, filepath.Join(from, "same"), "1")
	write(t, filepath.Join(from, "a/changed"), "2")
	if err := os.Symlink("a/changed", filepath.Join(from, "link")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(to, "same"), "1")
	write(t, filepath.Join(to, "a/changed"), "1")
	write(t, filepath.Join(to, "build/made"), "3")
	old := time.Unix(1_000_000_000, 0)
	for _, name := range []string{"same", "a/changed"} {
		if err := os.Chtimes(filepath.Join(to, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := sync(to, from); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"same": "1", "a/changed": "2", "link": "2", "build/made": "3"} {
		if got, err := os.ReadFile(filepath.Join(to, name)); err != nil || string(got) != want {
			t.Errorf("%s = %q, %v; want %q", name, got, err, want)
		}
	}
	if st, err := os.Stat(filepath.Join(to, "same")); err != nil || !st.ModTime().Equal(old) {
		t.Errorf("what was the same was written: %v", err)
	}
	if st, err := os.Stat(filepath.Join(to, "a/changed")); err != nil || st.ModTime().Equal(old) {
		t.Errorf("what differed was not written: %v", err)
	}
}

func TestCheckConfig(t *testing.T) {
	config := filepath.Join(t.TempDir(), ".config")
	write(t, config, "CONFIG_A=y\nCONFIG_B=\"text\"\n# CONFIG_C is not set\n")
	for _, tt := range []struct{ fragment, want string }{
		{"CONFIG_A=y\nCONFIG_B=\"text\"\n# CONFIG_C is not set\n# words\n", ""},
		{"# CONFIG_GONE is not set\n", ""},
		{"CONFIG_A=n\n", "lost CONFIG_A=n"},
		{"# CONFIG_A is not set\n", "CONFIG_A=y"},
		{"CONFIG_C=y\n", "lost CONFIG_C=y"},
	} {
		err := checkConfig(config, tt.fragment)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("checkConfig(%q) = %v; want %q", tt.fragment, err, tt.want)
		}
	}
}

// TestKey: a result is found again only if nothing that it was made of has changed.
func TestKey(t *testing.T) {
	dir := t.TempDir()
	key := func() string {
		t.Helper()
		h := newHashed()
		if err := h.addTree(dir); err != nil {
			t.Fatal(err)
		}
		return h.key()
	}
	seen := map[string]string{}
	for _, step := range []struct{ what, file, text string }{
		{"a file", "a", "1"}, {"its contents", "a", "2"}, {"another file", "b/c", "1"}, {"moved text", "b/c", ""},
	} {
		write(t, filepath.Join(dir, step.file), step.text)
		k := key()
		if k != key() {
			t.Errorf("%s: two keys of the same files", step.what)
		}
		if before, ok := seen[k]; ok {
			t.Errorf("%s: the key is that of %q", step.what, before)
		}
		seen[k] = step.what
	}
}

// TestRun: a failed build names the line that tells why, and the whole log.
func TestRun(t *testing.T) {
	b, unlock, err := begin(t.Context(), Options{CacheDir: t.TempDir()}, "thing")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	var lines []string
	err = b.run(t.Context(), t.TempDir(), nil, func(l string) { lines = append(lines, l) },
		"sh", "-c", "echo '[1/2] error.o'; echo 'x.c:1: error: no such thing'; echo later; exit 3")
	if err == nil || !strings.Contains(err.Error(), "x.c:1: error: no such thing") || !strings.Contains(err.Error(), filepath.Join(b.dir, "log")) {
		t.Errorf("run() = %v", err)
	}
	if len(lines) != 3 {
		t.Errorf("lines %q; want three", lines)
	}
	if err := b.run(t.Context(), t.TempDir(), []string{"X=1"}, nil, "sh", "-c", `test "$X" = 1 && test -z "$MAKEFLAGS"`); err != nil {
		t.Error(err)
	}
}

// TestBeginWaits: who waits for another build is told so, and can give up.
func TestBeginWaits(t *testing.T) {
	dir := t.TempDir()
	_, unlock, err := begin(t.Context(), Options{CacheDir: dir}, "thing")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	var log strings.Builder
	if _, _, err := begin(ctx, Options{CacheDir: dir, Log: writer(func(text []byte) { log.Write(text); cancel() })}, "thing"); !errors.Is(err, context.Canceled) || !strings.HasPrefix(log.String(), "waiting for process ") {
		t.Errorf("begin beside another = %v, and it says %q; want that it waits, and %v", err, log.String(), context.Canceled)
	}
}

type writer func([]byte)

func (w writer) Write(text []byte) (int, error) {
	w(text)
	return len(text), nil
}

func TestProgress(t *testing.T) {
	var got []int
	b := &builder{Options: Options{Progress: func(what string, done, of int) { got = append(got, done, of) }}, name: "qemu"}
	for _, line := range []string{"[7/1231] Compiling C object x", "warning: [1/2]", "[8/1231] Linking"} {
		b.ninjaProgress(line)
	}
	if len(got) != 4 || got[0] != 7 || got[1] != 1231 || got[2] != 8 {
		t.Errorf("progress %v; want 7 of 1231, 8 of 1231", got)
	}
}
