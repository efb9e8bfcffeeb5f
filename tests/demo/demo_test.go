// Package demo opens the storyteller for a browser (make demo) in Chromium.
package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"duostoryteller/app/llama"
	"duostoryteller/app/llama/builtin"
	"duostoryteller/app/verify"
	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/demo"
	"duostoryteller/imagebuilder/fetch"
	"duostoryteller/tests/browser"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/testmodel"
)

// maxPage is what a visitor may have to load before the model, in bytes, without any
// compression by the server.
const maxPage = 3_000_000

// cases is how many reference stories of a model are told.
const cases = 4

// TestDemo visits as somebody does: tells stories, drops files on the page, and comes
// again without a network.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("a visit takes half a minute: not with -short")
	}
	b := browser.New(t, 1000, 800, false)

	// The large model is another small one here.
	large := testmodel.Models()[1]
	checkpoint, tokenizer, err := large.Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"stories15M.bin": checkpoint, "tokenizer.bin": tokenizer}
	o := demo.Options{Source: "../..", Into: filepath.Join(t.TempDir(), "demo")}
	for i, name := range []string{"stories15M.bin", "tokenizer.bin"} {
		sum, size, err := fetch.Sum(files[name])
		if err != nil {
			t.Fatal(err)
		}
		o.Large[i] = board.File{File: name, URL: "https://example.org/" + name, SHA256: sum, Size: size}
	}
	size, err := demo.Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if size.Page > maxPage {
		t.Errorf("the page has %d bytes before the model; want at most %d", size.Page, maxPage)
	}
	t.Logf("the page has %d bytes, the model %d", size.Page, size.Model)

	var mu sync.Mutex
	var asked []string
	folder := http.FileServer(http.Dir(o.Into))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, ok := strings.CutPrefix(r.URL.Path, "/downloads/"); ok {
			http.ServeFile(w, r, files[name])
			return
		}
		mu.Lock()
		asked = append(asked, r.Method+" "+r.RequestURI)
		mu.Unlock()
		http.StripPrefix("/somewhere", folder).ServeHTTP(w, r)
	}))
	defer server.Close()
	begin := server.URL + "/somewhere/"

	b.Open(begin)
	b.Press("#prompt", "Once upon a time")
	b.Click("summary")
	b.Press("#seed", "4711")
	b.Click("#tell")
	b.Wait(ended)
	told := request{Prompt: "Once upon a time", Temperature: 1, TopP: 0.9, Seed: 4711, Steps: 256}
	if got, want := shown(b), tellSmall(t, told); got != want {
		t.Errorf("the page tells %q; want %q", got, want)
	}
	for seed := range uint64(cases) {
		told := request{Prompt: []string{"", "Lily"}[seed%2], Temperature: 0.9, TopP: 0.9, Seed: seed + 1, Steps: 120}
		if got, want := ask(b, told), tellSmall(t, told); got != want {
			t.Errorf("%+v: the page tells %q; want %q", told, got, want)
		}
	}

	// A story that is stopped.
	b.Eval("document.getElementById('seed').value = ''", nil)
	b.Click("#tell")
	b.Wait(storyText + ".length > 20")
	b.Eval("document.getElementById('stop').click()", nil)
	b.Wait(ended)

	// Files that are wrong: by size, and by content.
	b.Eval(drop("new File(['a film'], 'film.mp4')"), nil)
	b.Wait(modelStatus + ".includes('film.mp4')")
	b.Eval(drop(fmt.Sprintf("new File([new Uint8Array(%d)], 'stories15M.bin')", o.Large[0].Size)), nil)
	b.Wait(modelStatus + " === 'Neither stories15M.bin nor tokenizer.bin, or damaged: stories15M.bin'")

	// The right ones, one after the other; with the network gone before the stories, and
	// for the next visit.
	dropFetched := func(name string) {
		t.Helper()
		b.Eval("fetch('/downloads/"+name+"').then((a) => a.blob()).then((blob) => { "+drop("new File([blob], 'any name')")+" })", nil)
	}
	dropFetched("stories15M.bin")
	b.Wait(modelStatus + ".endsWith('missing: tokenizer.bin')")
	dropFetched("tokenizer.bin")
	b.Wait(modelStatus + ".includes('stories15M tells from now on')")
	b.Wait("navigator.serviceWorker.controller")
	server.CloseClientConnections()
	server.Close()
	for _, visit := range []string{"first", "second"} {
		for _, c := range suite(t, large.Name) {
			texts, err := c.Texts()
			if err != nil {
				t.Fatal(err)
			}
			told := request{c.Prompt, float32(c.Temperature), float32(c.TopP), uint64(c.Seed), c.Steps}
			if got := ask(b, told); got != strings.ToValidUTF8(string(texts[0]), "\ufffd") {
				t.Errorf("%s visit, %+v: the page tells %q; want %q", visit, told, got, texts[0])
			}
		}
		b.Reload()
		b.Wait("document.getElementById('large').offsetParent")
	}
	// Another page of it, never opened before, and the model given back.
	b.Open(begin + "de.html")
	b.Click("#forget")
	b.Wait("document.getElementById('small').offsetParent && !document.getElementById('getModel').hidden")
	if got, want := ask(b, told), tellSmall(t, told); got != want {
		t.Errorf("without a network the page tells %q; want %q", got, want)
	}
	if lines := b.Complaints(); len(lines) > 0 {
		t.Errorf("the browser complains: %q", lines)
	}

	// Nothing was asked of the server but files.
	mu.Lock()
	defer mu.Unlock()
	for _, a := range asked {
		name, ok := strings.CutPrefix(a, "GET /somewhere/")
		if _, err := os.Stat(filepath.Join(o.Into, name)); !ok || err != nil {
			t.Errorf("the page asked the server for %q", a)
		}
	}
	if !slices.Contains(asked, "GET /somewhere/"+demo.Program) {
		t.Errorf("the page asked the server for %q", asked)
	}
}

