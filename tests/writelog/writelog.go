// Package writelog reads what a machine wrote to its card, in order, and makes
// the cards that would have been left if the power had been cut in between.
//
// The log is that of the kernel's dm-log-writes and of QEMU's blklogwrites
// (Documentation/admin-guide/device-mapper/log-writes.rst): a superblock, then
// entries, each with its data behind it. A flush among them says that what was
// written before is safe; what came after the last flush may be on the card or
// not, in any order.
package writelog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
)

// Sector is the size of what a card writes whole or not at all, in bytes.
const Sector = 512

// Entry is one request: a write, a flush, or a write of zeros.
type Entry struct {
	Offset int64 // bytes from the card's beginning
	Data   []byte
	Flush  bool // all before it is safe
}

// Log is what was written, in order.
type Log []Entry

const (
	magic   = 0x6a736677736872
	version = 1

	flagFlush, flagFUA, flagDiscard, flagMark = 1, 2, 4, 8
)

// Read reads a log to its end.
func Read(r io.Reader) (Log, error) {
	in := bufio.NewReaderSize(r, 1<<20)
	head := make([]byte, Sector)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, fmt.Errorf("write log: superblock: %w", err)
	}
	le := binary.LittleEndian
	if le.Uint64(head) != magic || le.Uint64(head[8:]) != version || le.Uint32(head[24:]) != Sector {
		return nil, errors.New("write log: its superblock is not one of 512-byte sectors, version 1")
	}
	var log Log
	for n := le.Uint64(head[16:]); uint64(len(log)) < n; {
		if _, err := io.ReadFull(in, head); err != nil {
			return nil, fmt.Errorf("write log: entry %d of %d: %w", len(log), n, err)
		}
		sector, sectors, flags, length := le.Uint64(head), le.Uint64(head[8:]), le.Uint64(head[16:]), le.Uint64(head[24:])
		const most = 1 << 20 // sectors; more is no request
		if sectors > most || sector > 1<<40 || flags&flagMark != 0 && length > Sector {
			return nil, fmt.Errorf("write log: entry %d is damaged", len(log))
		}
		e := Entry{Offset: int64(sector) * Sector, Flush: flags&(flagFlush|flagFUA) != 0}
		if flags&flagMark == 0 {
			e.Data = make([]byte, sectors*Sector)
		}
		if flags&flagDiscard == 0 {
			if _, err := io.ReadFull(in, e.Data); err != nil {
				return nil, fmt.Errorf("write log: data of entry %d: %w", len(log), err)
			}
		}
		log = append(log, e)
	}
	return log, nil
}

// A Cut is a moment at which the power goes, and what had reached the card by
// then: whole entries in order, or, with Torn sectors of it, the beginning of
// one more.
type Cut struct {
	After int // entries were sent
	Kept  []int
	Torn  int
}

// InOrder returns the cut after n entries of a card that writes in order; torn
// sectors of the next one were written, too.
func (l Log) InOrder(n, torn int) Cut {
	c := Cut{After: n, Torn: torn}
	for i := range n {
		c.Kept = append(c.Kept, i)
	}
	return c
}

// Reordered returns a cut after n entries of a card that keeps what was not
// flushed as long as it likes: some of it, in r's choice, is lost.
func (l Log) Reordered(n int, r *rand.Rand) Cut {
	safe := 0
	for i := range n {
		if l[i].Flush {
			safe = i + 1
		}
	}
	c := l.InOrder(safe, 0)
	c.After = n
	keep := r.Float64() // how many, so that nearly all and nearly none come as well
	for i := safe; i < n; i++ {
		if r.Float64() < keep {
			c.Kept = append(c.Kept, i)
		}
	}
	return c
}

// Replay writes to the card what reached it before the cut.
func (l Log) Replay(card io.WriterAt, c Cut) error {
	for _, i := range c.Kept {
		if len(l[i].Data) == 0 {
			continue
		}
		if _, err := card.WriteAt(l[i].Data, l[i].Offset); err != nil {
			return err
		}
	}
	if c.Torn == 0 || c.After >= len(l) {
		return nil
	}
	next := l[c.After]
	if len(next.Data) == 0 {
		return nil
	}
	_, err := card.WriteAt(next.Data[:min(len(next.Data), c.Torn*Sector)], next.Offset)
	return err
}
