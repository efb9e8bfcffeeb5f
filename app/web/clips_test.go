package web

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"duostoryteller/app/voice"
)

// spoken speaks n bytes at once.
func spoken(c *clips, n int) func(context.Context, *clip) {
	return func(_ context.Context, k *clip) {
		k.Write(make([]byte, n))
		c.finish(k, nil)
	}
}

// What is kept of the sound is bounded as soon as nobody listens to it, and a sentence
// is spoken once.
func TestClips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClips()
		for i, n := range []int{soundKept / 2, soundKept / 2, soundKept / 2, 3 * soundKept, 10} {
			_, leave, err := c.join(t.Context(), "story", i, voice.Normal(), spoken(c, n))
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			_, leaveToo, err := c.join(t.Context(), "story", i, voice.Normal(), func(context.Context, *clip) { t.Errorf("sentence %d is spoken twice", i) })
			if err != nil {
				t.Fatal(err)
			}
			leave()
			if len(c.clips) == 0 || c.clips[len(c.clips)-1].sentence != i {
				t.Errorf("sentence %d is not kept while it is listened to", i)
			}
			leave() // a second time is none
			leaveToo()
			if c.size() > soundKept {
				t.Errorf("after sentence %d, %d bytes are kept; want at most %d", i, c.size(), soundKept)
			}
		}
		if len(c.clips) != 1 {
			t.Errorf("%d sentences are kept behind a long one; want the last alone", len(c.clips))
		}
	})
}

// A sentence that nobody waits for any more is not spoken, and few wait for the voice.
func TestClipsNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClips()
		var cancelled atomic.Int32
		speak := func(ctx context.Context, k *clip) {
			<-ctx.Done()
			cancelled.Add(1)
			c.finish(k, ctx.Err())
		}
		var leaves []func()
		for i := range clipsQueued {
			_, leave, err := c.join(t.Context(), "story", i, voice.Normal(), speak)
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, leave)
		}
		for i := clipsQueued; i < 238; i++ {
			if _, _, err := c.join(t.Context(), "story", i, voice.Normal(), speak); !errors.Is(err, errQueue) {
				t.Fatalf("sentence %d: %v; want %v", i, err, errQueue)
			}
		}
		_, again, err := c.join(t.Context(), "story", 0, voice.Normal(), speak) // one that is waited for already
		if err != nil {
			t.Fatal(err)
		}
		for _, leave := range leaves {
			leave()
		}
		synctest.Wait()
		if cancelled.Load() != clipsQueued-1 || len(c.clips) != 1 {
			t.Errorf("%d sentences cancelled, %d left; want all but the one that is waited for", cancelled.Load(), len(c.clips))
		}
		again()
		synctest.Wait()
		if cancelled.Load() != clipsQueued || len(c.clips) != 0 {
			t.Errorf("%d sentences cancelled, %d left; want none left", cancelled.Load(), len(c.clips))
		}
	})
}

// The voice waits while slow browsers have the memory.
func TestClipsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClips()
		var leaves []func()
		for i := range 2 {
			_, leave, err := c.join(t.Context(), "story", i, voice.Normal(), spoken(c, maxClip))
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, leave)
		}
		synctest.Wait()
		room := false
		go func() {
			room = c.room(t.Context()) == nil
		}()
		synctest.Wait()
		if room {
			t.Errorf("room for a sentence beside %d bytes", c.size())
		}
		for _, leave := range leaves {
			leave()
		}
		synctest.Wait()
		if !room {
			t.Error("no room when the browsers have gone")
		}
	})
}
