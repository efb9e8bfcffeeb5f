package main

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"duostoryteller/app/hearing"
)

// listening is ears whose story takes a second to stop, and what they did.
func listening() (e *ears, did *[]string) {
	did = new([]string)
	do := func(what string) { *did = append(*did, what) }
	e = &ears{microphone: firstMicrophone, slot: new(slot), note: func(string) {}}
	e.ask = func(prompt string) { do("ask " + prompt) }
	e.say = func(_ context.Context, text string) { do("say " + text) }
	e.louder = func(factor float64) { do(fmt.Sprintf("louder %.2f", factor)) }
	e.stop = func() {
		do("stop")
		time.AfterFunc(time.Second, func() { e.telling.Store(false) })
	}
	e.ready.Store(true)
	return e, did
}

func TestHeard(t *testing.T) {
	tell := hearing.Understood{Command: hearing.Tell, Opening: "Once", Answer: "A story."}
	tests := []struct {
		name    string
		telling bool
		heard   hearing.Understood
		want    []string
	}{
		{"a wish", false, tell, []string{"say A story.", "ask Once"}},
		{"nothing", false, hearing.Understood{Answer: hearing.Missed}, []string{"say " + hearing.Missed}},
		{"louder", false, hearing.Understood{Command: hearing.Louder, Answer: "Louder."}, []string{"say Louder.", "louder 1.25"}},
		{"stop", false, hearing.Understood{Command: hearing.Stop, Answer: "All right."}, []string{"say All right."}},
		{"another wish in a pause", true, tell, []string{"stop", "say A story.", "ask Once"}},
		{"nothing in a pause", true, hearing.Understood{Answer: hearing.Missed}, nil},
		{"quieter in a pause", true, hearing.Understood{Command: hearing.Quieter, Answer: "Quieter."}, []string{"louder 0.80"}},
		{"stop in a pause", true, hearing.Understood{Command: hearing.Stop, Answer: "All right."}, []string{"stop", "say All right."}},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			e, did := listening()
			e.telling.Store(tt.telling)
			e.heard(t.Context(), tt.heard)
			if !slices.Equal(*did, tt.want) {
				t.Errorf("%s: %q; want %q", tt.name, *did, tt.want)
			}
			synctest.Wait()
		})
	}
}

// A story that begins has voice and sound card to itself: an answer that is being spoken
// ends first, and none begins beside it.
func TestReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := listening()
		var said []string
		e.say = func(ctx context.Context, text string) {
			if !e.speaking.Load() {
				t.Errorf("%q: it may hear itself", text)
			}
			select {
			case <-time.After(3 * time.Second):
				said = append(said, text+" spoken")
			case <-ctx.Done():
				time.Sleep(time.Second) // the card is let go of
				said = append(said, text+" cut off")
			}
		}
		e.heard(t.Context(), hearing.Understood{Answer: "whole"})
		begun := time.Now()
		time.AfterFunc(2*time.Second, func() {
			e.giveWay()
			if e.speaking.Load() || time.Since(begun) != 3*time.Second {
				t.Errorf("a story begins %v after the answer did, which is spoken: %v", time.Since(begun), e.speaking.Load())
			}
		})
		e.heard(t.Context(), hearing.Understood{Answer: "in its way"})
		synctest.Wait()
		e.reply(t.Context(), "beside it")
		e.telling.Store(false)
		e.heard(t.Context(), hearing.Understood{Answer: "after it"})
		if want := []string{"whole spoken", "in its way cut off", "after it spoken"}; !slices.Equal(said, want) {
			t.Errorf("%q; want %q", said, want)
		}
	})
}

// While a story is read aloud it is heard only what is said between sentences,
// and the story waits for that.
func TestBetween(t *testing.T) {
	tests := []struct {
		name     string
		hearing  time.Duration // somebody speaks so long in the pause
		button   string
		noSource bool
		want     time.Duration
	}{
		{"silence", 0, "", false, pause},
		{"somebody speaks", 4 * time.Second, "", false, 4 * time.Second},
		{"without end", time.Hour, "", false, held},
		{"with a button", 0, "gpiochip0/1", false, 0},
		{"without a microphone", 0, "", true, 0},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			e, _ := listening()
			e.button = tt.button
			e.ready.Store(!tt.noSource)
			e.telling.Store(true)
			if !e.deaf() {
				t.Errorf("%s: it hears itself", tt.name)
			}
			if tt.hearing > 0 {
				time.AfterFunc(pause/2, func() { e.hearing.Store(true) })
				time.AfterFunc(tt.hearing, func() { e.hearing.Store(false) })
			}
			begun := time.Now()
			time.AfterFunc(pause/2, func() {
				if e.deaf() != (tt.want == 0) {
					t.Errorf("%s: deaf in the pause: %v", tt.name, e.deaf())
				}
			})
			e.between(t.Context())
			if got := time.Since(begun); got < tt.want || got > tt.want+2*poll {
				t.Errorf("%s: a pause of %v; want %v", tt.name, got, tt.want)
			}
			if !e.deaf() {
				t.Errorf("%s: it hears itself after the pause", tt.name)
			}
			time.Sleep(pause)
		})
	}
}

// The recogniser waits for the end of the text in a pause, and takes no room
// from a story otherwise.
func TestFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := listening()
		if err := e.slot.reserve("elsewhere"); err != nil {
			t.Fatal(err)
		}
		if e.free(t.Context()) {
			t.Error("room beside a story")
		}
		e.pausing.Store(true)
		time.AfterFunc(3*time.Second, e.slot.release)
		begun := time.Now()
		if !e.free(t.Context()) || time.Since(begun) < 3*time.Second {
			t.Errorf("no room after the text's end, %v later", time.Since(begun))
		}
		begun = time.Now()
		if e.free(t.Context()) || time.Since(begun) < held {
			t.Error("room beside what holds it for good")
		}
	})
}
