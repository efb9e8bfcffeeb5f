package emulator

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// bear returns a context that is cancelled when alive has not been called for
// silence, with an error that says so; with 0 it bears with it for ever. Time in
// which the machine waited for a processor of this PC does not count: a busy PC
// makes the machine slow, not dead.
func (m *Machine) bear(ctx context.Context, silence time.Duration) (_ context.Context, alive, cancel func()) {
	if silence == 0 {
		return ctx, func() {}, func() {}
	}
	ctx, end := context.WithCancelCause(ctx)
	var heard atomic.Bool
	tasks := fmt.Sprintf("/proc/%d/task", m.cmd.Process.Pid)
	begin, starvedBefore := time.Now(), starved(tasks)
	go func() {
		tick := time.NewTicker(min(time.Second, silence/4))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				waited := starved(tasks)
				if heard.Swap(false) {
					begin, starvedBefore = now, waited
				}
				if now.Sub(begin)-(waited-starvedBefore) >= silence {
					end(fmt.Errorf("silent for %v", silence))
				}
			}
		}
	}()
	return ctx, func() { heard.Store(true) }, func() { end(context.Canceled) }
}

// starved returns how long a process has waited for a processor: the one of its
// threads that waited longest, by the kernel's account in /proc/PID/task
// (Documentation/scheduler/sched-stats.rst). It is 0 where the kernel keeps none.
func starved(tasks string) time.Duration {
	files, _ := filepath.Glob(filepath.Join(tasks, "*/schedstat"))
	longest := time.Duration(0)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		var ran, waited int64 // ns
		if n, _ := fmt.Sscan(string(text), &ran, &waited); n == 2 {
			longest = max(longest, time.Duration(waited))
		}
	}
	return longest
}
