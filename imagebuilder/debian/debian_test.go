package debian

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// needApt skips where there is no apt to ask.
func needApt(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"apt-get", "apt-cache", "apt-config", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is missing: run this test on Debian or Ubuntu", tool)
		}
	}
}

func TestHostMirror(t *testing.T) {
	needApt(t)
	const debian12 = "ID=debian\nVERSION_CODENAME=bookworm\n"
	for _, tt := range []struct {
		name, osRelease, file, sources string
		want                           string // empty: errNoMirror
	}{
		{"one-line", debian12, "a.list", "deb [arch=amd64] http://mirror.example/debian/ bookworm main contrib\n", "http://mirror.example/debian"},
		{"deb822", debian12, "a.sources", "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n", "http://mirror.example/debian"},
		{"stable by name", debian12, "a.list", "deb http://mirror.example/pub/debian stable main\n", "http://mirror.example/pub/debian"},
		{"others' repository first", debian12, "a.list", "deb http://other.example/tool bookworm main\ndeb http://mirror.example/debian bookworm main\n", "http://mirror.example/debian"},
		{"mirror in a folder of another name", debian12, "a.list", "deb http://mirror.example/d bookworm main\n", "http://mirror.example/d"},
		{"switched off", debian12, "a.sources", "Enabled: no\nTypes: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n", ""},
		{"only others", debian12, "a.list", "deb http://other.example/tool tool-bookworm main\ndeb http://o.example/debian bookworm stable\n", ""},
		{"security only", debian12, "a.list", "deb http://mirror.example/debian-security bookworm-security main\n", ""},
		{"not Debian", "ID=ubuntu\nVERSION_CODENAME=noble\n", "a.list", "deb http://mirror.example/ubuntu noble main\n", ""},
		{"quoted", "ID=\"debian\"\nVERSION_CODENAME='trixie'\n", "a.list", "deb http://mirror.example/debian trixie main\n", "http://mirror.example/debian"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "etc/sources.list.d", tt.file), tt.sources)
			write(t, filepath.Join(dir, "os-release"), tt.osRelease)
			write(t, filepath.Join(dir, "apt.conf"), "Dir::Etc \""+dir+"/etc\";\nDir::State \""+dir+"/state\";\nDir::State::status \"/dev/null\";\nDir::Cache \""+dir+"/cache\";\n")
			got, err := hostMirror(t.Context(), filepath.Join(dir, "os-release"), []string{"APT_CONFIG=" + filepath.Join(dir, "apt.conf")})
			if got != tt.want || (tt.want == "") != errors.Is(err, errNoMirror) {
				t.Errorf("hostMirror() = %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestFields(t *testing.T) {
	got := fields("Package: a\nDescription: one\n two: not a key\nVersion: 1:2.0-1\n\nPackage: b\n")
	want := map[string]string{"Package": "a", "Description": "one", "Version": "1:2.0-1"}
	if !maps.Equal(got, want) {
		t.Errorf("fields() = %v; want %v", got, want)
	}
}

func FuzzFields(f *testing.F) {
	f.Add("Package: a\nVersion: 1\n")
	f.Add(":\n \n\t:x")
	f.Fuzz(func(t *testing.T, s string) {
		for k, v := range fields(s) {
			if !strings.Contains(s, k) || !strings.Contains(s, v) {
				t.Errorf("fields(%q) made up %q: %q", s, k, v)
			}
		}
	})
}

// TestArchive runs the whole way against a signed archive made on the spot.
func TestArchive(t *testing.T) {
	needApt(t)
	repo := newRepo(t)
	repo.add("thing-6.9", "6.9.1-1")
	repo.add("thing-6.10", "6.10~rc1-1")
	repo.add("thing-7.0", "7.0-1")
	repo.add("thingummy", "99")
	repo.publish("testing-suite")

	cache := t.TempDir()
	open := func() *Archive {
		t.Helper()
		a, err := open(t.Context(), cache, Suite{Mirror: "copy:" + repo.dir, Name: "testing-suite", Arch: "riscv64"}, repo.keyring)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := open()
	for _, tt := range []struct{ pattern, name, version string }{
		{"thing-*", "thing-7.0", "7.0-1"},
		{"thing-6.*", "thing-6.10", "6.10~rc1-1"}, // not the text's order
		{"thing-8.*", "", ""},
	} {
		name, version, err := a.Newest(t.Context(), tt.pattern)
		if name != tt.name || version != tt.version || (err != nil) != (tt.name == "") {
			t.Errorf("Newest(%q) = %q, %q, %v; want %q, %q", tt.pattern, name, version, err, tt.name, tt.version)
		}
	}
	pkgs, err := a.Download(t.Context(), "thing-7.0", "thing-6.9=6.9.1-1")
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) != 2 || pkgs[0].Name != "thing-7.0" || pkgs[1].Version != "6.9.1-1" {
		t.Errorf("Download() = %+v", pkgs)
	}
	if _, err := a.Download(t.Context(), "thing-6.9=5"); err == nil {
		t.Error("Download() of a version that is not there succeeded")
	}
	dir := t.TempDir()
	if err := Extract(t.Context(), pkgs[0].Path, dir); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "usr/share/thing-7.0")); err != nil || string(got) != "7.0-1\n" {
		t.Errorf("unpacked file = %q, %v; want %q", got, err, "7.0-1\n")
	}

	// Without the mirror, what was fetched is still there.
	if err := os.RemoveAll(repo.dir); err != nil {
		t.Fatal(err)
	}
	yesterday := time.Now().Add(-2 * listsAge)
	if err := os.Chtimes(a.path("updated"), yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	a = open()
	if a.Stale == nil {
		t.Error("Open() without the mirror does not say that the lists are stale")
	}
	again, err := a.Download(t.Context(), "thing-7.0")
	if err != nil || len(again) != 1 || again[0] != pkgs[0] {
		t.Errorf("Download() without the mirror = %+v, %v; want %+v", again, err, pkgs[0])
	}
	if _, err := a.Download(t.Context(), "thing-6.10"); err == nil {
		t.Error("Download() of what was never fetched succeeded without the mirror")
	}
}

// TestLookUp asks the lists without fetching anything.
func TestLookUp(t *testing.T) {
	needApt(t)
	repo := newRepo(t)
	repo.add("thing", "7.0-1")
	repo.addSource("thing", "6.9")
	repo.addSource("thing", "6.10")
	repo.addSource("thing", "6.2")
	repo.publish("testing-suite")
	for _, tt := range []struct {
		arch, name, version string
		files               []string
	}{
		{"riscv64", "thing", "7.0-1", []string{"thing_7.0-1_all.deb"}},
		{"riscv64", "none", "", nil},
		{Source, "thing", "6.10", []string{"pool/thing/thing_6.10.orig.tar.xz", "pool/thing/thing_6.10-1.debian.tar.xz"}},
		{Source, "thing=6.9", "6.9", []string{"pool/thing/thing_6.9.orig.tar.xz", "pool/thing/thing_6.9-1.debian.tar.xz"}},
		{Source, "thing=7", "", nil},
		{Source, "thin", "", nil},
	} {
		a, err := open(t.Context(), t.TempDir(), Suite{Mirror: "copy:" + repo.dir, Name: "testing-suite", Arch: tt.arch}, repo.keyring)
		if err != nil {
			t.Fatal(err)
		}
		e, err := a.LookUp(t.Context(), tt.name)
		if e.Version != tt.version || (err != nil) != (tt.version == "") || len(e.Files) != len(tt.files) {
			t.Errorf("LookUp(%q) for %s = %+v, %v; want version %q", tt.name, tt.arch, e, err, tt.version)
			continue
		}
		for i, f := range e.Files {
			if size, sum := repo.sum(f.Path); f.Path != tt.files[i] || f.Size != size || f.SHA256 != sum {
				t.Errorf("LookUp(%q) for %s: file %+v; want %s, %d bytes, SHA-256 %s", tt.name, tt.arch, f, tt.files[i], size, sum)
			}
		}
	}
}

// TestPool does not use a package that was damaged after it was fetched.
func TestPool(t *testing.T) {
	needApt(t)
	repo := newRepo(t)
	repo.add("thing", "1")
	repo.publish("good")
	a, err := open(t.Context(), t.TempDir(), Suite{Mirror: "copy:" + repo.dir, Name: "good", Arch: "riscv64"}, repo.keyring)
	if err != nil {
		t.Fatal(err)
	}
	pkgs, err := a.Download(t.Context(), "thing")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(pkgs[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, pkgs[0].Path, "damaged")
	if _, err := a.Download(t.Context(), "thing"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(pkgs[0].Path); string(got) != string(whole) {
		t.Errorf("the pool has %d bytes, %v; want the package again", len(got), err)
	}
}

func TestArchiveRefuses(t *testing.T) {
	needApt(t)
	repo := newRepo(t)
	repo.add("thing", "1")
	repo.publish("good")
	other := newRepo(t)
	for _, tt := range []struct{ name, suite, keyring, want string }{
		{"suite that is not there", "gone", repo.keyring, "has no suite gone"},
		{"signed by another key", "good", other.keyring, "not signed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cache := t.TempDir()
			_, err := open(t.Context(), cache, Suite{Mirror: "copy:" + repo.dir, Name: tt.suite, Arch: "riscv64"}, tt.keyring)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Open() = %v; want one line with %q", err, tt.want)
			}
			if left, _ := filepath.Glob(filepath.Join(cache, "apt/*")); len(left) != 0 {
				t.Errorf("Open() left %v behind", left)
			}
		})
	}
}
