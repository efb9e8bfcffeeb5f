package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/imagebuilder/debian"
	"duostoryteller/imagebuilder/inputs"
)

// TestDownload: after it everything that a build, the emulated board and its open
// firmware are made from is had without a network; and it never says so else.
func TestDownload(t *testing.T) {
	const boards = "board/milkv-duo"
	files := make(map[string][]byte) // by path
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	}))
	defer server.Close()

	// A lock of what is needed, a file a package and a second for each source.
	lock := new(inputs.Lock)
	for i, n := range downloadNeeds() {
		name := strings.ReplaceAll(n.Name, "[7-9].*", "7.3")
		p := inputs.Package{Name: name, Suite: n.Suite, Arch: n.Arch, Version: "1", Source: name}
		for part := range map[bool]int{false: 1, true: 2}[n.Arch == debian.Source] {
			data := fmt.Appendf(nil, "%s, file %d of package %d", name, part, i)
			long, short := sha256.Sum256(data), sha1.Sum(data)
			f := inputs.Pinned{Path: fmt.Sprintf("pool/%s_%d_%d", name, i, part), Size: int64(len(data)), SHA256: hex.EncodeToString(long[:]), SHA1: hex.EncodeToString(short[:])}
			files["/"+f.Path] = data
			p.Files = append(p.Files, f)
		}
		lock.Packages = append(lock.Packages, p)
	}
	repository := t.TempDir()
	if err := os.CopyFS(filepath.Join(repository, boards), os.DirFS(filepath.Join("../../..", boards))); err != nil {
		t.Fatal(err)
	}
	// Nothing may be asked for outside.
	official := filepath.Join(repository, boards, "firmware.toml")
	text, err := os.ReadFile(official)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.ReplaceAll(string(text), "https://github.com", server.URL))
	apt := filepath.Join(t.TempDir(), "apt.conf")
	for name, data := range map[string][]byte{
		official:                               text,
		filepath.Join(repository, inputs.File): lock.Text(),
		apt:                                    []byte(`Acquire::https::Proxy "http://127.0.0.1:1"; Acquire::http::Proxy "DIRECT";`),
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(repository)
	t.Setenv("APT_CONFIG", apt)
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("DUO_DATA", t.TempDir())
	cache := t.TempDir()
	t.Setenv("STORYTELLER_CACHE", cache)

	const all = "all is there"
	download := func(more ...string) (int, string, string) {
		return command(t, append([]string{"download", "--model", "builtin", "--debian-mirror", server.URL}, more...)...)
	}
	uboot, err := lock.Find(inputs.Need{Suite: "trixie", Arch: debian.Source, Name: "u-boot"})
	if err != nil {
		t.Fatal(err)
	}
	last := "/" + uboot.Files[len(uboot.Files)-1].Path
	kept := files[last]
	delete(files, last)
	if status, stdout, stderr := download("--fip", "none"); status != 1 || strings.Contains(stdout, all) || !strings.Contains(stderr, "u-boot") {
		t.Errorf("without U-Boot's source: status %d, %q, %q; want 1, and that it is missing", status, stdout, stderr)
	}
	files[last] = kept
	if status, stdout, stderr := download(); status != 0 || strings.Contains(stdout, all) || !strings.Contains(stdout, "missing: the vendor's firmware") {
		t.Errorf("without the vendor's firmware: status %d, %q, %q; want 0, and that it is missing", status, stdout, stderr)
	}
	if status, stdout, stderr := download("--fip", "none"); status != 0 || !strings.Contains(stdout, all) {
		t.Errorf("with everything: status %d, %q, %q; want 0, %q", status, stdout, stderr, all)
	}

	server.Close()
	if status, stdout, stderr := download("--fip", "none"); status != 0 || !strings.Contains(stdout, all) {
		t.Errorf("again, without a network: status %d, %q, %q; want 0, %q", status, stdout, stderr, all)
	}
	store := &inputs.Store{Lock: lock, Cache: cache, Mirror: server.URL, Snapshot: server.URL}
	for _, name := range []string{"qemu", "u-boot"} {
		if src, err := store.Source(t.Context(), "trixie", name); err != nil || len(src.Files) != 2 {
			t.Errorf("the source of %s, without a network: %+v, %v; want two files", name, src, err)
		}
	}
	if _, err := store.Packages(t.Context(), "trixie", "all", "opensbi", "meson"); err != nil {
		t.Errorf("OpenSBI and meson, without a network: %v", err)
	}
}

// TestDeps: make deps fails where something cannot be had, and never says that all is there.
func TestDeps(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is missing: apt-get install make")
	}
	for builder, ok := range map[string]bool{"false": false, "true": true} {
		// Nothing is installed for this test.
		cmd := exec.CommandContext(t.Context(), "make", "-C", "../../..", "deps", "APT=true", "IMAGEBUILDER="+builder)
		cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=", "STORYTELLER_CACHE="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if said := strings.Contains(string(out), "could not be had"); (err == nil) != ok || said == ok || strings.Contains(string(out), "all is there") {
			t.Errorf("make deps where each fetching says %s = %v:\n%s", builder, err, out)
		}
	}
}
