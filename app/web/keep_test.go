package web

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"duostoryteller/app/config"
	"duostoryteller/app/desk"
	"duostoryteller/app/story"
	"duostoryteller/tests/browser"
)

// told is a story that ended as it did, with a text.
func toldStory(id, text string, err error) *story.Story {
	return story.Restored(story.Request{ID: id, Prompt: "Once", Temperature: 0.5, TopP: 0.9, Seed: 7, Steps: 96}, text, story.End{Err: err})
}

// What the settings allow on the card, this package keeps.
func TestKeptSize(t *testing.T) {
	if config.MaxStories != MaxKeptKB || config.Default().Stories != KeptKB {
		t.Errorf("the settings keep %d KB and allow %d; the page keeps %d and allows %d", config.Default().Stories, config.MaxStories, KeptKB, MaxKeptKB)
	}
}

// TestKept brings a shelf through a restart.
func TestKept(t *testing.T) {
	dir := t.TempDir()
	notes := 0
	k := &keeper{dir: dir, size: KeptKB << 10, note: func(line string) { notes++; t.Log(line) }, busy: make(chan struct{}, 1)}
	before := desk.NewShelf()
	want := map[string]desk.End{"a": {Cut: true}, "b": {Stopped: true}, "c": {Error: "no model"}}
	var cut story.End
	cut.Stats.Tokens = 1
	before.Add(story.Restored(story.Request{ID: "a", Prompt: "Once", Seed: 1 << 40}, "Once, a café.\n\nThe 🦆 slept.", cut), "exact")
	before.Add(toldStory("b", "Once stopped", context.Canceled), "fast")
	before.Add(toldStory("c", "Once broken", errors.New("no model")), "exact")
	k.keep(before)
	k.keep(before) // in place of the first
	after := desk.NewShelf()
	k.restore(after)
	old, books := before.All(), after.All()
	if len(books) != 3 {
		t.Fatalf("%d stories after a restart; want 3", len(books))
	}
	for i, b := range books {
		end, _ := b.Story.End()
		pieces := desk.SoFar(b.Story).Pieces
		if got := desk.EndOf(end, len(pieces)); b.ID != old[i].ID || got != want[b.ID] || b.Request() != old[i].Request() || strings.Join(pieces, "") != strings.Join(desk.SoFar(old[i].Story).Pieces, "") {
			t.Errorf("after a restart: %s, %+v, %q, %+v; before: %s, %+v", b.ID, b.Request(), pieces, got, old[i].ID, old[i].Request())
		}
	}
	if notes != 0 {
		t.Errorf("%d notes; want none", notes)
	}
}

// TestKeptBudget keeps more than there is room for: the newest are there.
func TestKeptBudget(t *testing.T) {
	dir := t.TempDir()
	k := &keeper{dir: dir, size: KeptKB << 10, note: func(line string) { t.Error(line) }, busy: make(chan struct{}, 1)}
	before := desk.NewShelf()
	for i := range desk.Kept {
		before.Add(toldStory(string(rune('a'+i)), strings.Repeat("\"word\"\n", 1000), nil), "exact")
	}
	k.keep(before)
	info, err := os.Stat(filepath.Join(dir, KeptFile))
	if err != nil || info.Size() > KeptKB<<10 || info.Size() < KeptKB<<9 {
		t.Fatalf("the file has %v, %v; want at most %d bytes", info, err, KeptKB<<10)
	}
	after := desk.NewShelf()
	k.restore(after)
	if n := len(after.All()); n == 0 || n >= desk.Kept || after.All()[0].ID != before.All()[0].ID {
		t.Errorf("%d stories after a restart; want the newest of %d", n, desk.Kept)
	}
}

// TestKeptDamage starts with files that are not as they were written.
func TestKeptDamage(t *testing.T) {
	for text, want := range map[string]int{
		"":                         0,
		"[":                        0,
		"{}":                       0,
		"null":                     0,
		strings.Repeat(" ", 1<<20): 0,
		`[{"id":"a","text":"x"},{"id":"a","text":"again"},{"id":"../b","text":"x"},{"id":"c","text":""},{"id":"d","text":"y","request":{"temperature":1e30,"seed":1}}]`: 2,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, KeptFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		server := newTestServer(t, Options{Engines: one(newTeller(t, "x", 0)), Keep: dir, KeepKB: KeptKB})
		response, err := http.Get(server.URL + "/stories")
		if err != nil {
			t.Fatal(err)
		}
		var stories []any
		if err := json.NewDecoder(response.Body).Decode(&stories); err != nil || len(stories) != want {
			t.Errorf("%.60q: %d stories, %v; want %d", text, len(stories), err, want)
		}
		response.Body.Close()
	}
}

