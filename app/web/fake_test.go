package web

import (
	"context"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
)

// fakeStories tells stories of made-up words, one piece every pause.
type fakeStories struct {
	pause time.Duration
	tell  func(Request) []string

	mu      sync.Mutex
	newest  *fakeStory
	changed chan struct{}
}

func newFakeStories(pause time.Duration) *fakeStories {
	return &fakeStories{pause: pause, tell: fakePieces, changed: make(chan struct{})}
}

type fakeStory struct {
	request Request
	stop    chan struct{}

	mu      sync.Mutex
	pieces  []string
	end     *End
	changed chan struct{}
}

func (f *fakeStories) Tell(r Request) (Story, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.newest != nil {
		f.newest.mu.Lock()
		busy := f.newest.end == nil
		f.newest.mu.Unlock()
		if busy {
			return nil, ErrBusy
		}
	}
	story := &fakeStory{request: r, stop: make(chan struct{}), changed: make(chan struct{})}
	f.newest = story
	close(f.changed)
	f.changed = make(chan struct{})
	go story.run(f.tell(r), f.pause)
	return story, nil
}

func (f *fakeStories) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.newest != nil {
		select {
		case <-f.newest.stop:
		default:
			close(f.newest.stop)
		}
	}
}

func (f *fakeStories) Newest(ctx context.Context, after Story) (Story, error) {
	for {
		f.mu.Lock()
		newest, changed := f.newest, f.changed
		f.mu.Unlock()
		if newest != nil && Story(newest) != after {
			return newest, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// fakePieces is a story with what is hard: bytes of one character in two
// pieces, dialogue, a character beyond the basic plane.
func fakePieces(r Request) []string {
	pieces := strings.SplitAfter(r.Prompt, " ")
	pieces = append(pieces, ",", " there", " was", " a", " caf", "\xc3", "\xa9", ".", " \"", "Hello", "!\"", " said", " the", " \U0001F986", ".", "\n\n")
	words := strings.Fields("red small kind happy big little sad old new quiet")
	random := rand.New(rand.NewPCG(uint64(r.Seed), 1))
	for i := range r.Steps {
		pieces = append(pieces, " "+words[random.IntN(len(words))])
		if i%9 == 8 {
			pieces = append(pieces, ".", " The")
		}
	}
	return append(pieces, " end", ".")
}

func (s *fakeStory) run(pieces []string, pause time.Duration) {
	for _, piece := range pieces {
		select {
		case <-s.stop:
			s.add("", &End{Stopped: true})
			return
		case <-time.After(pause):
		}
		s.add(piece, nil)
	}
	s.add("", &End{})
}

func (s *fakeStory) add(piece string, end *End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if end == nil {
		s.pieces = append(s.pieces, piece)
	}
	s.end = end
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *fakeStory) Request() Request { return s.request }

func (s *fakeStory) Speed() Speed { return Speed{31.4, 420 * time.Millisecond} }

func (s *fakeStory) Next(ctx context.Context, cursor int) ([]string, *End, error) {
	for {
		s.mu.Lock()
		pieces, end, changed := s.pieces[cursor:], s.end, s.changed
		s.mu.Unlock()
		if len(pieces) > 0 || end != nil {
			return pieces, end, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// hum is a voice that hums 20 ms for each byte of text.
type hum struct{}

const humRate = 16000

func humSamples(text string) int { return len(text) * humRate / 50 }

func (hum) Rate() int { return humRate }

func (hum) Speak(ctx context.Context, text string, pcm io.Writer) error {
	for i := 0; i < humSamples(text); i += 160 {
		var part []byte
		for j := i; j < min(i+160, humSamples(text)); j++ {
			part = binary.LittleEndian.AppendUint16(part, uint16(int16(3000*math.Sin(float64(j)/20))))
		}
		if _, err := pcm.Write(part); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func fakeSystem() fstest.MapFS {
	return fstest.MapFS{
		"proc/meminfo":                         {Data: []byte("MemTotal:          59392 kB\nMemFree:            3000 kB\nMemAvailable:      12240 kB\n")},
		"sys/class/thermal/thermal_zone0/temp": {Data: []byte("41250\n")},
	}
}

func newTestServer(t testing.TB, o Options) *httptest.Server {
	t.Helper()
	if o.System == nil {
		o.System = fakeSystem()
	}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := New(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		cancel()
	})
	return server
}
