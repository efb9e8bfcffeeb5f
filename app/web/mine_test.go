package web

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/app/opening"
	"duostoryteller/tests/browser"
)

// TestPictures wants a picture and a label for each choice.
func TestPictures(t *testing.T) {
	drawn := asset(t, "pictures.svg")
	for _, language := range everyLanguage(t) {
		labels, err := readLabels(language)
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, row := range rows(labels) {
			for _, p := range row.Pictures {
				count++
				if p.Label == "" || !strings.Contains(drawn, `<symbol id="`+p.Key+`"`) {
					t.Errorf("%s: %s %s has the label %q, or no picture", language, row.Name, p.Key, p.Label)
				}
			}
		}
		if want := 3 + len(opening.Heroes()) + len(opening.Places()) + len(opening.Events()); count != want {
			t.Errorf("%d pictures; want %d", count, want)
		}
	}
}

// TestMine has a story told about what was picked and typed, by mouse and by keyboard.
func TestMine(t *testing.T) {
	teller := newTeller(t, tale, 0)
	server := newTestServer(t, Options{Engines: one(teller)})
	b := browser.New(t, 390, 844, false)
	if dir := os.Getenv("STORYTELLER_SCREENSHOTS"); dir != "" {
		defer func() { b.Screenshot(filepath.Join(dir, "mine.png")) }()
	}
	b.Open(server.URL)
	prompt := func(want string) {
		t.Helper()
		b.Wait(fmt.Sprintf("document.getElementById('prompt').value == %q", want))
	}
	b.Eval("document.querySelector('[name=hero]').focus()", nil)
	b.Keys("\ue014", "\ue014") // to the right: the second picture
	prompt("Once upon a time, there was a little cat named Mia.")
	b.Press("#name", "olga")
	prompt("Once upon a time, there was a little cat named Olga.")
	b.Click("[name=place][value=moon]")
	b.Click("[name=event][value=own]")
	var at string
	b.Eval("return document.activeElement.name", &at)
	if at != "eventOwn" {
		t.Errorf("who chose own words is at %q; want eventOwn", at)
	}
	b.Keys(strings.Split("Baked a cake", "")...)
	b.Keys("\ue007") // Enter, before the last letters were asked about
	b.Wait("!document.getElementById('ending').hidden")
	told := current(t, teller)
	if want := "Once upon a time, a little cat named Olga lived on the moon. One day, Olga baked a cake."; told.Request.Prompt != want {
		t.Errorf("the story began %q; want %q", told.Request.Prompt, want)
	}
	// What is changed by hand is told as it is.
	b.Press("#prompt", " Mmm.")
	b.Click("#tell")
	b.Wait("document.querySelectorAll('#shelf button').length == 2")
	if told = current(t, teller); !strings.HasSuffix(told.Request.Prompt, "a cake. Mmm.") {
		t.Errorf("the second story began %q; want what was typed", told.Request.Prompt)
	}
	if lines := b.Complaints(); lines != nil {
		t.Errorf("the browser complains: %q", lines)
	}
}
