package subprocess

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// What counts is the program's own time, not the clock's.
func TestWatch(t *testing.T) {
	for _, tt := range []struct {
		name  string
		share float64 // of the processor that it gets
		waits bool
		want  time.Duration // until it is ended; 0: never
	}{
		{"sleeps", 0, false, 10 * time.Second},
		{"computes without end", 1, true, 10 * time.Second},
		{"computes without end with a tenth of the processor", 0.1, true, 100 * time.Second},
		{"waits for the processor or the card", 0, true, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			ended := make(chan time.Duration, 1)
			w := &watch{
				look: func() activity {
					return activity{used: time.Duration(tt.share * float64(time.Since(begun))), waits: tt.waits}
				},
				end: func() { ended <- time.Since(begun) },
			}
			w.expect(10 * time.Second)
			time.Sleep(time.Hour)
			synctest.Wait()
			var got time.Duration
			select {
			case got = <-ended:
			default:
			}
			// It is looked at now and then.
			if got < tt.want || got > tt.want+tt.want/looks+time.Second || w.ended() != (tt.want > 0) {
				t.Errorf("a program that %s is ended after %v, %v; want %v", tt.name, got, w.ended(), tt.want)
			}
			w.relax()
		})
	}
}

// An answer, or nobody who waits for one, begins the time anew.
func TestWatchRelaxed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watch{look: func() activity { return activity{} }, end: func() { t.Error("ended") }}
		for range 10 {
			w.expect(10 * time.Second)
			time.Sleep(8 * time.Second)
		}
		w.relax()
		time.Sleep(time.Hour)
		synctest.Wait()
		if w.ended() {
			t.Error("it counts as hung")
		}
	})
}

func TestParseActivity(t *testing.T) {
	const line = "7 (a) b) %s 1 7 7 0 -1 4194304 90 0 0 0 150 25 0 0 30 10 1 0 100 2000 30 18446744073709551615"
	for state, waits := range map[string]bool{"R": true, "D": true, "S": false, "T": false, "Z": false} {
		want := activity{used: 1750 * time.Millisecond, waits: waits}
		if got := parseActivity(fmt.Appendf(nil, line, state)); got != want {
			t.Errorf("state %s: %+v; want %+v", state, got, want)
		}
	}
}

// Of two programs, one that computes and one that sleeps, both hang.
func TestHangs(t *testing.T) {
	for _, script := range []string{"while :; do :; done", "exec sleep 1000"} {
		p, err := Start("/bin/sh", 0, "-c", script)
		if err != nil {
			t.Skip("no /bin/sh: ", err)
		}
		p.Expect(200 * time.Millisecond)
		if _, _, err := p.ReadFrame(); err == nil || err.Error() != "it hung" {
			t.Errorf("%s: %v; want that it hung", script, err)
		}
		p.Close()
	}
}

func FuzzParseActivity(f *testing.F) {
	f.Add([]byte("7 (a) b) R 1 7 7 0 -1 4194304 90 0 0 0 150 25 0 0"))
	f.Add([]byte(""))
	f.Add([]byte("7 (a"))
	f.Fuzz(func(t *testing.T, stat []byte) { parseActivity(stat) })
}
