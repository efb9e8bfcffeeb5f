package build

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
	"duostoryteller/app/wholefile"
	"duostoryteller/imagebuilder/convert"
	"duostoryteller/imagebuilder/models"
)

// Where the card has the program that ours is compared with, and its checkpoint.
const (
	baselineProgram = share + "/baseline/run"
	baselineModel   = share + "/baseline/model.bin"
)

// baseline is a program of the user's that is compared with ours, and what it
// reads; without paths there is none.
type baseline struct{ program, checkpoint file }

// findBaseline finds the program and its checkpoint: the one that the card's
// model was packed from, for run.c cannot read the packed form.
func (s *state) findBaseline(context.Context) (string, error) {
	if s.Baseline == "" {
		return "none given", nil
	}
	if err := runsAlone(s.Baseline); err != nil {
		return "", fmt.Errorf("baseline: %w: build llama2.c's run.c with riscv64-linux-gnu-gcc -static", err)
	}
	var err error
	if s.baseline.program, err = describe(s.Baseline, "given by --baseline"); err != nil {
		return "", err
	}
	switch {
	case s.BaselineModel != "":
		s.baseline.checkpoint, err = describe(s.BaselineModel, "given by --baseline-model")
	case s.model.header.Version != 0: // which run.c does not read
		s.baseline.checkpoint, err = s.legacyCheckpoint()
	default:
		s.baseline.checkpoint = s.model.checkpoint
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, SHA-256 %.12s…, with %s of %s: the card is so much larger", s.baseline.program.name, s.baseline.program.sha256,
		cmp.Or(s.baseline.checkpoint.name, "a checkpoint"), size(s.baseline.checkpoint.size)), nil
}

// legacyCheckpoint makes llama2.c's legacy form of the model's checkpoint, in the cache.
func (s *state) legacyCheckpoint() (file, error) {
	checkpoint, err := llama.OpenCheckpoint(s.model.checkpoint.path)
	if err != nil {
		return file{}, err
	}
	defer checkpoint.Close()
	dir := filepath.Join(s.Cache, "legacy")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return file{}, err
	}
	path := filepath.Join(dir, s.model.checkpoint.sha256[:16]+".bin")
	if err := wholefile.Write(path, func(w io.Writer) error { return convert.Legacy(w, checkpoint) }); err != nil {
		return file{}, err
	}
	legacy, err := describe(path, fmt.Sprintf("made of %s: run.c reads the legacy form only", s.model.checkpoint.name))
	legacy.name = s.model.checkpoint.name
	return legacy, err
}

// rootSize is the size of the root file system's partition: the board's, and
// what the baseline and larger or further models take besides, in whole MiB.
func (s *state) rootSize() int64 {
	const unit = 1 << 20
	extra := s.baseline.program.size + s.baseline.checkpoint.size
	if s.baseline.program.path == "" {
		extra = 0
	} else {
		extra += unit // for the file system's own blocks
	}
	return s.board.Card.RootSize + (extra+s.larger()+unit-1)/unit*unit
}

// larger is by how much the packed models are larger than that of the shape that root_size
// was chosen for.
func (s *state) larger() (more int64) {
	for _, m := range s.models() {
		size, err := packed.FileSize(m.header.Config)
		if err != nil { // there is no model yet
			return 0
		}
		more += size
	}
	planned, err := packed.FileSize(models.Counted())
	if err != nil {
		return 0
	}
	return max(0, more-planned)
}
