package regress

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"duostoryteller/imagebuilder/boardtest"
)

// FuzzToPrompt reads what no board may ever say: it comes to an end, with an error of
// one line or at the prompt.
func FuzzToPrompt(f *testing.F) {
	for _, text := range []string{complete, telling + loader, loader + "milkv_duo# ", linux + "login: ", damaged(complete, 2), "init: starting once more for it\n" + complete,
		strings.Replace(complete, "init: 950", loader+"init: 950", 1)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := boardtest.NewConsole(io.Discard)
		say(c, text)
		c.Close(errors.New("the end"))
		w := watch{console: c, silence: time.Minute, reached: func(string) {}}
		if err := w.toPrompt(t.Context()); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("the error has several lines: %v", err)
		}
	})
}

// A board may start once more because its card asks for another device tree.
func TestOnceMore(t *testing.T) {
	c := boardtest.NewConsole(io.Discard)
	say(c, running+"init: usb = \"host\", speaker = \"none\": starting once more for it\n"+complete)
	var reached []string
	w := watch{console: c, silence: time.Minute, reached: func(name string) { reached = append(reached, name) }}
	if err := w.toPrompt(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(reached, ", "), "U-Boot speaks, U-Boot starts the kernel, the card's init runs, U-Boot starts the kernel, the card's init runs, the story begins, the story is told, the board prompts"; got != want {
		t.Errorf("reached %s\nwant %s", got, want)
	}
}

// What a line loses of a milestone does not hide the ones behind it.
func TestMissed(t *testing.T) {
	c := boardtest.NewConsole(io.Discard)
	say(c, strings.Replace(complete, "Starting kernel", "Start\x80ng kernel", 1))
	n := 0
	w := watch{console: c, silence: time.Minute, reached: func(string) { n++ }}
	if err := w.toPrompt(t.Context()); err != nil || n != int(arrived) {
		t.Errorf("toPrompt() = %v behind %d milestones; want %d", err, n, arrived)
	}
}
