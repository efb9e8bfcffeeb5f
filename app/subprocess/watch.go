package subprocess

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

// looks is how often a program that an answer is expected from is looked at, within
// the limit of its own time.
const looks = 10

// A watch ends a program that does not get on. What counts is the program's own time:
// that in which it computes, or sleeps. The time in which it waits for the processor,
// which other programs have, or for the card is not its fault, and a machine may be as
// slow as it likes.
type watch struct {
	look func() activity
	end  func()

	mu    sync.Mutex
	timer *time.Timer // nil: nothing is expected
	turn  int         // counts what was expected: a timer that comes late is known by it
	limit time.Duration
	own   time.Duration // of the limit, used up
	last  activity
	at    time.Time // of last
	hung  bool      // it was ended
}

// activity is what a program does.
type activity struct {
	used  time.Duration // of the processor, since it started
	waits bool          // for the processor or a device
}

// expect gives the program so much of its own time from now on.
func (w *watch) expect(limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
	w.limit, w.own, w.last, w.at = limit, 0, w.look(), time.Now()
	w.turn++
	turn := w.turn
	w.timer = time.AfterFunc(limit/looks, func() { w.tick(turn) })
}

// relax expects nothing any more.
func (w *watch) relax() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}

// tick looks at the program.
func (w *watch) tick(turn int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil || w.turn != turn {
		return // stopped meanwhile
	}
	now, is := time.Now(), w.look()
	own := is.used - w.last.used
	if !is.waits {
		own = max(own, now.Sub(w.at))
	}
	w.own += own
	w.last, w.at = is, now
	if w.own >= w.limit {
		w.hung = true
		w.end()
		return
	}
	w.timer.Reset(w.limit / looks)
}

// ended says whether the program was ended because it hung.
func (w *watch) ended() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hung
}

// tickLength is that of the times in /proc/PID/stat: USER_HZ is 100 on every machine
// that Linux's Go runs on.
const tickLength = 10 * time.Millisecond

// readActivity returns what the process does. Of one that cannot be looked at, all
// time counts.
func readActivity(pid int) activity {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return activity{}
	}
	return parseActivity(text)
}

// parseActivity reads /proc/PID/stat, see proc_pid_stat(5).
func parseActivity(stat []byte) activity {
	// The name, in parentheses, can hold anything.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const state, utime, stime = 0, 11, 12 // fields 3, 14 and 15 of the manual page
	if len(fields) <= stime {
		return activity{}
	}
	var ticks int64
	for _, f := range [][]byte{fields[utime], fields[stime]} {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return activity{}
		}
		ticks += n
	}
	s := string(fields[state])
	return activity{used: time.Duration(ticks) * tickLength, waits: s == "R" || s == "D"}
}
