package demo

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duostoryteller/imagebuilder/demo"
	"duostoryteller/tests/browser"
)

// testPage runs the tests of a package.
const testPage = `<!doctype html>
<title>tests</title>
<link rel="icon" href="data:,">
<script src="wasm_exec.js"></script>
<script src="start.js"></script>
<script>
const lines = [];
const log = console.log;
console.log = (text) => { lines.push(text); log(text); };
let over = false;
fetch("arith.test").then((answer) => answer.arrayBuffer())
  .then((program) => start(program, "-test.v", "-test.short", "-test.run=^Test(Sets|Empty|BoundRows.*|FMA|Select|Segments)$"))
  .then((it) => it.ended)
  .catch((e) => lines.push(String(e)))
  .finally(() => { over = true; });
</script>
`

// TestKernels runs the tests of package arith in the browser: with vectors, which are the
// portable code's equal to the bit, and where the browser does not know them.
func TestKernels(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles and runs package arith's tests in a browser: not with -short")
	}
	b := browser.New(t, 1000, 800, false)
	b.Patience = 2 * time.Minute
	dir := makeDemo(t, demo.Options{})
	build := exec.Command("go", "test", "-c", "-o", filepath.Join(dir, "arith.test"), "duostoryteller/app/arith")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "tests.html"), []byte(testPage), 0o644); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	for _, known := range []bool{true, false} {
		if !known {
			forgetVectors(t, dir)
		}
		b.Open(server.URL + "/tests.html")
		b.Wait("over")
		var lines []string
		b.Eval("return lines", &lines)
		log := strings.Join(lines, "\n") + "\n"
		if vectors := strings.Contains(log, "--- PASS: TestSets/simd "); vectors != known ||
			!strings.HasSuffix(log, "\nPASS\n") || !strings.Contains(log, "--- PASS: TestSets/generic ") {
			t.Errorf("with vectors %v:\n%s", known, log)
		}
	}
}

// TestWithoutVectors: the same story where the browser does not know them.
func TestWithoutVectors(t *testing.T) {
	if testing.Short() {
		t.Skip("a visit takes seconds: not with -short")
	}
	b := browser.New(t, 1000, 800, false)
	dir := makeDemo(t, demo.Options{})
	forgetVectors(t, dir)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	b.Open(server.URL)
	told := request{Prompt: "Lily", Temperature: 0.9, TopP: 0.9, Seed: 3, Steps: 120}
	if got, want := ask(b, told), tellSmall(t, told); got != want {
		t.Errorf("the page tells %q; want %q", got, want)
	}
	if lines := b.Complaints(); len(lines) > 0 {
		t.Errorf("the browser complains: %q", lines)
	}
}

// makeDemo makes a demo in a new folder, which it returns.
func makeDemo(t *testing.T, o demo.Options) string {
	t.Helper()
	o.Source, o.Into = "../..", filepath.Join(t.TempDir(), "demo")
	if _, err := demo.Make(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return o.Into
}

// forgetVectors makes the kernels a module that no browser knows, as theirs is one for those
// without vectors: it has a section of a kind that there is not.
func forgetVectors(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, demo.Kernels), []byte("\x00asm\x01\x00\x00\x00\xff\x00"), 0o644); err != nil {
		t.Fatal(err)
	}
}
