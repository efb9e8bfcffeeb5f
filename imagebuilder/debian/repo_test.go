package debian

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/imagebuilder/fetch"
)

// repo is a small signed archive of packages for riscv64 in a folder.
type repo struct {
	t        *testing.T
	dir      string
	gnupg    string
	keyring  string
	packages strings.Builder // the text of the index "Packages"
	sources  strings.Builder // that of "Sources"
}

func newRepo(t *testing.T) *repo {
	t.Helper()
	for _, tool := range []string{"gpg", "gpg-agent", "gpgconf"} { // gpg makes no key without its agent
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is missing: apt-get install gpg gpg-agent", tool)
		}
	}
	// gpg's agent wants a short path for its socket.
	gnupg, err := os.MkdirTemp("/tmp", "gnupg")
	if err != nil {
		t.Fatal(err)
	}
	r := &repo{t: t, dir: t.TempDir(), gnupg: gnupg, keyring: filepath.Join(t.TempDir(), "key.gpg")}
	t.Cleanup(func() {
		exec.Command("gpgconf", "--homedir", gnupg, "--kill", "all").Run()
		os.RemoveAll(gnupg)
	})
	r.run("gpg", "--batch", "--homedir", gnupg, "--passphrase", "", "--quick-generate-key", "test <test@example.org>", "ed25519", "sign", "never")
	r.run("gpg", "--batch", "--homedir", gnupg, "--output", r.keyring, "--export")
	return r
}

// add makes a package that holds one file, named after it, with its version.
func (r *repo) add(name, version string) {
	r.t.Helper()
	tree := r.t.TempDir()
	control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: test\n", name, version)
	write(r.t, filepath.Join(tree, "DEBIAN/control"), control)
	write(r.t, filepath.Join(tree, "usr/share", name), version+"\n")
	file := name + "_" + version + "_all.deb"
	r.run("dpkg-deb", "--build", "--root-owner-group", tree, filepath.Join(r.dir, file))
	size, sum := r.sum(file)
	fmt.Fprintf(&r.packages, "%sFilename: %s\nSize: %d\nSHA256: %s\n\n", control, file, size, sum)
}

// addSource makes a source package of two files.
func (r *repo) addSource(name, version string) {
	r.t.Helper()
	fmt.Fprintf(&r.sources, "Package: %s\nVersion: %s\nFormat: 3.0 (quilt)\nDirectory: pool/%s\nFiles:\n 0123 5 not-this.dsc\nChecksums-Sha256:\n", name, version, name)
	for _, file := range []string{name + "_" + version + ".orig.tar.xz", name + "_" + version + "-1.debian.tar.xz"} {
		write(r.t, filepath.Join(r.dir, "pool", name, file), file)
		size, sum := r.sum(filepath.Join("pool", name, file))
		fmt.Fprintf(&r.sources, " %s %d %s\n", sum, size, file)
	}
	fmt.Fprintln(&r.sources)
}

// publish signs the indices as a suite.
func (r *repo) publish(suite string) {
	r.t.Helper()
	dist := filepath.Join("dists", suite)
	release := fmt.Sprintf("Origin: Test\nSuite: %s\nCodename: %s\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nArchitectures: riscv64 all\nComponents: main\nNo-Support-for-Architecture-all: Packages\nSHA256:\n", suite, suite)
	for _, index := range []struct{ name, text string }{{"main/binary-riscv64/Packages", r.packages.String()}, {"main/source/Sources", r.sources.String()}} {
		write(r.t, filepath.Join(r.dir, dist, index.name), index.text)
		size, sum := r.sum(filepath.Join(dist, index.name))
		release += fmt.Sprintf(" %s %d %s\n", sum, size, index.name)
	}
	write(r.t, filepath.Join(r.dir, dist, "Release"), release)
	r.run("gpg", "--batch", "--homedir", r.gnupg, "--clearsign", "--output", filepath.Join(r.dir, dist, "InRelease"), filepath.Join(r.dir, dist, "Release"))
}

func (r *repo) sum(name string) (size int64, sum string) {
	r.t.Helper()
	sum, size, err := fetch.Sum(filepath.Join(r.dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return size, sum
}

func (r *repo) run(name string, args ...string) {
	r.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		r.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
