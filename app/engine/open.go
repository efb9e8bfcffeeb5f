package engine

import (
	"errors"
	"fmt"
	"io"
	"os"

	"duostoryteller/app/arith"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
)

// rawTokens is how many tokens of its own stories a llama2.c checkpoint tells
// while it is packed on the way into memory.
const rawTokens = 200

// Open opens an engine on the checkpoint at path, packed or as llama2.c has it.
// The engine owns the checkpoint. A packed one is still being read when Open
// returns; progress, if not nil, is told how far that is.
func Open(path string, o Options, progress func(done, total int64)) (*Engine, error) {
	set, err := arith.Select()
	if err != nil {
		return nil, err
	}
	head := make([]byte, len(packed.Magic))
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot use the model: %w", err)
	}
	_, err = io.ReadFull(f, head)
	f.Close()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("cannot use the model: %w", err)
	}
	var m *packed.Model
	var c *llama.Checkpoint
	if packed.Is(head) {
		m, err = packed.Open(path, o.Use(), progress)
	} else if c, err = llama.OpenCheckpoint(path); err == nil {
		m, err = Pack(c, set, rawTokens)
	}
	var e *Engine
	if err == nil {
		e, err = New(m, set, o)
	}
	if err != nil {
		if m != nil {
			m.Close()
		}
		if c != nil {
			c.Close()
		}
		return nil, fmt.Errorf("cannot use the model: %w", err)
	}
	e.checkpoint = c
	return e, nil
}