// TestKeptSameID tells a story that has the ID of a kept one, as may be on a card of an
// earlier version: its page and its voice have the new one.
func TestKeptSameID(t *testing.T) {
	dir := t.TempDir()
	const text = `[{"id":"init-1","text":"An old story.","request":{"seed":1,"prompt":"An"}}]`
	if err := os.WriteFile(filepath.Join(dir, KeptFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	v := new(asked)
	teller := newTeller(t, " is told now.", 0)
	server := newTestServer(t, Options{Engines: one(teller), Keep: dir, KeepKB: KeptKB, Voice: v})
	if _, err := teller.Tell(t.Context(), story.Request{ID: "init-1", Prompt: "Another", Seed: 2}); err != nil {
		t.Fatal(err)
	}
	const want = "Another is told now."
	for {
		if _, list := do(t, "GET", server.URL+"/stories", ""); strings.Contains(list, "Another") { // the shelf is told of it soon
			break
		}
	}
	told, err := listen(server.URL, "?story=init-1", "")
	if err != nil || told.text != want {
		t.Errorf("the page has %q, %v; want %q", told.text, err, want)
	}
	if response, _ := do(t, "GET", server.URL+"/audio/init-1/0.wav", ""); response.StatusCode != http.StatusOK {
		t.Errorf("its sound = %s", response.Status)
	}
	if _, texts := v.all(); len(texts) != 1 || texts[0] != want {
		t.Errorf("the voice read %q; want %q", texts, want)
	}
}

func FuzzKept(f *testing.F) {
	f.Add([]byte(`[{"id":"a","request":{"seed":1},"text":"x","end":{"cut":true}}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		stories, err := decodeKept(text)
		if err != nil {
			return
		}
		for _, s := range stories {
			if !story.ValidID(s.ID) || !utf8.ValidString(s.Text) || s.story().ID != s.ID {
				t.Errorf("%+v is no story", s)
			}
		}
		again, err := decodeKept(encodeKept(stories))
		if err == nil && !slices.Equal(again, stories) {
			t.Errorf("%+v came back as %+v", stories, again)
		}
	})
}

// TestBrowserKeep tells a story, prints it, saves it as text and as sound, and finds it
// again after a restart.
func TestBrowserKeep(t *testing.T) {
	dir, saved := t.TempDir(), t.TempDir()
	options := Options{Voice: hum{}, Engines: one(newTeller(t, pictureStory, 0)), Keep: dir, KeepKB: KeptKB}
	server := newTestServer(t, options)
	b := browser.New(t, 900, 1000, true)
	b.Downloads(saved)
	b.Open(server.URL)
	b.Click("#aloud")
	b.Click("[name=hero][value=duck]")
	b.Wait("document.getElementById('prompt').value.includes('duck')")
	b.Press("#prompt", "")
	b.Click("#tell")
	b.Wait("!document.getElementById('keep').hidden")
	var text string
	b.Eval("return "+storyText, &text)

	b.Eval("window.printed = 0; window.print = () => { printed++ }", nil)
	b.Click("#print")
	b.Wait("printed == 1")
	if shots := os.Getenv("STORYTELLER_SCREENSHOTS"); shots != "" {
		if err := os.WriteFile(filepath.Join(shots, "story.pdf"), b.PDF(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	b.Media("print")
	if shots := os.Getenv("STORYTELLER_SCREENSHOTS"); shots != "" {
		b.Screenshot(filepath.Join(shots, "print.png"))
	}
	var shown []string
	b.Eval(`return ["ask", "keep", "past", "meters"].filter(id => document.getElementById(id).offsetParent)`, &shown)
	if len(shown) > 0 {
		t.Errorf("the page to print shows %v", shown)
	}
	colophon := b.Text("#colophon")
	var pictures int
	b.Eval("return document.querySelectorAll('#pictures svg').length", &pictures)
	if !strings.Contains(colophon, "Seed ") || !strings.Contains(colophon, "0.90") || !strings.Contains(colophon, "a little duck named Bella") || pictures != 1 {
		t.Errorf("the page to print has %d pictures and ends with %q; want the duck, seed and options", pictures, colophon)
	}
	b.Media("screen")

	b.Click("#saveText")
	plain := download(t, saved, ".txt")
	if got := strings.ReplaceAll(strings.TrimPrefix(string(plain), "\ufeff"), "\r\n", "\n"); !strings.HasPrefix(got, strings.TrimSpace(text)) || !strings.HasSuffix(got, colophon+"\n") {
		t.Errorf("the text is %q; want the story and %q", got, colophon)
	}
	b.Click("#saveSound")
	wav := download(t, saved, ".wav")
	least := 0
	for _, s := range wantSentences(text) {
		least += 2 * humSamples(strings.TrimSpace(s))
	}
	if size := binary.LittleEndian.Uint32(wav[40:]); string(wav[:4]) != "RIFF" || int(size) != len(wav)-44 || int(size) < least || binary.LittleEndian.Uint32(wav[24:]) != humRate {
		t.Errorf("the sound says that it has %d bytes at %d Hz, and has %d; want %d and pauses", size, binary.LittleEndian.Uint32(wav[24:]), len(wav)-44, least)
	}

	var file []byte
	for end := time.Now().Add(20 * time.Second); len(file) == 0 && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		file, _ = os.ReadFile(filepath.Join(dir, KeptFile))
	}
	b.Open("about:blank")
	server.CloseClientConnections()
	options.Engines = one(newTeller(t, "another", 0))
	again := newTestServer(t, options)
	b.Open(again.URL)
	b.Wait("document.querySelectorAll('#shelf button').length == 1")
	b.Click("#shelf button")
	b.Wait(storyText + ".includes('told the moon a story')")
	b.Wait("!document.getElementById('keep').hidden")
	if lines := b.Complaints(); lines != nil {
		t.Errorf("the browser complains: %q", lines)
	}
}

// download waits for a file of a kind in a folder.
func download(t *testing.T, dir, ending string) []byte {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if files, _ := filepath.Glob(filepath.Join(dir, "*"+ending)); files != nil {
			f, err := os.Open(files[0])
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			data, err := io.ReadAll(f)
			if err != nil {
				t.Fatal(err)
			}
			if len(data) > 0 {
				return data
			}
		}
	}
	t.Fatalf("no %s was saved", ending)
	return nil
}
