package engine

import (
	"fmt"

	"duostoryteller/app/arith"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
)

// RawTokens is how many tokens of its own stories a llama2.c checkpoint tells
// while it is packed for a PC.
const RawTokens = 200

// Open opens an engine on the checkpoint at path, packed or as llama2.c has it.
// The engine owns the checkpoint. A packed one is still being read when Open
// returns; progress, if not nil, is told how far that is. One that is not packed
// is told from as it is, unless o.Packed names its packed form, of which everything
// has been read and checked when Open returns; the fast engine, which has no
// other weights than packed ones, packs them in memory.
func Open(path string, o Options, progress func(done, total int64)) (*Engine, error) {
	set, err := arith.Select()
	if err != nil {
		return nil, err
	}
	isPacked, err := packed.IsFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot use the model: %w", err)
	}
	var e *Engine
	if isPacked {
		e, err = openPacked(path, set, o, progress)
	} else {
		e, err = openCheckpoint(path, set, o)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot use the model: %w", err)
	}
	return e, nil
}

func openPacked(path string, set *arith.Set, o Options, progress func(done, total int64)) (*Engine, error) {
	m, err := packed.Open(path, o.Use(), progress)
	if err != nil {
		return nil, err
	}
	e, err := New(m, set, o)
	if err != nil {
		m.Close()
		return nil, err
	}
	return e, nil
}

func openCheckpoint(path string, set *arith.Set, o Options) (e *Engine, err error) {
	c, err := llama.OpenCheckpoint(path)
	if err != nil {
		return nil, err
	}
	if o.Packed == "" && !o.Fast {
		e, err = NewRaw(c, set, o)
	} else {
		e, err = openForm(c, set, o)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	e.checkpoint = c
	return e, nil
}

// openForm reads or makes the packed form of c.
func openForm(c *llama.Checkpoint, set *arith.Set, o Options) (e *Engine, err error) {
	var m *packed.Model
	if o.Packed != "" {
		m, err = packed.Open(o.Packed, o.Use(), nil)
	} else {
		m, err = Pack(c, set, RawTokens)
	}
	if err != nil {
		return nil, err
	}
	if err = m.WaitAll(); err == nil && !m.Of(c.Config) {
		err = fmt.Errorf("%s: packed of another checkpoint", o.Packed)
	}
	if err == nil {
		e, err = newOver(m, c, set, o)
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	return e, nil
}
