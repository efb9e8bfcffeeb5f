package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/app/story"
)

// What the console accepts, the page can repeat: to the letter by the story's ID, and with
// what it was told of the request.
func TestAgain(t *testing.T) {
	teller := newTeller(t, tale, 0)
	server := newTestServer(t, Options{Engines: one(teller)})
	for _, r := range []story.Request{
		{Prompt: strings.Repeat("A long way. ", 46), Seed: 1},
		{Prompt: "Hi", Temperature: 20, TopP: 0.9, Seed: 1<<64 - 1},
		{Prompt: "Hi", Temperature: 1e38, TopP: 7, Seed: 3_000_000_000, Steps: 1<<31 - 1},
	} {
		first, err := teller.Tell(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		first.Wait(t.Context())
		told, err := listen(server.URL, "", "")
		for err == nil && told.story.ID != first.ID { // the page is told of it soon
			told, err = listen(server.URL, "", "")
		}
		if err != nil {
			t.Fatal(err)
		}
		request, _ := json.Marshal(told.story.Request)
		for _, body := range []string{fmt.Sprintf(`{"again":%q}`, first.ID), string(request)} {
			response, text := do(t, "POST", server.URL+"/story", body)
			var answer struct{ ID string }
			if err := json.Unmarshal([]byte(text), &answer); err != nil || response.StatusCode != http.StatusOK || answer.ID == first.ID {
				t.Fatalf("again: %.60s = %s %s", body, response.Status, text)
			}
			again, err := listen(server.URL, "?story="+answer.ID, "")
			if err != nil || again.text != told.text || again.story.Request != told.story.Request {
				t.Errorf("again: %.60s told %+v, %v; want that of %+v", body, again.story, err, told.story)
			}
		}
	}
	if response, _ := do(t, "POST", server.URL+"/story", `{"again":"none"}`); response.StatusCode != http.StatusNotFound {
		t.Errorf("again of no story = %s; want 404", response.Status)
	}
}

// A card keeps stories that were told with other settings, or that a person has changed:
// one whose engine is not offered any more is refused in words.
func TestAgainKept(t *testing.T) {
	dir := t.TempDir()
	text := `[{"id":"plain","text":"x","request":{"seed":1,"engine":"plain"}},
{"id":"none","text":"x","request":{"seed":1}},
{"id":"odd","text":"x","request":{"seed":1,"steps":-5,"temperature":-1,"topp":7,"engine":"exact"}}]`
	if err := os.WriteFile(filepath.Join(dir, KeptFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	teller := newTeller(t, tale, 0)
	server := newTestServer(t, Options{Engines: one(teller), Keep: dir, KeepKB: KeptKB})
	if response, text := do(t, "POST", server.URL+"/story", `{"again":"plain"}`); response.StatusCode != http.StatusBadRequest || !strings.Contains(text, "plain") {
		t.Errorf("again of the engine plain's = %s %q; want 400 and why", response.Status, text)
	}
	for _, id := range []string{"none", "odd"} {
		response, text := do(t, "POST", server.URL+"/story", fmt.Sprintf(`{"again":%q}`, id))
		if response.StatusCode != http.StatusOK {
			t.Fatalf("again of %s = %s %q; want a story", id, response.Status, text)
		}
		if end, err := current(t, teller).Wait(t.Context()); err != nil || end.Err != nil {
			t.Errorf("again of %s ended with %v, %v", id, end.Err, err)
		}
	}
}
