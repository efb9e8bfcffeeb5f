package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"duostoryteller/tests/browser"
)

func everyLanguage(t *testing.T) []string {
	t.Helper()
	all, err := languages()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"en", "zh", "ja", "de"} {
		if !slices.Contains(all, want) {
			t.Fatalf("there are labels in %v; want %s, too", all, want)
		}
	}
	return all
}

// columns is how wide a text is, about: a Chinese or Japanese sign takes two letters' place.
func columns(text string) (n int) {
	for _, r := range text {
		n++
		if r >= 0x2e80 && !unicode.IsControl(r) {
			n++
		}
	}
	return n
}

// TestTranslations wants every label in every language, once, said in its own words, and
// not much longer than the English one, for which the page has room on a phone.
func TestTranslations(t *testing.T) {
	english, err := readLabels(fallback)
	if err != nil {
		t.Fatal(err)
	}
	same := map[string]bool{"title": true, "firstUnit": true, "chip": true, "chipUnit": true, "speedUnit": true}
	for _, language := range everyLanguage(t) {
		labels, err := readLabels(language)
		if err != nil {
			t.Fatal(err)
		}
		for key, text := range english {
			got := labels[key]
			if strings.TrimSpace(got) == "" {
				t.Errorf("%s: %s is missing", language, key)
			}
			if language != fallback && got == text && !same[key] && columns(text) > 4 {
				t.Errorf("%s: %s is still English: %q", language, key, got)
			}
			if most := max(columns(text)*9/5+8, 16); columns(got) > most {
				t.Errorf("%s: %s is %d columns wide, %q; want at most %d", language, key, columns(got), got, most)
			}
		}
		for key := range labels {
			if _, ok := english[key]; !ok {
				t.Errorf("%s: %s is no label", language, key)
			}
		}
		text := asset(t, "labels/"+language+".json")
		keys := regexp.MustCompile(`(?m)^  "(\w+)":`).FindAllStringSubmatch(text, -1)
		if len(keys) != len(labels) || !json.Valid([]byte(text)) {
			t.Errorf("%s: %d lines for %d labels: one label a line, each once", language, len(keys), len(labels))
		}
	}
}

func TestPreferred(t *testing.T) {
	all := everyLanguage(t)
	for _, test := range []struct{ path, header, want string }{
		{"/", "", "en"},
		{"/", "de", "de"},
		{"/", "de-CH, en;q=0.8", "de"},
		{"/", "fr, ja;q=0.5, de;q=0.7", "de"},
		{"/", "fr-FR,fr;q=0.9", "en"},
		{"/", "zh-CN,zh;q=0.9,en;q=0.8", "zh"},
		{"/", "ZH-Hant-TW", "zh"},
		{"/", "de;q=0, ja;q=0.1", "ja"},
		{"/", "de;q=x,;;,", "en"},
		{"/?lang=ja", "de", "ja"},
		{"/?lang=../en", "de", "de"},
	} {
		r := httptest.NewRequest("GET", test.path, nil)
		r.Header.Set("Accept-Language", test.header)
		if got := preferred(r, all); got != test.want {
			t.Errorf("preferred(%s, %q) = %s; want %s", test.path, test.header, got, test.want)
		}
	}
}

func FuzzPreferred(f *testing.F) {
	f.Add("zh-CN,zh;q=0.9,en;q=0.8", "de")
	f.Fuzz(func(t *testing.T, header, asked string) {
		r := &http.Request{Header: http.Header{"Accept-Language": {header}}, URL: httptest.NewRequest("GET", "/", nil).URL}
		r.URL.RawQuery = "lang=" + asked
		if all := []string{"en", "de"}; !slices.Contains(all, preferred(r, all)) {
			t.Errorf("preferred(%q, %q) is not among %v", header, asked, all)
		}
	})
}

func TestPageLanguage(t *testing.T) {
	server := newTestServer(t, Options{Engines: one(newTeller(t, "x", 0))})
	for language, want := range map[string]string{"de": "Erzähl mir was", "zh": "讲个故事", "fr": "Tell me a story"} {
		request, err := http.NewRequest("GET", server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept-Language", language)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		page := make([]byte, maxPage)
		n, _ := response.Body.Read(page)
		for m := n; m > 0; n += m {
			m, _ = response.Body.Read(page[n:])
		}
		if !strings.Contains(string(page[:n]), want) || response.Header.Get("Vary") != "Accept-Language" {
			t.Errorf("the page in %s lacks %q, or Vary is %q", language, want, response.Header.Get("Vary"))
		}
	}
}

// fits lists what is wider than the window, or than what it is in.
const fits = `
	const wide = [];
	if (document.documentElement.scrollWidth > innerWidth) wide.push("the page: " + document.documentElement.scrollWidth);
	for (const e of document.querySelectorAll("h1, h2, button, label, legend, summary, small, a, dt, dd, p, option")) {
		if (!e.offsetParent || e.matches(".hidden, .skip")) continue;
		const box = e.getBoundingClientRect();
		if (box.right > innerWidth + 0.5 || box.left < -0.5) wide.push(e.tagName + " " + e.textContent.trim() + ": " + box.left + " to " + box.right);
		if (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline") wide.push(e.tagName + " " + e.textContent.trim() + ": " + e.scrollWidth + " in " + e.clientWidth);
		if (e.matches("button:not(#shelf button)") && box.height > 70) wide.push("a button of three lines: " + e.textContent.trim());
	}
	return wide;`

// TestLabelsOnPhone looks at the page in each language on small phones: nothing
// may be wider than the window.
func TestLabelsOnPhone(t *testing.T) {
	server := newTestServer(t, Options{Voice: hum{}, Suites: report(""), Engines: []Engine{{Name: "exact", Teller: newTeller(t, tale, 0)}, {Name: "fast", Teller: newTeller(t, tale, 0)}}, Version: "0.9.0+0123456789ab", Small: true})
	b := browser.New(t, 1000, 800, false)
	for _, width := range []int{320, 390} {
		b.Resize(width, 800)
		for _, language := range everyLanguage(t) {
			b.Open(fmt.Sprintf("%s/?lang=%s", server.URL, language))
			b.Eval("for (const d of document.querySelectorAll('details')) d.open = true; for (const e of document.querySelectorAll('#ask [hidden], #results')) e.hidden = false;", nil)
			var wide []string
			b.Eval(fits, &wide)
			for _, w := range wide {
				t.Errorf("%s on %d pixels: %s", language, width, w)
			}
		}
	}
}

// TestSmallModel: the page says whose the stories are if they are the small model's.
func TestSmallModel(t *testing.T) {
	for _, small := range []bool{false, true} {
		server := newTestServer(t, Options{Engines: []Engine{{Name: "exact", Teller: newTeller(t, tale, 0)}}, Small: small})
		for _, language := range everyLanguage(t) {
			labels, err := readLabels(language)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.Get(server.URL + "/?lang=" + language)
			if err != nil {
				t.Fatal(err)
			}
			page, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if got := strings.Contains(string(page), `<p id="small">`+labels["smallModel"]); got != small || err != nil {
				t.Errorf("%s: the page names the small model: %v, %v; want %v", language, got, err, small)
			}
		}
	}
}

// TestEngineLabel: an engine of a further model has the model's name.
func TestEngineLabel(t *testing.T) {
	labels, err := readLabels(fallback)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"fast": labels["engineFast"], "plain": "plain", "stories42M/exact": "stories42M · " + labels["engineExact"]} {
		if got := engineLabel(name, labels); got != want {
			t.Errorf("engineLabel(%s) = %q; want %q", name, got, want)
		}
	}
}
