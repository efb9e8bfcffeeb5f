package web

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/story"
)

// slowTeller takes its time to begin a story, as on a busy board.
type slowTeller struct {
	Teller
	asked, start chan struct{}
}

func (s slowTeller) Tell(ctx context.Context, r story.Request) (*story.Story, error) {
	s.asked <- struct{}{}
	<-s.start
	return s.Teller.Tell(ctx, r)
}

// Of two who ask for a story at once, the second is told that one is being told.
func TestTwoAtOnce(t *testing.T) {
	teller := slowTeller{newTeller(t, strings.Repeat(" word", 3000), time.Millisecond), make(chan struct{}, 2), make(chan struct{})}
	server := newTestServer(t, Options{Engines: one(teller), Suites: report("")})
	answers, sent := make(chan string), make(chan struct{}, 2)
	for range 2 {
		go func() {
			sent <- struct{}{}
			response, text := do(t, "POST", server.URL+"/story", `{"prompt":"Hi"}`)
			answers <- response.Status + " " + text
		}()
	}
	<-sent
	<-sent
	<-teller.asked
	var early []string
	select { // most often the second is there by now, and must wait
	case answer := <-answers:
		early = append(early, answer)
	case <-time.After(50 * time.Millisecond):
	}
	close(teller.start)
	for len(early) < 2 {
		early = append(early, <-answers)
	}
	got := early
	if strings.HasPrefix(got[0], "409") {
		got[0], got[1] = got[1], got[0]
	}
	if !strings.HasPrefix(got[0], "200") || !strings.HasPrefix(got[1], "409") || !strings.Contains(got[1], "another story") {
		t.Errorf("two stories asked for at once: %q; want one told, and 409 with why", got)
	}
	if response, text := do(t, "POST", server.URL+"/suites", ""); response.StatusCode != http.StatusConflict || !strings.Contains(text, "a story is being told") {
		t.Errorf("suites beside a story = %s %s", response.Status, text)
	}
	do(t, "POST", server.URL+"/stop", "")
}
