package web

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duostoryteller/tests/browser"
)

// TestAccessible goes through a whole story as somebody does who hears the page and
// has a keyboard: everything that can be reached has a name, the parts have headings,
// nothing moves that was asked not to, and the sentences are announced when whole.
func TestAccessible(t *testing.T) {
	server := newTestServer(t, Options{Voice: hum{}, Suites: report(""), Engines: []Engine{{Name: "exact", Teller: newTeller(t, tale, 0)}, {Name: "fast", Teller: newTeller(t, tale, 0)}}})
	b := browser.New(t, 640, 500, false) // as 1280 x 1000 at 200 %
	b.StillMotion()
	named := func(when string) {
		t.Helper()
		controls := 0
		for _, n := range b.Accessible() {
			if !n.Focusable || n.Role == "RootWebArea" {
				continue
			}
			controls++
			if strings.TrimSpace(n.Name) == "" {
				t.Errorf("%s: a %s without a name", when, n.Role)
			}
		}
		if controls < 5 {
			t.Errorf("%s: %d controls; want those of the page", when, controls)
		}
	}
	for _, language := range everyLanguage(t) {
		b.Open(server.URL + "/?lang=" + language)
		var lang string
		b.Eval("return document.documentElement.lang + ' ' + document.getElementById('text').lang", &lang)
		if !strings.HasPrefix(lang, language) || !strings.HasSuffix(lang, " en") {
			t.Errorf("%s: the page and its story are in %q", language, lang)
		}
		named(language)
	}
	b.Open(server.URL)
	b.Click("#aloud") // a screen reader reads
	b.Click("[name=hero][value=bear]")
	b.Wait("document.getElementById('prompt').value.includes('bear')")
	named("a hero picked")
	var ids []string
	b.Eval(`document.getElementById("prompt").focus(); return []`, &ids)
	// Tab goes through every control once, in the order of the page, as far as the button.
	at := ""
	for range 25 {
		b.Keys("\ue004")
		b.Eval("return document.activeElement.id || document.activeElement.name || document.activeElement.tagName", &at)
		if slices.Contains(ids, at) {
			t.Errorf("Tab comes to %s twice: %q", at, ids)
		}
		if ids = append(ids, at); at == "tell" {
			break
		}
	}
	if at != "tell" {
		t.Fatalf("Tab never comes to the button, but to %q", ids)
	}
	b.Keys("\ue007")
	b.Wait("!document.getElementById('ending').hidden")
	named("a story told")
	var said struct {
		Live      string
		Busy      bool
		Moving    int
		Headings  []int
		Sentences int
	}
	b.Eval(`return {
		Live: document.getElementById("text").getAttribute("aria-live"), Busy: document.getElementById("story").hasAttribute("aria-busy"),
		Moving: document.getAnimations().filter(a => a.playState == "running").length,
		Headings: [...document.querySelectorAll("h1, h2, h3")].filter(h => h.offsetParent).map(h => Number(h.tagName[1])),
		Sentences: document.querySelectorAll("#text span:not(.tail)").length }`, &said)
	if said.Live != "polite" || said.Busy || said.Moving != 0 || said.Sentences == 0 {
		t.Errorf("when told: %+v; want it announced politely, at rest", said)
	}
	for i, level := range said.Headings {
		if i == 0 && level != 1 || i > 0 && level > said.Headings[i-1]+1 {
			t.Errorf("the headings' levels are %v; want one h1 first, none left out", said.Headings)
		}
	}
	var wide []string
	if b.Eval(fits, &wide); len(wide) > 0 {
		t.Errorf("at 200 %%: %q", wide)
	}
}

// TestStartHere opens the help as the board serves it, and as a file.
func TestStartHere(t *testing.T) {
	server := newTestServer(t, Options{Engines: one(newTeller(t, "x", 0))})
	response, err := http.Get(server.URL + "/start-here")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if policy := response.Header.Get("Content-Security-Policy"); response.StatusCode != http.StatusOK || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("GET /start-here = %s with the policy %q", response.Status, policy)
	}
	file := filepath.Join(t.TempDir(), "START-HERE.html")
	if err := os.WriteFile(file, []byte(asset(t, "start-here.html")), 0o644); err != nil {
		t.Fatal(err)
	}
	b := browser.New(t, 390, 800, false)
	b.Resize(390, 800)
	for _, address := range []string{server.URL + "/start-here", "file://" + file} {
		b.Open(address)
		var page struct {
			Wide      bool
			Width     float64
			Languages []string
		}
		b.Eval(`return { Wide: document.documentElement.scrollWidth > innerWidth, Width: document.querySelector("h1").getBoundingClientRect().left,
			Languages: [...document.querySelectorAll("section")].map(s => s.id) }`, &page)
		// Its styles are there: the text does not begin at the edge of the window.
		if page.Wide || page.Width < 10 || !slices.Equal(page.Languages, []string{"en", "zh", "ja", "de"}) {
			t.Errorf("%s: %+v", address, page)
		}
	}
	if dir := os.Getenv("STORYTELLER_SCREENSHOTS"); dir != "" {
		b.Screenshot(filepath.Join(dir, "start-here.png"))
	}
	if lines := b.Complaints(); lines != nil {
		t.Errorf("the browser complains: %q", fmt.Sprint(lines))
	}
}
