package bandwidth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"duostoryteller/app/memory"
	"duostoryteller/app/uncached"
)

// takeMemory takes memory as the model has it, on huge pages where the kernel
// gives them, with weights in it.
func takeMemory(size int) (weights []byte, free func(), err error) {
	const huge = 2 << 20
	mapped, err := memory.Take(size + huge)
	if err != nil {
		return nil, nil, fmt.Errorf("no memory to measure with, %d bytes: %w", size, err)
	}
	begin := 0
	for address(mapped[begin:])%huge != 0 {
		begin += os.Getpagesize()
	}
	weights = mapped[begin:][:size]
	memory.AdviseHuge(weights) // without them it is slower, as the model would be
	fill(weights)
	return weights, func() { memory.Free(mapped) }, nil
}

// card reads a file in order and here and there, past the page cache. The file's
// content goes into the memory, whose weights are put back.
func (m *meter) card(ctx context.Context, name string) (*Card, error) {
	if name == "" {
		return nil, nil
	}
	defer fill(m.memory)
	c := &Card{File: name, Direct: true}
	f, err := uncached.Open(name)
	if errors.Is(err, errors.ErrUnsupported) {
		c.Direct = false
		f, err = os.Open(name)
	}
	if err != nil {
		return nil, fmt.Errorf("the card's speed: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("the card's speed: %w", err)
	}
	const chunk, small = 1 << 20, 4 << 10
	size := info.Size() / small * small
	if size < 2*small {
		return nil, fmt.Errorf("the card's speed: %s has %d bytes only", name, info.Size())
	}
	read := func(at, n int64) error {
		if !c.Direct {
			uncached.Forget(f, at, n)
		}
		if _, err := f.ReadAt(m.memory[:n], at); err != nil {
			return fmt.Errorf("the card's speed: %w", err)
		}
		return ctx.Err()
	}
	most := min(size, 32<<20)
	begin := time.Now()
	var done int64
	for done < most && (done == 0 || time.Since(begin) < 4*m.least) {
		n := min(chunk, most-done)
		if err := read(done, n); err != nil {
			return nil, err
		}
		done += n
	}
	c.Sequential = float64(done) / time.Since(begin).Seconds()
	begin = time.Now()
	reads := 0
	for at := int64(1); reads < 4 || reads < 256 && time.Since(begin) < m.least; reads++ {
		at = (at*6364136223846793005 + 1442695040888963407) & (1<<62 - 1) // D. Knuth's linear congruential generator
		if err := read(at/1024%(size/small)*small, small); err != nil {
			return nil, err
		}
	}
	c.Random = time.Since(begin).Seconds() * 1000 / float64(reads)
	return c, nil
}
