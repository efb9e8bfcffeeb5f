package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"duostoryteller/app/sentence"
	"duostoryteller/app/story"
)

const (
	// clipSeconds bounds one spoken sentence; the splitter cuts at about 15.
	clipSeconds = 40
	// clipsKept are enough for several browsers that listen to one story.
	clipsKept = 6
	// listenersAtOnce bounds the clips that slow browsers hold in memory.
	listenersAtOnce = 8
)

// clips are the sentences spoken lately, oldest first.
type clips struct {
	mu    sync.Mutex
	clips []clip
}

type clip struct {
	story    string
	sentence int
	pcm      *byteLog
}

// get returns the log of a spoken sentence, beginning it with speak if it is
// not among those kept.
func (c *clips) get(story string, sentence, limit int, speak func(*byteLog)) *byteLog {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.clips, func(k clip) bool { return k.story == story && k.sentence == sentence })
	if i < 0 {
		if len(c.clips) == clipsKept {
			c.clips = slices.Delete(c.clips, 0, 1)
		}
		i = len(c.clips)
		c.clips = append(c.clips, clip{story, sentence, newByteLog(limit)})
		go speak(c.clips[i].pcm)
	}
	return c.clips[i].pcm
}

// forget drops a clip, so that a failed one is tried again.
func (c *clips) forget(pcm *byteLog) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clips = slices.DeleteFunc(c.clips, func(k clip) bool { return k.pcm == pcm })
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
	rate := s.voice.Rate()
	pcm := s.clips.get(b.id, n, 2*rate*clipSeconds, func(pcm *byteLog) {
		s.speaking.Lock() // one at a time: the board has one core
		defer s.speaking.Unlock()
		err := s.voice.Speak(s.ctx, text, pcm)
		if err != nil {
			s.clips.forget(pcm)
		}
		pcm.close(err)
	})

	part, whole, err := pcm.next(ctx, 0)
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
	out := wavHeader(rate, size)
	for sent := 0; ; {
		control.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := w.Write(out); err != nil {
			return
		}
		if _, err := w.Write(part); err != nil {
			return
		}
		if control.Flush() != nil || whole {
			return
		}
		sent += len(part)
		out = nil
		if part, whole, err = pcm.next(ctx, sent); ctx.Err() != nil {
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
