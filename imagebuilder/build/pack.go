package build

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"duostoryteller/app/arith"
	"duostoryteller/app/engine"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
	"duostoryteller/app/wholefile"
	"duostoryteller/imagebuilder/fetch"
)

// HotTokens is how many tokens of its own stories a checkpoint tells while it is
// packed, to find the rows of the classifier that are worth keeping in memory.
const HotTokens = 2000

// packModel makes of the checkpoint the form that the board reads, or takes it
// from the cache: it is the same bytes on every machine.
func (s *state) packModel(context.Context) (string, error) {
	dir := filepath.Join(s.Cache, "packed")
	name := fmt.Sprintf("%.16s-%d-%d.packed", s.model.checkpoint.sha256, packed.Version, HotTokens)
	s.model.packed.path = filepath.Join(dir, name)
	how := "from the cache"
	if packed.Verify(s.model.packed.path) != nil { // not there, or damaged
		how = "packed"
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		if err := pack(s.model.checkpoint.path, s.model.packed.path); err != nil {
			return "", err
		}
	}
	var err error
	s.model.packed.sha256, s.model.packed.size, err = fetch.Sum(s.model.packed.path)
	return fmt.Sprintf("%s, %s", size(s.model.packed.size), how), err
}

// pack writes the packed form of the checkpoint at from, whole or not at all.
func pack(from, to string) error {
	checkpoint, err := llama.OpenCheckpoint(from)
	if err != nil {
		return err
	}
	defer checkpoint.Close()
	set, err := arith.Select()
	if err != nil {
		return err
	}
	m, err := engine.Pack(checkpoint, set, HotTokens)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	defer m.Close()
	return wholefile.Write(to, func(w io.Writer) error {
		_, err := m.WriteTo(w)
		return err
	})
}
