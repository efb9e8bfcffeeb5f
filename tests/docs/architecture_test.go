package docs

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPaths wants every path that the documents name to be there.
func TestPaths(t *testing.T) {
	named := regexp.MustCompile("`((?:app|imagebuilder|board|tests|overlay|buildroot-external)/[^` ]*)`")
	for _, name := range []string{"ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"} {
		paths := named.FindAllStringSubmatch(read(t, name), -1)
		if len(paths) == 0 {
			t.Errorf("%s names no path", name)
		}
		for _, m := range paths {
			if strings.Contains(m[1], "NAME") {
				continue // of a board to be made
			}
			if there, err := filepath.Glob(filepath.Join(repository, m[1])); err != nil || len(there) == 0 {
				t.Errorf("%s names %s, which is not there", name, m[1])
			}
		}
	}
}

// TestImports holds the packages to the rules of ARCHITECTURE.md.
func TestImports(t *testing.T) {
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = repository
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "duostoryteller/"
	seen := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], module)
		var ours []string
		for _, i := range fields[1:] {
			if strings.HasPrefix(i, module) {
				ours = append(ours, strings.TrimPrefix(i, module))
			}
		}
		seen += len(ours)
		within := func(folder string) bool {
			return slices.ContainsFunc(ours, func(i string) bool { return strings.HasPrefix(i, folder) })
		}
		if strings.HasPrefix(name, "app/") && within("imagebuilder/") {
			t.Errorf("%s imports a package of imagebuilder/: %q", name, ours)
		}
		if !strings.HasPrefix(name, "tests/") && within("tests/") {
			t.Errorf("%s imports a package of tests/: %q", name, ours)
		}
		if within("app/cmd/") || within("imagebuilder/cmd/") {
			t.Errorf("%s imports a command's package: %q", name, ours)
		}
		allowed := map[string][]string{"app/llama": {"app/arith", "app/memory"}, "app/story": {"app/llama", "app/avoid"}}[name]
		for _, i := range ours {
			if allowed != nil && !slices.Contains(allowed, i) {
				t.Errorf("%s imports %s; it may import %q", name, i, allowed)
			}
		}
	}
	if seen == 0 {
		t.Error("go list names no import of ours")
	}
}
