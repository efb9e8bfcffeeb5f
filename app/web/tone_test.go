package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"duostoryteller/app/voice"
	"duostoryteller/tests/browser"
)

// asked is a voice that hums and keeps what it was asked for.
type asked struct {
	hum
	mu     sync.Mutex
	params []voice.Params
	texts  []string
}

func (a *asked) Say(ctx context.Context, text string, p voice.Params, pcm func(int, []int16) error) (voice.Spoken, error) {
	a.mu.Lock()
	a.params, a.texts = append(a.params, p), append(a.texts, text)
	a.mu.Unlock()
	return a.hum.Say(ctx, text, p, pcm)
}

func (a *asked) all() ([]voice.Params, []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]voice.Params(nil), a.params...), append([]string(nil), a.texts...)
}

func TestTone(t *testing.T) {
	v := new(asked)
	server := newTestServer(t, Options{Voice: v, Engines: one(newTeller(t, "x", 0))})
	for query, want := range map[string]int{
		"": 200, "?rate=0.7": 200, "?rate=1.3&pitch=0.5": 200, "?rate=0.6": 200,
		"?rate=0.5": 400, "?rate=NaN": 400, "?rate=": 400, "?pitch=3": 400, "?pitch=-1": 400, "?rate=x": 400, "?rate=Inf": 400,
	} {
		response, err := http.Get(server.URL + "/sample.wav" + query)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("GET /sample.wav%s = %s; want %d", query, response.Status, want)
		}
	}
}

// TestBrowserTone hears a sample, and has a story read at another speed, at bedtime.
func TestBrowserTone(t *testing.T) {
	v := new(asked)
	server := newTestServer(t, Options{Voice: v, Engines: one(newTeller(t, ", was it.\n\nThen two.\n\nAnd three.", 20*time.Millisecond))})
	b := browser.New(t, 900, 900, false)
	b.Open(server.URL)
	b.Click("summary")
	b.Press("#rate", "\ue012") // a step to the left
	b.Press("#pitch", "\ue014\ue014")
	b.Click("#hear")
	waitAsked := func(n int) ([]voice.Params, []string) {
		t.Helper()
		for range 2000 {
			if p, texts := v.all(); len(p) >= n {
				return p, texts
			}
			b.Wait("true")
		}
		t.Fatalf("the voice was asked for %d sentences; want %d", len(v.params), n)
		return nil, nil
	}
	p, texts := waitAsked(1)
	if p[0] != (voice.Params{Rate: 0.9, Pitch: 1.2, Volume: 1}) || texts[0] != sample {
		t.Errorf("heard %q at %+v; want the sample, 0.9, 1.2", texts[0], p[0])
	}
	b.Click("#bedtime")
	b.Wait("document.documentElement.classList.contains('night')")
	b.Eval(`window.volumes = []; const connect = AudioNode.prototype.connect;
		AudioNode.prototype.connect = function (to, ...more) { if (this instanceof GainNode) volumes.push(this.gain.value.toFixed(2)); return connect.call(this, to, ...more); };`, nil)
	b.Click("#tell")
	b.Wait("!document.getElementById('ending').hidden")
	p, texts = waitAsked(4)
	for i := 2; i < 4; i++ {
		if !(p[i].Rate < p[i-1].Rate && p[i].Rate >= slowest && p[i].Pitch == 1.2) {
			t.Errorf("paragraph %d, %q, is read at %+v, the one before at %+v; want slower", i, texts[i], p[i], p[i-1])
		}
	}
	b.Wait("document.querySelectorAll('.speaking').length == 0 && !document.getElementById('ending').hidden && volumes.length >= 2")
	var volumes []string
	b.Eval("return [...new Set(volumes)]", &volumes)
	if got := strings.Join(volumes, " "); got != "0.80 0.64" {
		t.Errorf("the volumes of later paragraphs are %s; want 0.80 0.64", got)
	}
	// It is as it was the next time.
	b.Reload()
	var state string
	b.Eval("return [rate.value, pitch.value, bedtime.checked].join(' ')", &state)
	if state != "0.9 1.2 true" {
		t.Errorf("after a reload: %s", state)
	}
	if lines := b.Complaints(); lines != nil {
		t.Errorf("the browser complains: %s", fmt.Sprint(lines))
	}
}

// TestBrowserBusyVoice reads a story, and saves it as sound, with a voice that has others
// to speak for first: each sentence is asked for again, and as it was asked for.
func TestBrowserBusyVoice(t *testing.T) {
	v := new(asked)
	s, err := New(t.Context(), Options{Voice: v, Engines: one(newTeller(t, ", was it. Then two.", 0)), System: fakeSystem()})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	refused := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		first := strings.HasSuffix(r.URL.Path, ".wav") && !refused[r.URL.Path]
		refused[r.URL.Path] = true
		mu.Unlock()
		if first {
			unavailable(w, 1, errQueue.Error())
			return
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	saved := t.TempDir()
	b := browser.New(t, 900, 900, false)
	b.Downloads(saved)
	b.Open(server.URL)
	b.Click("summary")
	b.Press("#rate", "\ue012") // a step to the left
	b.Click("#hear")
	b.Click("#tell")
	b.Wait("!document.getElementById('ending').hidden && document.getElementById('stop').hidden")
	mu.Lock()
	clear(refused)
	mu.Unlock()
	b.Click("#saveSound")
	download(t, saved, ".wav")
	params, texts := v.all()
	if len(texts) < 3 {
		t.Errorf("the voice was asked for %q; want the sample and both sentences", texts)
	}
	for i, p := range params {
		if p.Rate != 0.9 {
			t.Errorf("%q was spoken at the rate %v; want 0.9", texts[i], p.Rate)
		}
	}
}
