package web

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"duostoryteller/app/desk"
	"duostoryteller/app/sentence"
	"duostoryteller/app/story"
	"duostoryteller/app/voice"
)

const (
	// maxClip bounds one spoken sentence, in bytes: 30 seconds at 16 kHz. The
	// splitter cuts at about 15.
	maxClip = 30 * 2 * 16000
	// soundKept bounds the sentences that are kept, in bytes, so that several browsers
	// can listen to one story: 8 seconds, and those being heard.
	soundKept = 8 * 2 * 16000
	// voiceRests is how long the voice waits for another sentence before it gives its
	// memory back: longer than most are.
	voiceRests = 15 * time.Second
	// soundHeld bounds all sentences in memory, in bytes, those that slow browsers are
	// still being sent too: the voice waits until there is room.
	soundHeld = 2 * maxClip
	// clipsQueued bounds the sentences that wait for the voice.
	clipsQueued = 4
	// listenersAtOnce bounds the browsers that are sent sound.
	listenersAtOnce = 8
)

// errQueue is the answer to who asks for one sentence too many.
var errQueue = errors.New("the voice has enough to say; ask again in a moment")

// clips are the sentences in memory, oldest first: those that somebody waits for or is
// sent, and those spoken lately.
type clips struct {
	mu      sync.Mutex
	clips   []*clip
	changed chan struct{} // closed and replaced when there may be more room
}

func newClips() *clips { return &clips{changed: make(chan struct{})} }

// clip is one spoken sentence, 16-bit little-endian samples.
type clip struct {
	story    string
	sentence int
	params   voice.Params
	hz       int // known when there are samples
	*byteLog

	// Guarded by the clips' mutex.
	listeners int
	spoken    bool
	cancel    context.CancelFunc
}

// join returns a sentence to listen to, until leave is called. One that is not there is
// begun with speak, which ends when ctx does and calls finish.
func (c *clips) join(ctx context.Context, story string, sentence int, params voice.Params, speak func(context.Context, *clip)) (k *clip, leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := 0
	for _, old := range c.clips {
		if old.story == story && old.sentence == sentence && old.params == params {
			k = old
		}
		if !old.spoken {
			waiting++
		}
	}
	if k == nil {
		if waiting >= clipsQueued {
			return nil, nil, errQueue
		}
		k = &clip{story: story, sentence: sentence, params: params, byteLog: newByteLog(maxClip)}
		ctx, k.cancel = context.WithCancel(ctx)
		c.clips = append(c.clips, k)
		go speak(ctx, k)
	}
	k.listeners++
	return k, sync.OnceFunc(func() { c.leave(k) }), nil
}

// leave takes a listener from a clip. One that is not spoken yet ends with its last.
func (c *clips) leave(k *clip) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k.listeners--
	if k.listeners == 0 && !k.spoken {
		k.cancel()
		c.drop(k) // who asks again has it begun anew
	}
	c.evict()
}

// finish ends a clip. One that failed is dropped, so that it is tried again.
func (c *clips) finish(k *clip, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k.spoken = true
	k.cancel()
	k.close(err)
	if err != nil {
		c.drop(k)
	}
	c.evict()
}

// drop forgets a clip. The caller holds mu.
func (c *clips) drop(k *clip) {
	c.clips = slices.DeleteFunc(c.clips, func(old *clip) bool { return old == k })
}

// evict forgets the oldest of those that nobody listens to, until there are few enough,
// and says that there may be room. The caller holds mu.
func (c *clips) evict() {
	over := c.size() - soundKept
	c.clips = slices.DeleteFunc(c.clips, func(k *clip) bool {
		if over <= 0 || k.listeners > 0 || !k.spoken {
			return false
		}
		over -= k.size()
		return true
	})
	close(c.changed)
	c.changed = make(chan struct{})
}

// size is that of all clips, in bytes. The caller holds mu.
func (c *clips) size() (n int) {
	for _, k := range c.clips {
		n += k.size()
	}
	return n
}

