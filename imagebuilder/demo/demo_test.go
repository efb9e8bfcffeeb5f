package demo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWrite: a demo is made anew in its place, but nothing else is.
func TestWrite(t *testing.T) {
	into := filepath.Join(t.TempDir(), "out", "demo")
	for _, files := range []map[string][]byte{
		{made: []byte("1"), "assets/old.js": []byte("1")},
		{made: []byte("2"), "assets/new.js": []byte("2")},
	} {
		if err := write(into, files); err != nil {
			t.Fatal(err)
		}
		for name, want := range files {
			if got, err := os.ReadFile(filepath.Join(into, name)); err != nil || string(got) != string(want) {
				t.Errorf("%s = %q, %v; want %q", name, got, err, want)
			}
		}
		entries, err := os.ReadDir(filepath.Join(into, "assets"))
		if len(entries) != 1 || err != nil {
			t.Errorf("%d files in assets, %v; want 1", len(entries), err)
		}
	}
	other := t.TempDir()
	photo := filepath.Join(other, "photo.jpg")
	if err := os.WriteFile(photo, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := write(other, map[string][]byte{made: nil}); err == nil || !strings.Contains(err.Error(), "name a new folder") {
		t.Errorf("write over somebody's files = %v", err)
	}
	if _, err := os.Stat(photo); err != nil {
		t.Error(err)
	}
}

// TestOffline: the version is another one when any file is.
func TestOffline(t *testing.T) {
	seen := map[string]bool{}
	for _, files := range []map[string][]byte{
		{"index.html": []byte("a"), "x.js": nil},
		{"index.html": []byte("b"), "x.js": nil},
		{"index.html": []byte("a"), "y.js": nil},
	} {
		script, err := offline(files)
		if err != nil || !strings.Contains(string(script), `"./"`) || strings.Contains(string(script), "@") {
			t.Errorf("offline = %v, %s", err, script)
		}
		version, _, _ := strings.Cut(string(script), "const files")
		if seen[version] {
			t.Errorf("the same version twice: %s", version)
		}
		seen[version] = true
	}
}
