package web

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

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
	// listenersAtOnce bounds the clips that slow browsers hold in memory.
	listenersAtOnce = 8
)

// clips are the sentences spoken lately, oldest first.
type clips struct {
	mu    sync.Mutex
	clips []*clip
}

// clip is one spoken sentence, 16-bit little-endian samples.
type clip struct {
	story    string
	sentence int
	hz       int // known when there are samples
	*byteLog
}

// get returns a spoken sentence, beginning it with speak if it is not among
// those kept.
func (c *clips) get(story string, sentence int, speak func(*clip)) *clip {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.clips {
		if k.story == story && k.sentence == sentence {
			return k
		}
	}
	size := 0
	for i := len(c.clips) - 1; i >= 0; i-- {
		if size += c.clips[i].size(); size > soundKept {
			c.clips = slices.Delete(c.clips, 0, i+1)
			break
		}
	}
	k := &clip{story: story, sentence: sentence, byteLog: newByteLog(maxClip)}
	c.clips = append(c.clips, k)
	go speak(k)
	return k
}

// forget drops a clip, so that a failed one is tried again.
func (c *clips) forget(failed *clip) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clips = slices.DeleteFunc(c.clips, func(k *clip) bool { return k == failed })
}

// speak has the voice speak a sentence into its clip.
func (s *Server) speak(text string, k *clip) {
	s.speaking.Lock() // one at a time: the board has one core, and one voice
	defer s.speaking.Unlock()
	s.rest.Stop()
	defer s.rest.Reset(voiceRests)
	var part []byte
	_, err := s.voice.Say(s.ctx, text, voice.Normal(), func(hz int, samples []int16) error {
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
	if err != nil {
		s.clips.forget(k)
	}
	k.close(err)
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
	b, ok := s.shelf.find(r.PathValue("story"))
	number, isWAV := strings.CutSuffix(r.PathValue("sentence"), ".wav")
	n, err := strconv.Atoi(number)
	if !ok || !isWAV || err != nil || n < 0 {
		http.Error(w, "no such story or sentence; /stories lists the stories kept", http.StatusNotFound)
		return
	}
	ctx := r.Context()
	text, ok := nthSentence(ctx, b.story, n)
	if ctx.Err() != nil {
		return
	}
	if !ok {
		http.Error(w, fmt.Sprintf("the story has no sentence %d", n), http.StatusNotFound)
		return
	}
	select {
	case s.listeners <- struct{}{}:
		defer func() { <-s.listeners }()
	case <-ctx.Done():
		return
	}
	k := s.clips.get(b.id, n, func(k *clip) { s.speak(text, k) })
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
		control.SetWriteDeadline(time.Now().Add(writeTimeout))
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
		next, err := follow(ctx, reader)
		if err != nil {
			return "", false
		}
		for _, piece := range next.pieces {
			sentences := splitter.Write([]byte(piece))
			if n < len(sentences) {
				return sentences[n], true
			}
			n -= len(sentences)
		}
		if next.end != nil {
			rest := splitter.Flush()
			return rest, n == 0 && rest != ""
		}
	}
}
