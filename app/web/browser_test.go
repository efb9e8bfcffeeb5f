package web

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const pictureStory = `Once upon a time, there was a small duck who lived by a quiet pond. Every evening she looked up and said, "Good night, moon!" But the moon never answered.

One day she asked the old owl, "Why does the moon not talk to me?" The owl smiled. "She does," he said. "She talks with light." So the duck sat very still and watched the silver path on the water. It came right up to her feet.

From then on she was never lonely. And when it was cloudy, she told the moon a story instead.`

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
	}{
		{"desktop-light", 1280, 900, false},
		{"desktop-dark", 1280, 900, true},
		{"phone-light", 390, 844, false},
		{"phone-dark", 390, 844, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			stories := newFakeStories(15 * time.Millisecond)
			stories.tell = func(Request) []string { return strings.SplitAfter(pictureStory, " ") }
			server := newTestServer(t, Options{Stories: stories, Voice: hum{}, Engines: []string{"exact", "fast"}})
			b := newBrowser(t, 1280, 900, test.dark)
			b.resize(test.width, test.height)
			b.open(server.URL)
			b.wait("document.getElementById('memory').textContent.includes('/')")
			b.screenshot(filepath.Join(dir, test.name+"-1-start.png"))
			b.click("summary")
			b.press("#prompt", "Once upon a time")
			b.screenshot(filepath.Join(dir, test.name+"-2-choices.png"))
			b.click("summary")
			b.click("#tell")
			b.wait("document.querySelectorAll('#text span').length > 4 && document.querySelector('.speaking')")
			b.screenshot(filepath.Join(dir, test.name+"-3-telling.png"))
			b.wait("!document.getElementById('ending').hidden && !document.getElementById('past').hidden")
			b.screenshot(filepath.Join(dir, test.name+"-4-end.png"))
		})
	}
}
