package version_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"duostoryteller/app/version"
)

const repository = "../.."

// TestPrograms asks every program for its version.
func TestPrograms(t *testing.T) {
	const commit = "0123456789ab"
	for _, pkg := range []string{"./app/cmd/storyteller", "./app/cmd/init", "./app/cmd/shell", "./imagebuilder/cmd/imagebuilder"} {
		name := filepath.Base(pkg)
		program := filepath.Join(t.TempDir(), name)
		build := exec.Command("go", "build", "-buildvcs=false", "-ldflags", version.LinkerFlag(commit), "-o", program, pkg)
		build.Dir = repository
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go build %s: %v\n%s", pkg, err, out)
		}
		out, err := exec.Command(program, "--version").CombinedOutput()
		want := name + " " + version.Number + "+" + commit + "\n"
		if version.Card() != "" {
			want = version.Line(name) + "\n"
		}
		if err != nil || string(out) != want {
			t.Errorf("%s --version says %q, %v; want %q", name, out, err, want)
		}
	}
}

func TestCommit(t *testing.T) {
	const hash = "0123456789abcdef0123456789abcdef01234567"
	for _, test := range []struct {
		changed bool
		want    string
	}{{false, "0123456789ab"}, {true, "0123456789ab.changed"}} {
		if got := version.Commit(hash, test.changed); got != test.want {
			t.Errorf("Commit(%q, %v) = %q; want %q", hash, test.changed, got, test.want)
		}
	}
	if got := version.Of(""); got != version.Number {
		t.Errorf("without a commit the version is %q; want %q", got, version.Number)
	}
}

// TestChangelog holds the newest entry against the number.
func TestChangelog(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	heading := regexp.MustCompile(`(?m)^## (\S+)`).FindStringSubmatch(string(text))
	if heading == nil || strings.Trim(heading[1], "[]") != version.Number {
		t.Errorf("the newest entry of CHANGELOG.md is %q; the programs say %s", heading, version.Number)
	}
}
