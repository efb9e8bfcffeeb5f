package source

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository makes one with a commit and returns its folder and the commit's hash.
func repository(t *testing.T) (dir, hash string) {
	t.Helper()
	dir = t.TempDir()
	put(t, dir, "go.mod", "module x\n")
	put(t, dir, "imagebuilder/source/commit.txt", archived)
	attributes, err := os.ReadFile(".gitattributes")
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, "imagebuilder/source/.gitattributes", string(attributes))
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "one"}} {
		if _, err := git(t.Context(), dir, args...); err != nil {
			if errors.Is(err, exec.ErrNotFound) {
				t.Skip("git is missing")
			}
			t.Fatalf("git %v: %v", args, err)
		}
	}
	hash, err = git(t.Context(), dir, "rev-parse", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	return dir, strings.TrimSpace(hash)
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCommit(t *testing.T) {
	dir, hash := repository(t)
	check := func(what, dir, want string) {
		t.Helper()
		if got := Commit(t.Context(), dir); got != want {
			t.Errorf("%s: Commit() = %q; want %q", what, got, want)
		}
	}
	check("a clone", dir, hash[:12])
	put(t, dir, "results/a.json", "{}")
	check("a file that is not on the card", dir, hash[:12])
	put(t, dir, "app/new.go", "package app\n")
	check("a new file", dir, hash[:12]+".changed")
	check("a folder in somebody else's repository", filepath.Join(dir, "imagebuilder"), "")
	check("no repository", t.TempDir(), "")
}

// TestArchive reads the commit from an archive that git made of the repository.
func TestArchive(t *testing.T) {
	dir, hash := repository(t)
	out, err := git(t.Context(), dir, "archive", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(bytes.NewReader([]byte(out))); ; {
		h, err := r.Next()
		if err != nil {
			t.Fatalf("no commit.txt in the archive: %v", err)
		}
		if h.Name != "imagebuilder/source/commit.txt" {
			continue
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := fromArchive(string(text)); got != hash[:12] {
			t.Errorf("the archive's commit = %q; want %q", got, hash[:12])
		}
		return
	}
}

// TestTime wants the commit's time, and none of what is no clone.
func TestTime(t *testing.T) {
	dir, _ := repository(t)
	t.Setenv("GIT_COMMITTER_DATE", "1700000000 +0900")
	if _, err := git(t.Context(), dir, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "--amend", "-m", "two"); err != nil {
		t.Fatal(err)
	}
	if at, ok := Time(t.Context(), dir); !ok || at.Unix() != 1_700_000_000 {
		t.Errorf("Time = %v, %v; want the commit's", at, ok)
	}
	for what, dir := range map[string]string{"a folder in a clone": filepath.Join(dir, "imagebuilder"), "no clone": t.TempDir()} {
		if at, ok := Time(t.Context(), dir); ok {
			t.Errorf("Time of %s = %v; want none", what, at)
		}
	}
}
