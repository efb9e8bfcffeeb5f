// Package container holds the Containerfile against the repository and the readme. Building
// it takes ten minutes and gigabytes of Debian's packages, which no test does.
package container

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const repository = "../.."

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, name))
	check(t, err)
	return string(text)
}

// instructions returns what the Containerfile says, in order: "FROM debian:stable".
func instructions(t *testing.T) (all []string) {
	t.Helper()
	for line := range strings.Lines(strings.ReplaceAll(read(t, "Containerfile"), "\\\n", " ")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}

// of returns the arguments of each instruction of a kind.
func of(all []string, kind string) (arguments []string) {
	for _, line := range all {
		if rest, ok := strings.CutPrefix(line, kind+" "); ok {
			arguments = append(arguments, rest)
		}
	}
	return arguments
}

// TestSources copies what the Containerfile copies, and wants that to be all that its
// steps read: the builder's packages with the files in them, and the Makefile's target.
func TestSources(t *testing.T) {
	all := instructions(t)
	dir := t.TempDir()
	for _, line := range of(all, "COPY") {
		fields := strings.Fields(line)
		from, to := fields[:len(fields)-1], fields[len(fields)-1]
		for _, name := range from {
			target := filepath.Join(dir, to)
			if to == "./" {
				target = filepath.Join(dir, name)
			}
			if info, err := os.Stat(filepath.Join(repository, name)); err != nil {
				t.Errorf("COPY %s: %v", line, err)
			} else if info.IsDir() {
				check(t, os.CopyFS(target, os.DirFS(filepath.Join(repository, name))))
			} else {
				check(t, os.WriteFile(target, []byte(read(t, name)), 0o644))
			}
		}
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%q with what is copied: %v: %s", args, err, out)
		}
		return string(out)
	}
	run("go", "list", "-deps", "./imagebuilder/cmd/imagebuilder")
	commands := run("make", "-n", "deps")
	for _, want := range []string{"go mod download", "imagebuilder download"} {
		if !strings.Contains(commands, want) {
			t.Errorf("make deps has no %q:\n%s", want, commands)
		}
	}
	// The builder reads these while it downloads.
	for _, name := range []string{"imagebuilder/inputs.lock", "board/milkv-duo/board.toml", "board/qemu-virt/board.toml"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("not copied: %v", err)
		}
	}
}

// TestSteps wants Debian stable with what `make deps` needs, and make deps.
func TestSteps(t *testing.T) {
	all := instructions(t)
	if got := of(all, "FROM"); !slices.Equal(got, []string{"debian:stable"}) || all[0] != "FROM debian:stable" {
		t.Errorf("FROM %q; want debian:stable and nothing else", got)
	}
	runs := of(all, "RUN")
	if len(runs) != 3 || !strings.HasSuffix(runs[0], "--no-install-recommends ca-certificates git golang-go make") || runs[2] != "make deps $INPUTS" {
		t.Errorf("RUN %q; want the packages that make deps itself needs, git's setting, make deps", runs)
	}
	for _, line := range runs {
		if out, err := exec.Command("sh", "-n", "-c", line).CombinedOutput(); err != nil {
			t.Errorf("RUN %s: %v: %s", line, err, out)
		}
	}
	// make deps asks these lists; without them it would leave packages out.
	if regexp.MustCompile(`rm .*(apt/lists)|apt-get clean`).MatchString(strings.Join(runs, "\n")) {
		t.Error("the lists of packages are removed")
	}
	last := slices.Index(all, "RUN make deps $INPUTS")
	for i, line := range all {
		if i < last && strings.HasPrefix(line, "VOLUME") {
			t.Errorf("%s comes before make deps, whose downloads would be lost", line)
		}
	}
}

// TestReadme wants the line of the readme, in both languages, to mount the clone and the
// cache where the Containerfile has them.
func TestReadme(t *testing.T) {
	all := instructions(t)
	workdir := of(all, "WORKDIR")
	cache := regexp.MustCompile(`STORYTELLER_CACHE=(\S+)`).FindStringSubmatch(strings.Join(of(all, "ENV"), " "))
	if len(workdir) != 1 || cache == nil || !slices.Equal(of(all, "VOLUME"), cache[1:]) {
		t.Fatalf("WORKDIR %q, STORYTELLER_CACHE %q, VOLUME %q", workdir, cache, of(all, "VOLUME"))
	}
	if !strings.Contains(strings.Join(of(all, "RUN"), "\n"), "safe.directory "+workdir[0]) {
		t.Errorf("git refuses to name the version of a clone in %s that is somebody else's", workdir[0])
	}
	line := `podman build -t storyteller . && podman run --rm -v "$PWD:` + workdir[0] + `:z" -v storyteller-cache:` + cache[1] + ` storyteller make image`
	for _, name := range []string{"README.md", "README.zh.md"} {
		if !strings.Contains(read(t, name), "\n    "+line+"\n") {
			t.Errorf("%s lacks the line\n%s", name, line)
		}
	}
}
