package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/avoid"
	"duostoryteller/app/story"
	"duostoryteller/tests/browser"
)

const (
	badTale  = ", there was a mouse. It was small. Then a man with a gun came to its house. It ran."
	goodTale = ", there was a cat. It slept all day. The end."
)

// newAvoidingTeller tells a bad story, then good ones.
func newAvoidingTeller(t testing.TB, pause time.Duration, texts ...string) *story.Teller {
	t.Helper()
	teller := newTellerOf(t, func(int) { time.Sleep(pause) }, texts...)
	l, problems := avoid.Parse("gun")
	if problems != nil {
		t.Fatal(problems)
	}
	teller.Avoid(l)
	return teller
}

// Who listens gets the bad story without its last sentence's end, and then another; what is
// left of the bad one is not read aloud, not listed, and not kept.
func TestAvoid(t *testing.T) {
	dir := t.TempDir()
	server := newTestServer(t, Options{Voice: hum{}, Engines: one(newAvoidingTeller(t, time.Millisecond, badTale, goodTale)), Keep: dir, KeepKB: KeptKB})
	id := begin(t, server.URL)
	h, err := listen(server.URL, "?story="+id, "")
	if err != nil {
		t.Fatal(err)
	}
	if h.text != prompt+", there was a mouse. It was small. Then a man with a " || !h.end.Anew || !h.end.Avoided || len(h.sentences()) != 2 {
		t.Errorf("the bad story: %q, sentences %q, end %+v", h.text, h.sentences(), h.end)
	}
	for n, want := range map[int]int{1: http.StatusOK, 2: http.StatusNotFound} {
		if response, _ := do(t, "GET", fmt.Sprintf("%s/audio/%s/%d.wav", server.URL, id, n), ""); response.StatusCode != want {
			t.Errorf("its sentence %d is %s; want %d", n, response.Status, want)
		}
	}
	var good heard
	for range 500 {
		if good, err = listen(server.URL, "", ""); err != nil {
			t.Fatal(err)
		}
		if good.text == prompt+goodTale {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if good.text != prompt+goodTale || good.story.InPlace != id || good.story.ID == id {
		t.Errorf("in its place: %q, %+v; want the other one, in place of %s", good.text, good.story, id)
	}
	if _, list := do(t, "GET", server.URL+"/stories", ""); strings.Contains(list, id) || !strings.Contains(list, good.story.ID) {
		t.Errorf("the list is %s", list)
	}
	response, text := do(t, "POST", server.URL+"/story", `{"prompt":"The guns","temperature":1}`)
	if response.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(text, "line 1 of avoid.txt") {
		t.Errorf("a beginning with it: %s, %s", response.Status, text)
	}
}

// The page shows and reads the other story, and says so.
func TestBrowserAvoid(t *testing.T) {
	server := newTestServer(t, Options{Voice: hum{}, Engines: one(newAvoidingTeller(t, 20*time.Millisecond, badTale, goodTale, badTale, badTale, badTale, badTale))})
	b := browser.New(t, 1000, 800, false)
	b.Open(server.URL)
	b.Eval(`window.said = []; window.lit = [];
		new MutationObserver(() => said.push(document.getElementById("status").textContent)).observe(document.getElementById("status"), { childList: true });
		new MutationObserver(changes => {
			for (const c of changes) if (c.target.classList.contains("speaking")) lit.push(c.target.textContent);
		}).observe(document.getElementById("text"), { subtree: true, attributeFilter: ["class"] });`, nil)
	b.Press("#prompt", prompt)
	b.Click("#tell")
	b.Wait("!document.getElementById('ending').hidden")
	var shown string
	b.Eval("return "+storyText, &shown)
	if shown != prompt+goodTale {
		t.Errorf("the page shows %q", shown)
	}
	b.Wait("lit.some(s => s.includes('slept')) && document.querySelectorAll('.speaking').length == 0")
	var said, lit []string
	b.Eval("return said", &said)
	b.Eval("return lit", &lit)
	// (Before its answer, what was asked for here looks like somebody else's.)
	if _, all, found := strings.Cut(strings.Join(said, "|"), "was not for children"); !found || strings.Contains(all, "listening along") {
		t.Errorf("the page said %q", said)
	}
	if all := strings.Join(lit, "|"); strings.Contains(all, "man with") || !strings.HasSuffix(all, "The end.") {
		t.Errorf("read aloud was %q", lit)
	}
	// None comes of it.
	b.Click("#tell")
	b.Wait("document.getElementById('ending').textContent.includes('Try another beginning')")
	b.Press("#prompt", " gun")
	b.Click("#tell")
	b.Wait("document.getElementById('status').textContent.includes('Try another beginning')")
	if lines := b.Complaints(); len(lines) != 1 || !strings.Contains(lines[0], "422") { // the browser notes what is refused
		t.Errorf("the browser complains: %q", lines)
	}
}

// A story that has ended before the page hears of it is read aloud all the same.
func TestBrowserQuickStory(t *testing.T) {
	server := newTestServer(t, Options{Voice: hum{}, Engines: one(newTeller(t, goodTale, 0))})
	b := browser.New(t, 1000, 800, false)
	b.Open(server.URL)
	b.Eval(`window.lit = [];
		new MutationObserver(changes => {
			for (const c of changes) if (c.target.classList.contains("speaking")) lit.push(c.target.textContent);
		}).observe(document.getElementById("text"), { subtree: true, attributeFilter: ["class"] });`, nil)
	for range 2 {
		b.Click("#tell")
		b.Wait("lit.includes('The end.') && document.querySelectorAll('.speaking').length == 0")
		b.Eval("lit.length = 0", nil)
	}
	// Somebody else asks for one.
	begin(t, server.URL)
	b.Wait("lit.includes('The end.') && document.querySelectorAll('.speaking').length == 0")
	// What had ended when the page was opened is shown, not read.
	b.Open(server.URL)
	b.Wait("!document.getElementById('ending').hidden")
	var on bool
	b.Eval("return voice.on", &on)
	if on {
		t.Error("a story that had ended long before is read aloud")
	}
	if lines := b.Complaints(); lines != nil {
		t.Errorf("the browser complains: %q", lines)
	}
}