// TestLargeFails: a large model that cannot be opened is said, and leaves the small one, at
// the next visit, too.
func TestLargeFails(t *testing.T) {
	if testing.Short() {
		t.Skip("a visit takes seconds: not with -short")
	}
	b := browser.New(t, 1000, 800, false)
	var o demo.Options
	for i, name := range []string{"stories15M.bin", "tokenizer.bin"} {
		text := strings.Repeat(name, 100)
		o.Large[i] = board.File{File: name, Size: int64(len(text)), SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(text)))}
	}
	server := httptest.NewServer(http.FileServer(http.Dir(makeDemo(t, o))))
	defer server.Close()
	b.Open(server.URL)
	for _, f := range o.Large {
		b.Eval(drop("new File(['"+f.File+"'.repeat(100)], '"+f.File+"')"), nil)
		b.Wait("!" + modelStatus + ".startsWith('Reading')")
	}
	if got, want := b.Text("#modelStatus"), "The storyteller cannot work in this browser: checkpoint: "; !strings.HasPrefix(got, want) {
		t.Errorf("the page says %q; want %q and why", got, want)
	}
	b.Reload()
	told := request{Prompt: "Lily", Temperature: 0.9, TopP: 0.9, Seed: 5, Steps: 60}
	if got, want := ask(b, told), tellSmall(t, told); got != want {
		t.Errorf("the page tells %q; want %q", got, want)
	}
}

// What the page shows.
const (
	storyText   = `document.getElementById('text').textContent`
	modelStatus = `document.getElementById('modelStatus').textContent`
	ended       = `!document.getElementById('ending').hidden`
)

func shown(b *browser.Browser) (text string) {
	b.Eval("return "+storyText, &text)
	return text
}

// request is what the page asks for.
type request struct {
	Prompt      string  `json:"prompt"`
	Temperature float32 `json:"temperature"`
	TopP        float32 `json:"topp"`
	Seed        uint64  `json:"seed"`
	Steps       int     `json:"steps"`
}

// ask has the page tell what its form cannot ask for, too.
func ask(b *browser.Browser, r request) string {
	text, err := json.Marshal(r)
	if err != nil {
		return err.Error()
	}
	b.Eval("window.before = story && story.id; tell("+string(text)+")", nil)
	b.Wait("story && story.id !== before && story.ended")
	return shown(b)
}

// drop is the script that drops a file on the page.
func drop(file string) string {
	return "const d = new DataTransfer(); d.items.add(" + file + "); document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: d, bubbles: true, cancelable: true }));"
}

// suite returns reference stories of run.c.
func suite(t *testing.T, model string) (some []golden.Case) {
	t.Helper()
	all, err := golden.Read("../testmodel/golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Model == model && len(some) < cases && c.Temperature >= 0 && c.TopP >= 0 && c.TopP <= 1 { // as a page can ask
			some = append(some, c)
		}
	}
	if len(some) == 0 {
		t.Fatalf("no reference stories of %s", model)
	}
	return some
}

// tellSmall tells by the built-in model as run.c does, on this machine.
func tellSmall(t *testing.T, r request) string {
	t.Helper()
	checkpoint, tokenizer, err := builtin.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := llama.OpenCheckpoint(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	words, err := llama.OpenTokenizer(tokenizer, c.VocabSize)
	if err != nil {
		t.Fatal(err)
	}
	asked := verify.Case{Prompt: r.Prompt, Temperature: float64(r.Temperature), TopP: float64(r.TopP), Seed: int64(r.Seed), Steps: r.Steps}
	told, err := verify.Record(t.Context(), llama.NewPlain(c, llama.Strict), words, []verify.Case{asked}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := hex.DecodeString(told[0].TextHex)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
