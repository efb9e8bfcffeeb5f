package inputs

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duostoryteller/imagebuilder/debian"
)

// pin makes a lock's entry of a file's contents.
func pin(path string, data []byte) Pinned {
	long, short := sha256.Sum256(data), sha1.Sum(data)
	return Pinned{Path: path, Size: int64(len(data)), SHA256: hex.EncodeToString(long[:]), SHA1: hex.EncodeToString(short[:])}
}

// server gives out files by path and notes what it is asked for.
type server struct {
	*httptest.Server
	files map[string][]byte
	asked []string
}

func serve(t *testing.T) *server {
	s := &server{files: make(map[string][]byte)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked = append(s.asked, r.URL.Path)
		data, ok := s.files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	}))
	t.Cleanup(s.Close)
	return s
}

// TestPackages fetches one package from wherever it still is.
func TestPackages(t *testing.T) {
	deb := []byte("a package")
	const path = "pool/main/t/thing/thing_1.0+b1~2_riscv64.deb"
	f := pin(path, deb)
	lock := &Lock{Packages: []Package{{Name: "thing", Suite: "trixie", Arch: "riscv64", Version: "1.0+b1~2", Source: "thing", Files: []Pinned{f}}}}
	onMirror, onSnapshot := "/debian/"+path, "/file/"+f.SHA1
	for _, tt := range []struct {
		name             string
		mirror, snapshot []byte // what is there; nil: nothing
		pool             []byte // what an earlier build left
		asked            []string
		missing          bool
	}{
		{name: "on the mirror", mirror: deb, snapshot: deb, asked: []string{onMirror}},
		{name: "moved on", snapshot: deb, asked: []string{onMirror, onSnapshot}},
		{name: "other contents on the mirror", mirror: []byte("an impostor"), snapshot: deb, asked: []string{onMirror, onSnapshot}},
		{name: "gone", asked: []string{onMirror, onSnapshot}, missing: true},
		{name: "other contents everywhere", mirror: []byte("other bit"), snapshot: []byte("other bit"), asked: []string{onMirror, onSnapshot}, missing: true},
		{name: "fetched before", pool: deb},
		{name: "damaged in the pool", pool: []byte("a p@ckage"), mirror: deb, asked: []string{onMirror}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t)
			if tt.mirror != nil {
				s.files[onMirror] = tt.mirror
			}
			if tt.snapshot != nil {
				s.files[onSnapshot] = tt.snapshot
			}
			cache := t.TempDir()
			if tt.pool != nil {
				write(t, filepath.Join(cache, "debian/pool", debian.PoolName(debian.File{Path: path, SHA256: f.SHA256})), tt.pool)
			}
			store := &Store{Lock: lock, Cache: cache, Mirror: s.URL + "/debian/", Snapshot: s.URL}
			got, err := store.Packages(t.Context(), "trixie", "riscv64", "thing")
			if !slices.Equal(s.asked, tt.asked) {
				t.Errorf("asked for %q; want %q", s.asked, tt.asked)
			}
			if tt.missing {
				if !errors.As(err, new(*MissingError)) || !strings.Contains(err.Error(), "thing 1.0+b1~2") || strings.Contains(err.Error(), "\n") {
					t.Errorf("Packages() = %v; want one line that names the missing input", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if data, err := os.ReadFile(got[0].Path); !bytes.Equal(data, deb) || got[0].Version != "1.0+b1~2" {
				t.Errorf("Packages() = %+v with %q, %v; want %q", got[0], data, err, deb)
			}
		})
	}
}

func TestMirrorList(t *testing.T) {
	list := filepath.Join(t.TempDir(), "mirrors")
	write(t, list, []byte("# ours\n\nhttp://mirror.example/debian/ priority:1\nhttp://other.example/debian\n"))
	s := &Store{Mirror: "mirror+file:" + list}
	if got, err := s.mirror(t.Context()); got != "http://mirror.example/debian" || err != nil {
		t.Errorf("mirror() = %q, %v; want the list's first", got, err)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	store := &Store{Cache: t.TempDir(), Mirror: serve(t).URL, Lock: &Lock{Packages: []Package{{Name: "a", Suite: "s", Arch: "all", Version: "1", Files: []Pinned{pin("a.deb", []byte("a"))}}}}}
	if _, err := store.Packages(ctx, "s", "riscv64", "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("Packages() = %v; want %v", err, context.Canceled)
	}
}

func TestFind(t *testing.T) {
	l := &Lock{Packages: []Package{
		{Name: "linux-source-7.3", Suite: "b", Arch: "all", Version: "7.3.4-1"},
		{Name: "qemu", Suite: "t", Arch: debian.Source, Version: "1"},
		{Name: "libc6", Suite: "t", Arch: "riscv64", Version: "2"},
		{Name: "libc6", Suite: "t", Arch: "amd64", Version: "3"},
	}}
	for _, tt := range []struct {
		need Need
		want string // version; "" for an error
	}{
		{Need{Suite: "b", Arch: "riscv64", Name: "linux-source-[7-9].*"}, "7.3.4-1"},
		{Need{Suite: "t", Arch: "riscv64", Name: "libc6"}, "2"},
		{Need{Suite: "t", Arch: "amd64", Name: "libc6"}, "3"},
		{Need{Suite: "t", Arch: debian.Source, Name: "qemu"}, "1"},
		{Need{Suite: "b", Arch: debian.Source, Name: "linux-source-7.3"}, ""},
		{Need{Suite: "t", Arch: "arm64", Name: "libc6"}, ""},
		{Need{Suite: "t", Arch: "riscv64", Name: "none"}, ""},
	} {
		if p, err := l.Find(tt.need); p.Version != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("Find(%v) = %q, %v; want %q", tt.need, p.Version, err, tt.want)
		}
	}
}

// TestText reads back what was written, in an order of its own.
func TestText(t *testing.T) {
	a := Package{Name: "a", Suite: "t", Arch: "all", Version: "1:2~3", Source: "aa (1)", Files: []Pinned{pin("pool/a.deb", []byte("a")), pin("pool/b.deb", []byte("b"))}}
	b := Package{Name: "b", Suite: "t", Arch: "all", Version: "1", Source: "b", Files: []Pinned{pin("pool/c.deb", []byte("c"))}}
	text := (&Lock{Packages: []Package{b, a}}).Text()
	if other := (&Lock{Packages: []Package{a, b}}).Text(); !bytes.Equal(text, other) {
		t.Errorf("the order of the packages shows:\n%s\n%s", text, other)
	}
	l, err := parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if again := l.Text(); !bytes.Equal(again, text) || len(l.Packages) != 2 {
		t.Errorf("read back:\n%s\nwant:\n%s", again, text)
	}
}

// TestRepository reads the repository's own lock: it is as Update writes it.
func TestRepository(t *testing.T) {
	file := filepath.Join("../..", File)
	l, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); !bytes.Equal(text, l.Text()) || err != nil {
		t.Errorf("%s was edited by hand (%v): renew it with `imagebuilder update`", file, err)
	}
}

