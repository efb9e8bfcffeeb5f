//go:build linux

// Package reproducible builds the image twice, in as different circumstances as
// one machine can offer, and wants the same bytes: make reproducible.
package reproducible

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"duostoryteller/imagebuilder/cachedir"
	"duostoryteller/tests/testmodel"
)

const repository = "../.."

// A place is where and how a build is made.
type place struct {
	dir     string // of the sources' copy
	user    uint32
	umask   string
	reverse bool     // files are made in reverse order
	env     []string // locale, time zone and what else a shell may have
}

// TestTwice builds the whole image twice. Nothing is shared but the machine, its
// compilers and Debian's mirror: the second build fetches all again, as another
// user in another folder, with another umask, locale, time zone and order of
// files, and builds the kernel anew. That takes as long as a first build, so it
// is asked for with STORYTELLER_REPRODUCIBLE=all; with "kernel" the second build
// takes what the first one fetched, and its kernel.
func TestTwice(t *testing.T) {
	how := os.Getenv("STORYTELLER_REPRODUCIBLE")
	if how != "all" && how != "kernel" {
		t.Skip("make reproducible asks for this")
	}
	first, err := cachedir.Dir()
	if err != nil {
		t.Fatal(err)
	}
	// Others must be able to enter.
	base, err := os.MkdirTemp("", "reproducible-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	model, tokenizer, err := testmodel.Models()[0].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if m, k := os.Getenv("MODEL"), os.Getenv("TOKENIZER"); m != "" && k != "" {
		model, tokenizer = m, k
	}

	second := filepath.Join(base, "a-cache-of-its-own") // the kernel's Makefile takes no spaces
	if how == "kernel" {
		copyCache(t, first, second)
	}
	other := uint32(os.Getuid())
	if other == 0 {
		other = 65534
	} else {
		t.Log("not run by root: both builds are made by the same user")
	}
	a := build(t, place{dir: filepath.Join(base, "a"), user: uint32(os.Getuid()), umask: "022", env: []string{"LC_ALL=C", "TZ=UTC"}}, first, model, tokenizer)
	b := build(t, place{dir: filepath.Join(base, "b", "some where else"), user: other, umask: "077", reverse: true,
		env: []string{"LC_ALL=tr_TR.UTF-8", "LANG=tr_TR.UTF-8", "TZ=Asia/Kathmandu", "MAKEFLAGS=-j3", "CFLAGS=-g", "GOFLAGS=", "USER=nobody"}}, second, model, tokenizer)
	for name, sum := range a {
		t.Logf("%-16s %s", name, sum)
		if b[name] != sum {
			t.Errorf("%s: the second build has %s, the first %s", name, b[name], sum)
		}
	}
}

// build copies the sources to a place and builds there. It returns the results'
// SHA-256.
func build(t *testing.T, p place, cache, model, tokenizer string) map[string]string {
	t.Helper()
	list, err := exec.Command("git", "-C", repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	files := strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00")
	if p.reverse {
		slices.Reverse(files)
	}
	inputs := filepath.Join(p.dir, "inputs")
	for _, f := range files {
		copyFile(t, filepath.Join(repository, f), filepath.Join(p.dir, "sources", f))
	}
	copyFile(t, model, filepath.Join(inputs, filepath.Base(model)))
	copyFile(t, tokenizer, filepath.Join(inputs, filepath.Base(tokenizer)))
	for _, d := range []string{"tmp", "home"} {
		if err := os.MkdirAll(filepath.Join(p.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `umask "$0" && exec go run ./imagebuilder/cmd/imagebuilder build --model "$1" --tokenizer "$2" --output "$3"`,
		p.umask, filepath.Join(inputs, filepath.Base(model)), filepath.Join(inputs, filepath.Base(tokenizer)), filepath.Join(p.dir, "out"))
	cmd.Dir = filepath.Join(p.dir, "sources")
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(p.dir, "home"), "TMPDIR=" + filepath.Join(p.dir, "tmp"), "STORYTELLER_CACHE=" + cache}, p.env...)
	for _, name := range []string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOSUMCHECK", "GOINSECURE", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE"} {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	if p.user != uint32(os.Getuid()) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: p.user, Gid: p.user}}
		for _, dir := range []string{p.dir, cache} {
			if text, err := exec.Command("chown", "-R", fmt.Sprint(p.user), dir).CombinedOutput(); err != nil {
				t.Fatalf("chown: %v: %s", err, text)
			}
		}
	}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	err = cmd.Run()
	t.Logf("%s, user %d, umask %s, %s:\n%s", p.dir, p.user, p.umask, strings.Join(p.env, " "), log.String())
	if err != nil {
		t.Fatal(err)
	}
	// The module cache is read-only: it would outlive the test.
	exec.Command("chmod", "-R", "u+w", filepath.Join(p.dir, "home")).Run()
	sums := make(map[string]string)
	for _, name := range []string{"storyteller.img", "boot.sd", "update.erofs", "manifest.json"} {
		f, err := os.Open(filepath.Join(p.dir, "out", name))
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			t.Fatal(err)
		}
		f.Close()
		sums[name] = fmt.Sprintf("%x", h.Sum(nil))
	}
	return sums
}

// copyFile copies a file with its mode's executable bits, and makes its folders.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if os.IsNotExist(err) {
		return // removed, but not yet from git's list
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// copyCache copies what was fetched and the built kernels, not the trees they
// were built in.
func copyCache(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(to, "linux"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"apt", "pool", "debian", "linux/????????????????"} {
		found, _ := filepath.Glob(filepath.Join(from, pattern))
		for _, f := range found {
			if text, err := exec.Command("cp", "-a", f, filepath.Join(to, filepath.Dir(pattern))).CombinedOutput(); err != nil {
				t.Fatalf("cp: %v: %s", err, text)
			}
		}
	}
}
