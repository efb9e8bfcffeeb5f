package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"duostoryteller/app/llama"
	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/fetch"
)

// standIn is a checkpoint of the board's model's shape that may lie in the
// folder Data of machines that cannot have the real one.
const standIn = "standin15M.bin"

// file is an input that came from somewhere.
type file struct {
	path, name, source, sha256 string
	size                       int64
	note                       string
}

type modelFiles struct {
	checkpoint, tokenizer file
	packed                file // what the board reads: only path, sha256 and size
	config                llama.Config
}

// findModel finds the checkpoint and the tokenizer, and tries whether the
// board's programs could read them and whether they belong together.
func (s *state) findModel(ctx context.Context) (string, error) {
	var err error
	m := &s.model
	if m.checkpoint, err = s.find(ctx, s.Model, s.board.Model, "--model", standIn); err != nil {
		return "", err
	}
	if m.tokenizer, err = s.find(ctx, s.Tokenizer, s.board.Tokenizer, "--tokenizer", ""); err != nil {
		return "", err
	}
	checkpoint, err := llama.OpenCheckpoint(m.checkpoint.path)
	if err != nil {
		return "", err
	}
	m.config = checkpoint.Config
	if err := checkpoint.Close(); err != nil {
		return "", err
	}
	if want := m.config.FileSize(); m.checkpoint.size != want {
		return "", fmt.Errorf("checkpoint %s: %d bytes, its header asks for %d: it is not a checkpoint of llama2.c's legacy format, or it is damaged", m.checkpoint.path, m.checkpoint.size, want)
	}
	if _, err := llama.OpenTokenizer(m.tokenizer.path, m.config.VocabSize); err != nil {
		return "", fmt.Errorf("%w (checkpoint %s; choose with --model and --tokenizer)", err, m.checkpoint.name)
	}
	return fmt.Sprintf("%s, SHA-256 %.12s…, and %s, %.12s…%s", m.checkpoint.name, m.checkpoint.sha256,
		m.tokenizer.name, m.tokenizer.sha256, m.checkpoint.note), nil
}

// find takes the file given by the flag, else the pinned one from the folder
// Data or the cache, else the one called instead from Data, else a download.
func (s *state) find(ctx context.Context, given string, pinned board.File, flag, instead string) (file, error) {
	if given != "" {
		return describe(given, "given by "+flag)
	}
	for _, dir := range []string{s.Data, s.downloads()} {
		f, err := describe(filepath.Join(dir, pinned.File), pinned.URL)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return file{}, err
		case f.sha256 == pinned.SHA256:
			return f, nil
		case dir == s.Data: // the cache mends itself
			return file{}, fmt.Errorf("%s: its SHA-256 is %s, expected %s: replace it, or give another one with %s", f.path, f.sha256, pinned.SHA256, flag)
		}
	}
	if instead != "" {
		f, err := describe(filepath.Join(s.Data, instead), "a stand-in trained on a synthetic story grammar (CC0)")
		if err == nil {
			f.note = fmt.Sprintf("; a stand-in of the same shape, NOT the real %s", pinned.File)
			return f, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return file{}, err
		}
	}
	client := &fetch.Client{Dir: s.downloads()}
	if s.Progress != nil {
		client.Progress = func(f fetch.File, done int64) { s.Progress(f.Name, done, f.Size) }
	}
	path, err := client.Get(ctx, fetch.File{Name: pinned.File, URL: pinned.URL, Size: pinned.Size, SHA256: pinned.SHA256})
	if err != nil {
		return file{}, fmt.Errorf("%w; without a network put %s into a folder and name it by DUO_DATA, or give one with %s", err, pinned.File, flag)
	}
	return describe(path, pinned.URL)
}

func (s *state) downloads() string { return filepath.Join(s.Cache, "download") }

func describe(path, source string) (file, error) {
	sum, size, err := fetch.Sum(path)
	if err != nil {
		return file{}, err
	}
	return file{path: path, name: filepath.Base(path), source: source, sha256: sum, size: size}, nil
}