func TestChanges(t *testing.T) {
	p := func(name, version, data string) Package {
		return Package{Name: name, Suite: "t", Arch: "all", Version: version, Files: []Pinned{pin("f", []byte(data))}}
	}
	old := &Lock{Packages: []Package{p("same", "1", "a"), p("newer", "1", "a"), p("other", "1", "a"), p("gone", "1", "a")}}
	now := &Lock{Packages: []Package{p("same", "1", "a"), p("newer", "2", "b"), p("other", "1", "b"), p("added", "1", "a")}}
	want := []string{
		"added (all, t): 1, new",
		"gone (all, t): 1, not needed any more",
		"newer (all, t): 1 -> 2",
		"other (all, t): 1, other contents under the same version",
	}
	if got := now.Changes(old); !slices.Equal(got, want) {
		t.Errorf("Changes() = %q; want %q", got, want)
	}
}

// made is a suite's lists in a test.
type made map[string]debian.Entry

func (m made) Newest(_ context.Context, pattern string) (string, string, error) {
	if e, ok := m[pattern]; ok {
		return e.Name, e.Version, nil
	}
	return "", "", errors.New("no such package")
}

func (m made) LookUp(_ context.Context, name string) (debian.Entry, error) {
	if e, ok := m[name]; ok {
		return e, nil
	}
	return debian.Entry{}, errors.New("no such package")
}