// room waits until one more sentence can be spoken.
func (c *clips) room(ctx context.Context) error {
	for {
		c.mu.Lock()
		size, changed := c.size(), c.changed
		c.mu.Unlock()
		if size+maxClip <= soundHeld {
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// speak has the voice speak a sentence into its clip.
func (s *Server) speak(ctx context.Context, text string, k *clip) {
	s.speaking.Lock() // one at a time: the board has one core, and one voice
	defer s.speaking.Unlock()
	if err := s.clips.room(ctx); err != nil { // nobody waits for it any more
		s.clips.finish(k, err)
		return
	}
	s.rest.Stop()
	defer s.rest.Reset(voiceRests)
	var part []byte
	_, err := s.voice.Say(ctx, text, k.params, func(hz int, samples []int16) error {
		part = part[:0]
		for _, sample := range samples {
			part = binary.LittleEndian.AppendUint16(part, uint16(sample))
		}
		if k.hz == 0 {
			k.hz = hz
		}
		_, err := k.Write(part)
		return err
	})
	s.clips.finish(k, err)
}

// restVoice ends the voice's process, unless it speaks; it starts again by itself.
func (s *Server) restVoice() {
	if s.ctx.Err() == nil && s.speaking.TryLock() {
		defer s.speaking.Unlock()
		s.voice.Close()
	}
}

// audio streams one sentence as WAV while the voice speaks it.
func (s *Server) audio(w http.ResponseWriter, r *http.Request) {
	b, ok := s.desk.Shelf.Find(r.PathValue("story"))
	number, isWAV := strings.CutSuffix(r.PathValue("sentence"), ".wav")
	n, err := strconv.Atoi(number)
	if !ok || !isWAV || err != nil || n < 0 {
		http.Error(w, "no such story or sentence; /stories lists the stories kept", http.StatusNotFound)
		return
	}
	params, err := paramsOf(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx := r.Context()
	text, ok := nthSentence(ctx, b.Story, n)
	if ctx.Err() != nil {
		return
	}
	if !ok {
		http.Error(w, fmt.Sprintf("the story has no sentence %d", n), http.StatusNotFound)
		return
	}
	params.Pause = sentence.Pause(text)
	if text = sentence.Plain(text); text == "" { // as on the board's own loudspeaker
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if r.Method == http.MethodHead { // what it would be, without the voice's work
		w.Header().Set("Content-Type", "audio/wav")
		return
	}
	s.sendSpeech(w, r, b.ID, n, text, params)
}

// sendSpeech streams the speech of a sentence, number n of a story, as WAV.
func (s *Server) sendSpeech(w http.ResponseWriter, r *http.Request, story string, n int, text string, params voice.Params) {
	ctx := r.Context()
	select {
	case s.listeners <- struct{}{}:
		defer func() { <-s.listeners }()
	case <-ctx.Done():
		return
	}
	k, leave, err := s.clips.join(s.ctx, story, n, params, func(ctx context.Context, k *clip) { s.speak(ctx, text, k) })
	if err != nil {
		unavailable(w, 1, err.Error())
		return
	}
	defer leave()
	part, whole, err := k.next(ctx, 0)
	switch {
	case ctx.Err() != nil:
		return
	case len(part) == 0 && err != nil:
		http.Error(w, fmt.Sprintf("the voice failed: %v", err), http.StatusServiceUnavailable)
		return
	case len(part) == 0:
		w.WriteHeader(http.StatusNoContent)
		return
	}
	size := -1
	if whole && err == nil {
		size = len(part)
		w.Header().Set("Content-Length", strconv.Itoa(44+size))
	}
	w.Header().Set("Content-Type", "audio/wav")
	control := http.NewResponseController(w)
	header := wavHeader(k.hz, size)
	for sent := 0; ; {
		for _, p := range [][]byte{header, part} {
			if _, err := w.Write(p); err != nil {
				return
			}
		}
		if control.Flush() != nil || whole && err == nil {
			return
		}
		if whole {
			panic(http.ErrAbortHandler) // the browser must not take this for all
		}
		header, sent = nil, sent+len(part)
		if part, whole, err = k.next(ctx, sent); ctx.Err() != nil {
			return
		}
	}
}

// nthSentence returns sentence n of a story, waiting until it is told.
func nthSentence(ctx context.Context, s *story.Story, n int) (string, bool) {
	var splitter sentence.Splitter
	for reader := s.Reader(); ; {
		next, err := desk.Follow(ctx, reader)
		if err != nil {
			return "", false
		}
		for _, piece := range next.Pieces {
			sentences := splitter.Write([]byte(piece))
			if n < len(sentences) {
				return sentences[n], true
			}
			n -= len(sentences)
		}
		if next.End != nil {
			rest := splitter.Flush()
			return rest, n == 0 && rest != "" && !desk.Avoided(*next.End)
		}
	}
}
