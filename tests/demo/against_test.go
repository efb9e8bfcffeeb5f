package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/demo"
	"duostoryteller/imagebuilder/fetch"
	"duostoryteller/tests/browser"
)

// TestAgainstRunC measures the demo's speed beside that of run.c, compiled for WebAssembly,
// in the same browser, in turns: make bench-demo. It asserts no speed, and no texts: with
// -Ofast run.c's sums are others.
func TestAgainstRunC(t *testing.T) {
	program := os.Getenv("STORYTELLER_RUN_WASM")
	if program == "" {
		t.Skip("measures, with a build of run.c: make bench-demo RUN=run.wasm")
	}
	runs, err := strconv.Atoi(os.Getenv("STORYTELLER_RUNS"))
	if err != nil {
		runs = 10
	}
	b := browser.New(t, 1000, 800, false)
	b.Patience = 2 * time.Minute // beside other work
	files := map[string]string{"run.wasm": program, "wasi.js": "testdata/wasi.js",
		"stories15M.bin": os.Getenv("STORYTELLER_MODEL"), "tokenizer.bin": os.Getenv("STORYTELLER_TOKENIZER")}
	var o demo.Options
	for i, name := range []string{"stories15M.bin", "tokenizer.bin"} {
		sum, size, err := fetch.Sum(files[name])
		if err != nil {
			t.Fatal(err)
		}
		o.Large[i] = board.File{File: name, URL: "https://example.org/" + name, SHA256: sum, Size: size}
	}
	dir := makeDemo(t, o)
	folder := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if file := files[strings.TrimPrefix(r.URL.Path, "/")]; file != "" {
			http.ServeFile(w, r, file)
			return
		}
		folder.ServeHTTP(w, r)
	}))
	defer server.Close()
	b.Open(server.URL)
	for _, name := range []string{"stories15M.bin", "tokenizer.bin"} {
		b.Eval("fetch('"+name+"').then((a) => a.blob()).then((blob) => { "+drop("new File([blob], '"+name+"')")+" })", nil)
	}
	b.Wait("document.getElementById('large').offsetParent")

	var ours, theirs []float64
	same := 0
	for i := range runs {
		// The contest's options, but that each story is another one.
		told := request{Prompt: "", Temperature: 1, TopP: 0.9, Seed: uint64(i + 1), Steps: 256}
		text, speed := runC(t, b, "stories15M.bin", "-z", "tokenizer.bin", "-t", "1", "-p", "0.9", "-n", "256", "-s", fmt.Sprint(told.Seed))
		theirs = append(theirs, speed)
		if ask(b, told)+"\n" == text {
			same++
		}
		b.Eval("board.ask('/status').then((a) => a.json()).then((s) => { window.measured = [story.id, s.tokensPerSecond]; })", nil)
		b.Wait("window.measured && measured[0] === story.id")
		b.Eval("return measured[1]", &speed)
		ours = append(ours, speed)
		t.Logf("run.c %.1f, demo %.1f tokens a second", theirs[i], ours[i])
	}
	// A pair of neighbours has had the same of what else the machine does.
	var times []float64
	for i := range runs {
		times = append(times, ours[i]/theirs[i])
	}
	middle := func(v []float64) float64 {
		slices.Sort(v)
		return v[len(v)/2]
	}
	t.Logf("medians of %d: run.c %.1f, demo %.1f tokens a second; of the pairs, the demo is %.2f times as fast; %d of the texts are run.c's",
		runs, middle(theirs), middle(ours), middle(times), same)
}

// runC tells a story by run.wasm in a worker, and returns it with the tokens a second.
func runC(t *testing.T, b *browser.Browser, args ...string) (text string, speed float64) {
	t.Helper()
	list, err := json.Marshal(append([]string{"run"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	b.Eval(`window.ran = null; (async () => {
	const read = async (name) => (await fetch(name)).arrayBuffer();
	const files = {"stories15M.bin": await read("stories15M.bin"), "tokenizer.bin": await read("tokenizer.bin")};
	const w = new Worker("wasi.js");
	w.onmessage = ({ data }) => { if ("wrong" in data) { window.ran = data; w.terminate(); } };
	w.postMessage({ program: await read("run.wasm"), args: `+string(list)+`, files });
})()`, nil)
	b.Wait("ran")
	var ran struct{ Text, Notes, Wrong string }
	b.Eval("return ran", &ran)
	if m := achieved.FindStringSubmatch(ran.Notes); m != nil {
		speed, err = strconv.ParseFloat(m[1], 64)
	}
	if speed == 0 || err != nil {
		t.Fatalf("run.wasm says %q %s", ran.Notes, ran.Wrong)
	}
	return ran.Text, speed
}

var achieved = regexp.MustCompile(`achieved tok/s: ([0-9.]+)`)
