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

// packModels packs the card's models.
func (s *state) packModels(context.Context) (string, error) {
	result, err := s.packModel(&s.model)
	for i := range s.more {
		if err != nil {
			break
		}
		var line string
		line, err = s.packModel(&s.more[i])
		result += fmt.Sprintf("; %s %s", s.more[i].name(), line)
	}
	return result, err
}

// packModel makes of the checkpoint the form that the board reads, or takes it
// from the cache: it is the same bytes on every machine.
func (s *state) packModel(m *modelFiles) (string, error) {
	dir := filepath.Join(s.Cache, "packed")
	name := fmt.Sprintf("%.16s-%d-%d.packed", m.checkpoint.sha256, packed.Version, HotTokens)
	m.packed.path = filepath.Join(dir, name)
	how := "from the cache"
	if packed.Verify(m.packed.path) != nil { // not there, or damaged
		how = "packed"
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		if err := pack(m.checkpoint.path, m.packed.path); err != nil {
			return "", err
		}
	}
	var err error
	m.packed.sha256, m.packed.size, err = fetch.Sum(m.packed.path)
	return fmt.Sprintf("%s, %s", size(m.packed.size), how), err
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
