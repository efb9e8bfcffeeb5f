package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tested is a package with a test of every outcome.
const tested = `package tested

import "testing"

func TestPasses(t *testing.T) { t.Log("of no interest") }
func TestSkips(t *testing.T)  { t.Log("first"); t.Skipf("no %s here:\nget one", "tool") }
func TestParts(t *testing.T) {
	t.Run("one", func(t *testing.T) { t.Skip("no tool here: get one") })
	t.Run("two", func(t *testing.T) { t.Parallel(); WRONG })
}
`

// follows runs the tests of a package as run does, and as go test does.
func follows(t *testing.T, source string) (sum summary, out, plain string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module duostoryteller\n\ngo 1.24\n", "inner/x_test.go": source, "none/x.go": "package none\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	test := func(args ...string) string {
		cmd := exec.Command("go", append([]string{"test"}, args...)...)
		cmd.Dir = dir
		var both bytes.Buffer
		cmd.Stdout, cmd.Stderr = &both, &both
		cmd.Run() // how it ends is in its output
		return both.String()
	}
	var followed strings.Builder
	sum, err := follow(strings.NewReader(test("-json", "./...")), &followed)
	if err != nil {
		t.Fatal(err)
	}
	times := regexp.MustCompile(`\d+\.\d+s`)
	return sum, times.ReplaceAllString(followed.String(), "T"), times.ReplaceAllString(test("./..."), "T")
}

// TestSummary wants the tests that failed named once more, with what they said, and
// those that took long.
func TestSummary(t *testing.T) {
	for _, tt := range []struct{ name, body, test, said string }{
		{"a failure", `t.Log("a"); t.Error("bad luck")`, "TestParts/two", "x_test.go:9: bad luck"},
		{"a panic", `t.Log("before"); panic("no way out")`, "TestParts/two", "x_test.go:9: before"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sum, _, _ := follows(t, strings.Replace(tested, "WRONG", tt.body, 1))
			var out strings.Builder
			listFailures(&out, sum.failures)
			for _, want := range []string{"FAILED:\n", "  inner " + tt.test + "\n", "      " + tt.said + "\n"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in %q", want, out.String())
				}
			}
		})
	}
	var out strings.Builder
	listFailures(&out, nil)
	listSlow(&out, []duration{{"a", "TestQuick", 59}, {"b", "TestSlow", 75.4}, {"c", "TestSlower", 200}})
	if want := "\nthe longest tests:\n    200 s  c TestSlower\n     75 s  b TestSlow\n"; out.String() != want {
		t.Errorf("%q; want %q", out.String(), want)
	}
}

func TestFollow(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       []string // in the output; what go test prints must all be there
	}{
		{"all well", `_ = 0`, []string{"ok  \tduostoryteller/inner\t", "?   \tduostoryteller/none\t[no test files]\n"}},
		{"a failure", `t.Error("bad luck")`, []string{"bad luck\n", "--- FAIL: TestParts (T)\n", "FAIL\tduostoryteller/inner\t"}},
		{"a panic", `panic("no way out")`, []string{"no way out", "FAIL\tduostoryteller/inner\t"}},
		{"not Go", `this is none`, []string{"expected ';'", "FAIL\tduostoryteller/inner [setup failed]\n"}},
		{"an unknown name", `unknown()`, []string{"undefined: unknown", "FAIL\tduostoryteller/inner [build failed]\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sum, out, plain := follows(t, strings.Replace(tested, "WRONG", tt.body, 1))
			for _, want := range tt.want {
				if !strings.Contains(out, want) || !strings.Contains(plain, want) {
					t.Errorf("%q is not printed:\n%s\ngo test prints:\n%s", want, out, plain)
				}
			}
			for _, not := range []string{"of no interest", "=== RUN", "PASS\n", "{"} {
				if tt.name == "all well" && strings.Contains(out, not) {
					t.Errorf("%q is printed:\n%s", not, out)
				}
			}
			if tt.name != "all well" && tt.name != "a failure" {
				return
			}
			want := []skip{{"inner", "TestSkips", "no tool here: get one"}, {"inner", "TestParts/one", "no tool here: get one"}}
			if len(sum.skips) != 2 || sum.skips[0] != want[0] || sum.skips[1] != want[1] {
				t.Errorf("sum.skips %q; want %q", sum.skips, want)
			}
		})
	}
}

func TestList(t *testing.T) {
	path := filepath.Join(t.TempDir(), "skips.txt")
	if err := os.WriteFile(path, []byte("# why\n\napp/x TestA: no data\n.*: needs root\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	expected, err := readExpected(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	n := list(&out, []skip{
		{"app/x", "TestA", "no data in DIR"},
		{"app/x", "TestB", "no data in DIR"},
		{"app/y", "TestC/part", "needs root"},
		{"deep/app/x", "TestA", "no data"},
	}, expected)
	const want = `
skipped, as expected: 2 tests
  no data in DIR
      app/x TestA
  needs root
      app/y TestC/part

SKIPPED, NOT EXPECTED: 2 tests
  no data in DIR
      app/x TestB
  no data
      deep/app/x TestA
`
	if n != 2 || out.String() != want {
		t.Errorf("list() = %d, %s; want 2, %s", n, &out, want)
	}
	if err := os.WriteFile(path, []byte("fine\n(\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readExpected(path); err == nil || !strings.Contains(err.Error(), path+":2: ") {
		t.Errorf("a list that is none: %v; want its line", err)
	}
	if _, err := readExpected("skips.txt"); err != nil {
		t.Errorf("the list of this project: %v", err)
	}
}

// Strict is what a skip that is not expected ends with.
func TestStrict(t *testing.T) {
	dir := t.TempDir()
	none := filepath.Join(dir, "none.txt")
	if err := os.WriteFile(none, []byte("# none\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"-run", "^TestSkipsAlways$", "."}
	t.Setenv(skipsAlways, "1")
	if err := run(t.Context(), io.Discard, none, false, args); err != nil {
		t.Errorf("not strict: %v", err)
	}
	if err := run(t.Context(), io.Discard, none, true, args); err == nil || !strings.Contains(err.Error(), "1 tests were skipped") {
		t.Errorf("strict: %v; want it failed", err)
	}
	if err := run(t.Context(), io.Discard, none, false, []string{"./does-not-exist"}); err == nil {
		t.Error("no package: no failure")
	}
}

const skipsAlways = "STORYTELLER_SKIPS_ALWAYS"

// TestSkipsAlways is a test that TestStrict runs.
func TestSkipsAlways(t *testing.T) {
	if os.Getenv(skipsAlways) != "" {
		t.Skip("as it was asked to")
	}
}
