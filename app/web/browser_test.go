package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"duostoryteller/app/desk"
	"duostoryteller/app/llama"
	"duostoryteller/app/story"
	"duostoryteller/tests/browser"
	"duostoryteller/tests/testmodel"
)

const pictureStory = `, there was a small duck who lived by a quiet pond. Every evening she looked up and said, "Good night, moon!" But the moon never answered.

One day she asked the old owl, "Why does the moon not talk to me?" The owl smiled. "She does," he said. "She talks with light." So the duck sat very still and watched the silver path on the water. It came right up to her feet.

From then on she was never lonely. And when it was cloudy, she told the moon a story instead.`

// story is the text that the page shows as the story.
const storyText = `document.getElementById('text').textContent`

// TestBrowserLeavesNothing opens the page more often than a browser opens connections
// to one board: a page that was left must not hold its stream, and "back" follows again.
func TestBrowserLeavesNothing(t *testing.T) {
	s, err := New(t.Context(), Options{System: fakeSystem(), Engines: one(newTeller(t, tale, 0))})
	if err != nil {
		t.Fatal(err)
	}
	var open, opened atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			opened.Add(1)
			open.Add(1)
			defer open.Add(-1)
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	b := browser.New(t, 1000, 800, false)
	followed := func(times int32) {
		t.Helper()
		for range 600 {
			if opened.Load() == times && open.Load() == 1 {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Fatalf("%d streams opened, %d of them still open; want %d, 1", opened.Load(), open.Load(), times)
	}
	for n := range int32(8) {
		b.Open(server.URL + fmt.Sprint("/?visit=", n))
		followed(n + 1)
	}
	b.Eval("history.back()", nil)
	followed(9)
}

// The whole way: type, hear, stop, reload, listen along.
func TestBrowser(t *testing.T) {
	// The story waits in its middle until it is told to go on.
	var waits atomic.Bool
	waits.Store(true)
	waiting, goOn := make(chan struct{}, 1), make(chan struct{})
	teller := newWaitingTeller(t, tale, func(n int) {
		time.Sleep(5 * time.Millisecond)
		if n == 30 && waits.Load() {
			waiting <- struct{}{}
			<-goOn
		}
	})
	server := newTestServer(t, Options{Voice: hum{}, Engines: one(teller)})
	b := browser.New(t, 1000, 800, false)
	b.Open(server.URL)

	// With the keyboard alone: the second Tab stop is the prompt.
	b.Keys("\ue004", "\ue004") // Tab
	b.Keys(strings.Split(prompt, "")...)
	b.Keys("\ue007") // Enter
	b.Wait(storyText + ".length > 20")
	var focus string
	b.Eval("return document.activeElement.id", &focus)
	if focus != "prompt" && focus != "stop" {
		t.Errorf("focus after asking is at %q; want it kept", focus)
	}

	// A second listener follows the running story from its start.
	window := b.NewWindow()
	b.Open(server.URL)
	b.Wait(storyText + ".length > 20")
	b.Wait("document.getElementById('status').textContent.includes('listening along')")
	b.SwitchTo(window)

	// A reload in mid-story loses nothing.
	b.Reload()
	b.Wait(storyText + ".length > 20")
	<-waiting
	waits.Store(false)
	goOn <- struct{}{}
	b.Wait("!document.getElementById('ending').hidden")
	var shown string
	b.Eval("return "+storyText, &shown)
	if shown != prompt+tale {
		t.Errorf("the page shows %q; want %q", shown, prompt+tale)
	}
	var spans []string
	b.Eval("return [...document.querySelectorAll('#text span')].map(s => s.textContent)", &spans)
	want := wantSentences(prompt + tale)
	for i := range want {
		want[i] = strings.TrimSpace(want[i])
	}
	if !slices.Equal(spans, want) {
		t.Errorf("sentences %q; want %q", spans, want)
	}

	// Again, with the sound counted as it goes to the speaker, and the sentences
	// as they light up.
	b.Eval(`
		window.heard = 0; window.lit = [];
		const start = AudioBufferSourceNode.prototype.start;
		AudioBufferSourceNode.prototype.start = function (...at) { heard += this.buffer.duration; return start.apply(this, at); };
		new MutationObserver(changes => {
			for (const c of changes) if (c.target.classList.contains("speaking")) lit.push(c.target.id);
		}).observe(document.getElementById("text"), { subtree: true, attributeFilter: ["class"] });`, nil)
	b.Wait("document.getElementById('again').offsetParent && document.querySelectorAll('.speaking').length == 0 || (document.getElementById('stop').click(), false)")
	b.Click("#again")
	b.Wait("lit.length >= 2")
	var lit []string
	b.Eval("return lit", &lit)
	if !slices.Equal(lit[:2], []string{"s0", "s1"}) {
		t.Errorf("the sentences spoken are %v; want s0, s1, ...", lit)
	}
	b.Wait("!document.getElementById('ending').hidden")
	var heard float64
	b.Wait(fmt.Sprintf("heard >= %v", seconds(want[0])+seconds(want[1])))
	b.Eval("return heard", &heard)
	if all := seconds(prompt + tale); heard > all+0.01 {
		t.Errorf("%.2f s of sound; the whole story has %.2f", heard, all)
	}

	// Stop, while it reads.
	b.Click("#stop")
	b.Wait("document.querySelectorAll('.speaking').length == 0 && document.getElementById('stop').hidden")

	// Stop, while it tells.
	waits.Store(true)
	b.Click("#tell")
	b.Wait(storyText + ".length > 3 && document.getElementById('ending').hidden")
	<-waiting
	b.Click("#stop")
	goOn <- struct{}{}
	b.Wait("!document.getElementById('ending').hidden")
	if got := b.Text("#ending"); !strings.Contains(got, "stopped") {
		t.Errorf("a stopped story ends with %q", got)
	}

	// A past story from the shelf.
	b.Wait("document.querySelectorAll('#shelf button').length == 3")
	b.Click("#shelf li:last-child button")
	b.Wait(storyText + " == " + strconv.Quote(prompt+tale))

	// A page that comes later shows the last story, silently.
	b.Open(server.URL)
	b.Wait("!document.getElementById('ending').hidden")
	if lines := b.Complaints(); lines != nil {
		t.Errorf("the browser complains: %q", lines)
	}
}

// What a model tells is what the page shows, with all that can be chosen.
func TestBrowserModel(t *testing.T) {
	checkpointPath, tokenizerPath, err := testmodel.Models()[1].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err := llama.OpenCheckpoint(checkpointPath)
	if err != nil {
		t.Fatal(err)
	}
	defer checkpoint.Close()
	engine := llama.NewPlain(checkpoint, llama.Strict)
	tokenizer, err := llama.OpenTokenizer(tokenizerPath, engine.Config().VocabSize)
	if err != nil {
		t.Fatal(err)
	}
	teller := story.NewTeller(engine, tokenizer)
	server := newTestServer(t, Options{Engines: []Engine{{Name: "exact", Teller: newTeller(t, tale, 0)}, {Name: "fast", Teller: teller}}})

	b := browser.New(t, 1000, 800, true)
	b.Open(server.URL)
	b.Click("[name=hero][value=bear]")
	b.Wait("document.getElementById('prompt').value.includes('bear')")
	b.Click("summary")
	b.Press("#temperature", "\ue012\ue012\ue012") // three steps to the left
	b.Press("#topp", "\ue014")                    // one to the right
	b.Press("#seed", "4711")
	b.Press("#steps", "S") // the first with this letter
	b.Press("#engine", "F")
	b.Click("#tell")
	b.Wait("!document.getElementById('ending').hidden")

	told := current(t, teller)
	want := told.Request
	want.Prompt, want.Seed, want.Temperature, want.TopP, want.Steps = "Once upon a time, there was a little bear named Bruno.", 4711, 0.7, 0.95, 96
	if told.Request != want {
		t.Errorf("the page asked for %+v; want %+v", told.Request, want)
	}
	var shown string
	b.Eval("return "+storyText, &shown)
	if text := strings.Join(desk.SoFar(told).Pieces, ""); shown != text || !strings.HasPrefix(text, want.Prompt) {
		t.Errorf("the page shows %q; the model told %q", shown, text)
	}
	if lines := b.Complaints(); lines != nil {
		t.Errorf("the browser complains: %q", lines)
	}
}

// seconds is how long hum takes for a text.
func seconds(text string) float64 { return float64(humSamples(text)) / humRate }

// TestScreenshots makes pictures of the page to look at.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("STORYTELLER_SCREENSHOTS")
	if dir == "" {
		t.Skip("STORYTELLER_SCREENSHOTS=folder makes pictures of the page")
	}
	for _, test := range []struct {
		name          string
		width, height int
		dark          bool
		language      string
	}{
		{"desktop-light", 1280, 900, false, "en"},
		{"desktop-dark", 1280, 900, true, "en"},
		{"phone-light", 390, 844, false, "en"},
		{"phone-dark", 390, 844, true, "en"},
		{"phone-zh", 390, 844, false, "zh"},
		{"phone-ja", 390, 844, false, "ja"},
		{"phone-de", 390, 844, true, "de"},
	} {
		t.Run(test.name, func(t *testing.T) {
			teller := newTeller(t, pictureStory, 15*time.Millisecond)
			server := newTestServer(t, Options{Voice: hum{}, Engines: []Engine{{Name: "exact", Teller: teller}, {Name: "fast", Teller: teller}}})
			b := browser.New(t, 1280, 900, test.dark)
			b.Resize(test.width, test.height)
			b.Open(server.URL + "/?lang=" + test.language)
			b.Wait("document.getElementById('memory').textContent == '13'")
			b.Screenshot(filepath.Join(dir, test.name+"-1-start.png"))
			b.Click("summary")
			b.Press("#prompt", "Once upon a time")
			b.Screenshot(filepath.Join(dir, test.name+"-2-choices.png"))
			b.Click("summary")
			b.Click("#tell")
			b.Wait("document.querySelectorAll('#text span').length > 4 && document.querySelector('.speaking')")
			b.Screenshot(filepath.Join(dir, test.name+"-3-telling.png"))
			b.Wait("!document.getElementById('ending').hidden && !document.getElementById('past').hidden")
			b.Screenshot(filepath.Join(dir, test.name+"-4-end.png"))
		})
	}
}
