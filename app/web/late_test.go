package web

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"duostoryteller/app/story"
	"duostoryteller/app/voice"
)

// deadlined is a response whose connection fails, as a real one does, when it is written
// to after its deadline.
type deadlined struct {
	*httptest.ResponseRecorder
	until time.Time
	late  bool
}

func (d *deadlined) SetWriteDeadline(t time.Time) error {
	d.until = t
	return nil
}

func (d *deadlined) Write(b []byte) (int, error) {
	d.late = d.late || time.Now().After(d.until)
	return d.ResponseRecorder.Write(b)
}

// slowFailure is a voice that takes long to fail.
type slowFailure struct{ hum }

func (slowFailure) Say(context.Context, string, voice.Params, func(int, []int16) error) (voice.Spoken, error) {
	time.Sleep(10 * writeTimeout)
	return voice.Spoken{}, errors.New("it hung")
}

// An answer that comes late, because the story or the voice takes its time, still
// reaches the browser.
func TestLateAnswer(t *testing.T) {
	for _, tt := range []struct {
		voice    voice.Voice
		sentence string
		want     string
	}{
		{hum{}, "99.wav", "no sentence 99"},
		{slowFailure{}, "0.wav", "it hung"},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			teller := newTeller(t, "Once there was a duck. It swam.", 2*writeTimeout)
			s, err := New(ctx, Options{Engines: one(teller), Voice: tt.voice, System: fakeSystem()})
			if err != nil {
				t.Fatal(err)
			}
			told, err := teller.Tell(ctx, story.Request{Prompt: "Hi", Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // the shelf has it
			w := &deadlined{ResponseRecorder: httptest.NewRecorder()}
			s.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/audio/"+told.ID+"/"+tt.sentence, nil))
			if got := w.Body.String(); w.late || !strings.Contains(got, tt.want) {
				t.Errorf("%s: %q, after the deadline: %v; want %q in time", tt.sentence, got, w.late, tt.want)
			}
			cancel()
			teller.Stop()
			s.rest.Stop()
		})
	}
}
