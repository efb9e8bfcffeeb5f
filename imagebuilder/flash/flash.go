// Package flash writes a card's image to a card, and proves it.
//
// It writes only the bytes that matter: see card.Used. Zeros among these are
// written like all others. The rest of the image's length, which nothing ever
// reads, is given back to the card (discarded), where the card can; what lies
// beyond the image is left alone. So "verified" means: every byte that matters
// was read back from the card itself, not from memory, and is the image's.
//
// The boot record goes last, after an empty one first: a card that was half
// written when somebody pulled it out has no partitions, instead of half of them.
package flash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"duostoryteller/app/memory"
	"duostoryteller/imagebuilder/card"
)

// chunk is how much is written or read at once, in bytes: a multiple of any
// sector and of common cards' pages, small enough to name a place by.
const chunk = 1 << 20

// Result is what was done, in bytes.
type Result struct {
	Written int64 // and read back
	Skipped int64 // of the image, because nothing reads them
}

// Write writes the image of size bytes to the device and reads it back.
// Progress, which may be nil, is told of each step how many bytes are done.
// Cancelling ctx stops at the next chunk. Errors name the place.
func Write(ctx context.Context, d Device, image io.ReaderAt, size int64, progress func(what string, done, total int64)) (Result, error) {
	if err := d.Fits(size); err != nil {
		return Result{}, err
	}
	im, err := card.Open(image, size)
	if err != nil {
		return Result{}, fmt.Errorf("the image: %w", err)
	}
	t, err := open(d)
	if err != nil {
		return Result{}, err
	}
	defer t.Close()
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	r, err := transfer(ctx, t, image, size, im.Used(), progress)
	if err != nil {
		return r, fmt.Errorf("%s: %w", d.Path, err)
	}
	if err := t.finish(); err != nil {
		return r, fmt.Errorf("%s: %w", d.Path, err)
	}
	return r, nil
}

// Fits returns an error if an image of size bytes cannot be written to d.
func (d Device) Fits(size int64) error {
	if size%512 != 0 {
		return fmt.Errorf("the image has %d bytes, no whole number of sectors: it is truncated or still compressed", size)
	}
	if size > d.Size {
		return fmt.Errorf("%s has %d bytes, the image %d: a larger card is needed", d.Path, d.Size, size)
	}
	return nil
}

// target is a card that is being written. Buffers given to it begin at a page.
type target interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Discard(start, size int64)
}

// transfer writes the used stretches of the image and compares them.
func transfer(ctx context.Context, t target, image io.ReaderAt, size int64, used []card.Extent, progress func(string, int64, int64)) (r Result, err error) {
	// Direct transfers want whole pages at page boundaries.
	pages, err := memory.Take(2 * chunk)
	if err != nil {
		return r, fmt.Errorf("memory: %w", err)
	}
	defer memory.Free(pages)
	ours, theirs := pages[:chunk], pages[chunk:]
	for _, e := range used {
		r.Written += e.Size
	}
	r.Skipped = size - r.Written

	read := func(at, n int64) error {
		if m, err := image.ReadAt(ours[:n], at); int64(m) < n {
			return fmt.Errorf("the image cannot be read at byte %d: %w", at, err)
		}
		return nil
	}
	write := func(at, n int64) error {
		m, err := t.WriteAt(ours[:n], at)
		if err == nil && int64(m) < n {
			err = io.ErrShortWrite
		}
		if err != nil {
			return fmt.Errorf("writing fails at byte %d: %w; the card or its reader is broken", at+int64(m), err)
		}
		return nil
	}
	sync := func() error {
		if err := t.Sync(); err != nil {
			return fmt.Errorf("the card does not keep what was written: %w; the card or its reader is broken", err)
		}
		return nil
	}
	// Each step goes over all chunks and may be interrupted between two.
	step := func(what, state string, do func(at, n int64) error) error {
		var done int64
		for _, e := range used {
			for at := e.Start; at < e.Start+e.Size; {
				if ctx.Err() != nil {
					return fmt.Errorf("interrupted while %s at byte %d; the card is %s, write it again", what, at, state)
				}
				n := min(chunk, e.Start+e.Size-at)
				if err := do(at, n); err != nil {
					return err
				}
				at += n
				done += n
				progress(what, done, r.Written)
			}
		}
		return nil
	}

	if ctx.Err() != nil {
		return r, errors.New("interrupted; nothing was written")
	}
	head := min(card.BlockSize, size)
	clear(ours[:head])
	if err := write(0, head); err != nil {
		return r, err
	}
	end := int64(0)
	for _, e := range append(used[:len(used):len(used)], card.Extent{Start: size}) {
		if e.Start > end {
			t.Discard(end, e.Start-end)
		}
		end = e.Start + e.Size
	}
	err = step("writing", "half written", func(at, n int64) error {
		if err := read(at, n); err != nil {
			return err
		}
		if at == 0 {
			clear(ours[:head])
		}
		return write(at, n)
	})
	if err != nil {
		return r, err
	}
	if err := sync(); err != nil { // all the rest is there before the boot record is
		return r, err
	}
	if err := read(0, head); err != nil {
		return r, err
	}
	if err := write(0, head); err != nil {
		return r, err
	}
	if err := sync(); err != nil {
		return r, err
	}
	return r, step("verifying", "not verified", func(at, n int64) error {
		if err := read(at, n); err != nil {
			return err
		}
		if m, err := t.ReadAt(theirs[:n], at); int64(m) < n {
			return fmt.Errorf("reading back fails at byte %d: %w; the card or its reader is broken", at+int64(m), err)
		}
		if !bytes.Equal(ours[:n], theirs[:n]) {
			i := 0
			for ours[i] == theirs[i] {
				i++
			}
			return fmt.Errorf("byte %d reads back as %#02x, %#02x was written: the card is worn out or not of its stated size", at+int64(i), theirs[i], ours[i])
		}
		return nil
	})
}