// TestUpdate renews a lock whose packages have moved on.
func TestUpdate(t *testing.T) {
	s := serve(t)
	entry := func(name, version, arch string, files ...string) debian.Entry {
		e := debian.Entry{Name: name, Version: version, Arch: arch, Source: name}
		for _, f := range files {
			s.files["/"+f] = []byte(f)
			e.Files = append(e.Files, debian.File{Path: f, Size: int64(len(f)), SHA256: pin(f, []byte(f)).SHA256})
		}
		return e
	}
	pinned := func(e debian.Entry) Package {
		p := Package{Name: e.Name, Suite: "t", Arch: e.Arch, Version: e.Version, Source: e.Source}
		for _, f := range e.Files {
			p.Files = append(p.Files, pin(f.Path, []byte(f.Path)))
		}
		return p
	}
	source := entry("qemu", "10", debian.Source, "qemu_10.orig.tar.xz", "qemu_10-1.debian.tar.xz", "qemu_10-1.dsc")
	kernel := entry("linux-source-7.3", "7.3.4", "all", "linux-source-7.3_7.3.4_all.deb")
	oldLibc, newLibc := entry("libc6", "1", "riscv64", "libc6_1_riscv64.deb"), entry("libc6", "2", "riscv64", "libc6_2_riscv64.deb")
	suite := made{"qemu": source, "linux-source-*": kernel, kernel.Name: kernel, "libc6": newLibc}
	needs := []Need{
		{Suite: "t", Arch: "all", Name: "linux-source-*"},
		{Suite: "t", Arch: "riscv64", Name: "libc6"},
		{Suite: "t", Arch: debian.Source, Name: "qemu"},
		{Suite: "t", Arch: "riscv64", Name: "libc6"}, // two programs need it
	}
	upstream := pinned(source)
	upstream.Files = upstream.Files[:1]
	whole := pinned(source)
	whole.Files = whole.Files[:2] // the .dsc says nothing more
	for _, tt := range []struct {
		name     string
		only     []string
		upstream bool
		want     []Package
	}{
		{"all", nil, false, []Package{pinned(kernel), pinned(newLibc), whole}},
		{"without what Debian adds", nil, true, []Package{pinned(kernel), pinned(newLibc), upstream}},
		{"one", []string{"qemu"}, false, []Package{pinned(kernel), pinned(oldLibc), whole}},
	} {
		u := &update{
			Store:  &Store{Lock: &Lock{Packages: []Package{pinned(kernel), pinned(oldLibc)}}, Cache: t.TempDir(), Mirror: s.URL},
			open:   func(context.Context, Need) (lists, error) { return suite, nil },
			opened: make(map[Need]lists),
		}
		needs[2].Upstream = tt.upstream
		got, err := u.run(t.Context(), needs, tt.only)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if want := (&Lock{Packages: tt.want}).Text(); !bytes.Equal(got.Text(), want) {
			t.Errorf("%s: the lock is\n%s\nwant\n%s", tt.name, got.Text(), want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	const file = `[[package]]
name = "a"
suite = "t"
arch = "all"
version = "1"
source = "a"
files = [{path = "pool/a.deb", size = 1, sha256 = "` + "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" + `", sha1 = "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"}]
`
	if _, err := parse(file); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ from, to string }{
		{"pool/a.deb", "../a.deb"}, {"pool/a.deb", ""}, {"size = 1", "size = 0"}, {"ca97", "CA97"}, {"86f7", "86"},
		{`version = "1"`, ""}, {`source`, "sourse"}, {"files = ", "files : "},
	} {
		if _, err := parse(strings.Replace(file, tt.from, tt.to, 1)); err == nil {
			t.Errorf("%q in place of %q was accepted", tt.to, tt.from)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read() of no file = %v; want %v", err, fs.ErrNotExist)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(string((&Lock{Packages: []Package{{Name: "a", Suite: "t", Arch: "all", Version: "1", Files: []Pinned{pin("pool/a.deb", []byte("a"))}}}}).Text()))
	f.Add("[[package]]\nfiles = [{}]")
	f.Fuzz(func(t *testing.T, text string) {
		if l, err := parse(text); err == nil {
			if _, err := parse(string(l.Text())); err != nil && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r > '~' }) {
				t.Errorf("what was read from %q cannot be read back: %v", text, err)
			}
		}
	})
}

// TestSource unpacks a source package of two upstream archives and Debian's own.
func TestSource(t *testing.T) {
	for _, tool := range []string{"tar", "xz", "patch"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is missing: apt-get install tar xz-utils patch", tool)
		}
	}
	s := serve(t)
	p := Package{Name: "thing", Suite: "trixie", Arch: debian.Source, Version: "1.0-2", Source: "thing"}
	for name, files := range map[string]map[string]string{
		"thing_1.0-2.debian.tar.gz": {
			"debian/patches/series":      "# ours\nfirst.patch\n\nsub/second.patch # why\n",
			"debian/patches/first.patch": "--- a/hello.c\n+++ b/hello.c\n@@ -1 +1 @@\n-one\n+two\n",
			"debian/patches/sub/second.patch": "--- a/hello.c\n+++ b/hello.c\n@@ -1 +1 @@\n-two\n+three\n" +
				"--- a/extra/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n",
		},
		"thing_1.0.orig-extra.tar.gz": {"thing-extra-1/old": "old\n", "thing-extra-1/new": "new\n"},
		"thing_1.0.orig.tar.gz":       {"thing-1.0/hello.c": "one\n"},
	} {
		data := tarball(t, files)
		s.files["/pool/"+name] = data
		p.Files = append(p.Files, pin("pool/"+name, data))
	}
	store := &Store{Lock: &Lock{Packages: []Package{p}}, Cache: t.TempDir(), Mirror: s.URL, Snapshot: s.URL}
	src, err := store.Source(t.Context(), "trixie", "thing")
	if err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	dir := filepath.Join(parent, "tree")
	if err := src.Extract(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"hello.c": "three\n", "extra/new": "new\n", "extra/old": ""} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want || (err != nil) != (want == "") {
			t.Errorf("%s = %q, %v; want %q", name, got, err, want)
		}
	}
	if err := src.Extract(t.Context(), dir); err == nil {
		t.Error("Extract() into a folder that is there succeeded")
	}
	if left, err := os.ReadDir(parent); len(left) != 1 {
		t.Errorf("Extract() left %v, %v; want the tree alone", left, err)
	}
}

func TestArchiveName(t *testing.T) {
	for name, want := range map[string][]string{
		"qemu_10.0.13+ds.orig.tar.xz":             {".orig", ""},
		"qemu_10.0.13+ds-0+deb13u1.debian.tar.xz": {".debian", ""},
		"u-boot_2025.01.orig.tar.bz2":             {".orig", ""},
		"thing_1.0.orig-some-part.tar.gz":         {".orig-some-part", "some-part"},
		"native_3.1.tar.xz":                       {"", ""},
		"opensbi_1.6-1.dsc":                       nil,
		"u-boot_2025.01.orig.tar.bz2.asc":         nil,
	} {
		got := archiveName.FindStringSubmatch(name)
		if want == nil && got != nil || want != nil && (got == nil || !slices.Equal(got[1:], want)) {
			t.Errorf("archiveName of %s = %q; want %q", name, got, want)
		}
	}
}

func tarball(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
