package story_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"duostoryteller/app/avoid"
	"duostoryteller/app/llama"
	"duostoryteller/app/story"
)

// say hands a text to the engine, byte by byte.
func (e *scripted) say(text string) {
	for _, c := range []byte(text) {
		e.tokens <- 3 + int(c)
	}
}

func list(t *testing.T, text string) *avoid.List {
	t.Helper()
	l, problems := avoid.Parse(text)
	if problems != nil {
		t.Fatal(problems)
	}
	return l
}

// A story that comes to what is to be avoided ends before that word, and the next seed's
// is told in its place; for who asks it is one story all the while.
func TestAvoid(t *testing.T) {
	teller, engine := newTeller(t)
	teller.Avoid(list(t, "# the list\ngun\nbad man\n"))
	s, err := teller.Tell(t.Context(), story.Request{Prompt: "tea", Seed: 7, Temperature: 1, Steps: 90})
	if err != nil {
		t.Fatal(err)
	}
	engine.say(" a begun gun.")
	end, err := s.Wait(t.Context())
	if err != nil || end.Next == nil || !errors.As(end.Err, new(*story.Avoided)) {
		t.Fatalf("the end is %+v, %v; want an Avoided, and another one", end, err)
	}
	if got := string(read(t, s)); got != "tea a begun " {
		t.Errorf("told was %q; want it to the word", got)
	}
	if _, err := teller.Tell(t.Context(), story.Request{Prompt: "a"}); err != story.ErrBusy {
		t.Errorf("asked meanwhile: %v; want ErrBusy", err)
	}
	next := end.Next
	if want := (story.Request{Prompt: "tea", Seed: 8, Temperature: 1, Steps: 90}); next.Request != want || next.InPlace != s || next.ID == s.ID || s.Current() != next {
		t.Errorf("in its place is %+v; want %+v", next.Request, want)
	}
	for newest := range teller.Stories(t.Context()) {
		if newest != next {
			t.Errorf("the current story is %v; want the one in its place", newest)
		}
		break
	}
	engine.say(" a bad boy. The end is a bad ")
	engine.tokens <- llama.BOS
	if end, err = next.Wait(t.Context()); err != nil || end.Err != nil || end.Next != nil {
		t.Errorf("its end is %+v, %v", end, err)
	}
	if got := string(read(t, next)); got != "tea a bad boy. The end is a bad " {
		t.Errorf("told was %q; want all, also what had to wait", got)
	}
}

// So often and no more.
func TestAvoidBounded(t *testing.T) {
	for _, test := range []struct {
		temperature float32
		stories     int
		want        string
	}{
		{1, 4, "4 stories in a row came to what is not for children (the last to line 1 of avoid.txt): begin otherwise, or change the list"},
		{0, 1, "it came to what is not for children (line 1 of avoid.txt); at temperature 0 it always does: begin otherwise, or take another temperature"},
	} {
		teller, engine := newTeller(t)
		teller.Avoid(list(t, "gun"))
		s, err := teller.Tell(t.Context(), story.Request{Prompt: "tea", Seed: 1<<64 - 2, Temperature: test.temperature})
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; ; n++ {
			engine.say(" gun")
			if n%2 == 0 { // the end of the story ends the word, too
				engine.tokens <- llama.BOS
			} else {
				engine.say(".")
			}
			end, err := s.Wait(t.Context())
			if err != nil || s.Request.Seed == 0 {
				t.Fatal(err, s.Request.Seed)
			}
			if end.Next == nil {
				if n != test.stories || end.Err.Error() != test.want {
					t.Errorf("after %d stories: %v; want %d, %s", n, end.Err, test.stories, test.want)
				}
				break
			}
			s = end.Next
		}
		if _, err := teller.Tell(t.Context(), story.Request{Prompt: "my GUNS"}); err == nil || err.Error() != "no story for children begins so (line 1 of avoid.txt)" {
			t.Errorf("a beginning with it: %v", err)
		}
	}
}

// What is asked for exactly, and a teller without a list, tell what the model tells.
func TestAvoidNot(t *testing.T) {
	for _, l := range []*avoid.List{nil, list(t, "gun")} {
		teller, engine := newTeller(t)
		teller.Avoid(l)
		s, err := teller.Tell(t.Context(), story.Request{Prompt: "a gun", Exact: l != nil})
		if err != nil {
			t.Fatal(err)
		}
		engine.say(" gun.")
		engine.tokens <- llama.BOS
		if end, err := s.Wait(t.Context()); err != nil || end.Err != nil {
			t.Errorf("its end is %+v, %v", end, err)
		}
		if got := string(read(t, s)); got != "a gun gun." {
			t.Errorf("told was %q", got)
		}
	}
}

// Stop ends the story in a left one's place as well, and a word that waits is not shown.
func TestAvoidStopped(t *testing.T) {
	teller, engine := newTeller(t)
	teller.Avoid(list(t, "gun"))
	s, err := teller.Tell(t.Context(), story.Request{Prompt: "tea", Seed: 1, Temperature: 1})
	if err != nil {
		t.Fatal(err)
	}
	engine.say(" gun. a gun")
	go engine.say(".")
	teller.Stop()
	last := s.Current()
	end, ended := last.End()
	if last == s || !ended || end.Err == nil {
		t.Errorf("the end is %+v, %v; want the second one stopped", end, ended)
	}
	if got := string(read(t, last)); strings.Contains(got, "gun") {
		t.Errorf("told was %q", got)
	}
	if _, err := last.Reader().Next(t.Context()); err == io.EOF {
		t.Error("nothing was told")
	}
}
