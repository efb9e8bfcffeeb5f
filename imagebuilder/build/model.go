package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"duostoryteller/app/cardmodels"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/builtin"
	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/fetch"
	"duostoryteller/imagebuilder/models"
)

// standIn is a checkpoint of the board's model's shape that may lie in the
// folder Data of machines that cannot have the real one.
const standIn = "standin15M.bin"

// builtinSource is where the manifest says that the built-in model is from.
const builtinSource = "built into imagebuilder, trained by this project on a synthetic story grammar"

// file is an input that came from somewhere.
type file struct {
	path, name, source, sha256 string
	size                       int64
	note                       string
}

// modelFiles are those of one model.
type modelFiles struct {
	checkpoint, tokenizer file
	packed                file // what the board reads: only path, sha256 and size
	header                llama.Header
	unavailable           error // why the built-in one stands in for the board's; nil where it does not
}

// models are the card's, its own first.
func (s *state) models() []modelFiles { return append([]modelFiles{s.model}, s.more...) }

// name is what a person calls it.
func (m modelFiles) name() string { return cardmodels.NameOf(m.checkpoint.name) }

// Model is a checkpoint with its tokenizer.
type Model struct {
	Checkpoint, Tokenizer string // paths
	Note                  string // what a person should know of it; may be empty
}

// FindModel finds the checkpoint and the tokenizer that a build with these
// options would take.
func FindModel(ctx context.Context, o Options) (Model, error) {
	s := &state{Options: o}
	if _, err := s.readBoard(ctx); err != nil {
		return Model{}, err
	}
	if _, err := s.findModel(ctx); err != nil {
		return Model{}, err
	}
	return Model{s.model.checkpoint.path, s.model.tokenizer.path, s.modelAdvice()}, nil
}

// Download fetches what a build with these options would download of firmware,
// checkpoint and tokenizer, and returns a line about each, and the names of those
// that cannot be had. That is no error unless o.RequireModel makes it one.
func Download(ctx context.Context, o Options) (lines, missing []string, err error) {
	s := &state{Options: o}
	if _, err := s.readBoard(ctx); err != nil {
		return nil, nil, err
	}
	fip, err := s.findFirmware(ctx)
	switch {
	case errors.As(err, new(*fetch.Unavailable)):
		lines, missing = append(lines, fmt.Sprintf("firmware: cannot be had: %v", err)), append(missing, "the vendor's firmware")
	case err != nil:
		return nil, nil, err
	case fip == "":
		lines = append(lines, "firmware: none wanted")
	default:
		lines = append(lines, "firmware: "+fip)
	}
	result, err := s.findModels(ctx)
	if err != nil {
		return lines, missing, err
	}
	lines = append(lines, "checkpoint and tokenizer: "+result)
	if s.model.unavailable != nil {
		lines = append(lines, fmt.Sprintf("    because: %v", s.model.unavailable))
		missing = append(missing, s.board.Model.File)
	}
	return lines, missing, nil
}

// findModels finds the card's own model and the further ones.
func (s *state) findModels(ctx context.Context) (string, error) {
	result, err := s.findModel(ctx)
	if err != nil {
		return "", err
	}
	names := []string{s.model.name()}
	for _, given := range s.MoreModels {
		one := &state{Options: s.Options, board: s.board, forBoard: s.forBoard}
		one.Model, one.Tokenizer, _ = strings.Cut(given, ",")
		one.ModelSHA256, one.RequireModel = "", true
		if one.Model == "" {
			return "", fmt.Errorf("a further model %q: it is CHECKPOINT or CHECKPOINT,TOKENIZER", given)
		}
		line, err := one.findModel(ctx)
		if err != nil {
			return "", fmt.Errorf("the further model %s: %w", one.Model, err)
		}
		name := one.model.name()
		if err := cardmodels.CheckName(name); err != nil {
			return "", fmt.Errorf("%s: %w: rename the file", one.Model, err)
		}
		if slices.Contains(names, name) {
			return "", fmt.Errorf("two models for the card have the name %s: rename the file of one", name)
		}
		names = append(names, name)
		s.more = append(s.more, one.model)
		result += "; and " + line
	}
	return result, nil
}

// findModel finds the checkpoint and the tokenizer, and tries whether the
// board's programs could read them and whether they belong together. Where the
// board's own cannot be had, the built-in one takes their place.
func (s *state) findModel(ctx context.Context) (string, error) {
	m := &s.model
	err := s.findFiles(ctx)
	if errors.As(err, new(*fetch.Unavailable)) && s.Model == "" && s.Tokenizer == "" && !s.RequireModel {
		m.unavailable = err
		err = s.takeBuiltin("; the small built-in one, NOT the real " + s.board.Model.File)
	}
	if err != nil {
		return "", err
	}
	if err := s.readHeader(); err != nil {
		return "", err
	}
	if want := m.header.FileSize(); m.checkpoint.size != want {
		return "", fmt.Errorf("checkpoint %s: %d bytes, its header asks for %d: it is not a checkpoint of llama2.c, or it is damaged", m.checkpoint.path, m.checkpoint.size, want)
	}
	if _, err := llama.OpenTokenizer(m.tokenizer.path, m.header.VocabSize); err != nil {
		return "", fmt.Errorf("%w (checkpoint %s; choose with --model and --tokenizer)", err, m.checkpoint.name)
	}
	return fmt.Sprintf("%s, SHA-256 %.12s…, and %s, %.12s…%s", m.checkpoint.name, m.checkpoint.sha256,
		m.tokenizer.name, m.tokenizer.sha256, m.checkpoint.note), nil
}

// findFiles finds what the user asked for, or the board's own.
func (s *state) findFiles(ctx context.Context) (err error) {
	if s.Model == builtin.Name {
		if err := s.takeBuiltin("; the small built-in one, as asked for, NOT the real " + s.board.Model.File); err != nil || s.Tokenizer == "" {
			return err
		}
	} else if s.model.checkpoint, err = s.findCheckpoint(ctx); err != nil {
		return err
	} else if err := s.readHeader(); err != nil { // before its tokenizer is looked for
		return err
	}
	s.model.tokenizer, err = s.find(ctx, s.Tokenizer, s.board.Tokenizer, "--tokenizer", "")
	return err
}

// findCheckpoint finds the one that is named, by its file or as one that is known.
func (s *state) findCheckpoint(ctx context.Context) (f file, err error) {
	known, ok := models.Find(s.Model)
	if ok {
		_, err := os.Stat(s.Model) // a file of that name is what was meant
		ok = err != nil
	}
	if !ok {
		f, err = s.find(ctx, s.Model, s.board.Model, "--model", standIn)
	} else {
		if s.forBoard { // before a download of hundreds of megabytes
			if err := models.Refuse(s.board, known.Name, known.Shape); err != nil {
				return file{}, err
			}
		}
		f, err = s.find(ctx, "", known.File(), "--model", "")
	}
	switch {
	case err != nil:
	case s.ModelSHA256 != "" && !strings.EqualFold(s.ModelSHA256, f.sha256):
		err = fmt.Errorf("%s: its SHA-256 is %s, expected %s (--model-sha256): it is another file", f.path, f.sha256, s.ModelSHA256)
	case ok && known.SHA256 == "" && s.ModelSHA256 == "":
		f.note = fmt.Sprintf("; its SHA-256, which is not known here, is %s: --model-sha256 (make: MODEL_SHA256=) holds later builds to it", f.sha256)
	}
	return f, err
}

// readHeader finds out whether the checkpoint is one, and its shape.
func (s *state) readHeader() error {
	checkpoint, err := llama.OpenCheckpoint(s.model.checkpoint.path)
	if err != nil {
		return err
	}
	s.model.header = checkpoint.Header
	if s.forBoard {
		err = models.Refuse(s.board, s.model.checkpoint.path, checkpoint.Config)
	}
	return errors.Join(err, checkpoint.Close())
}

// takeBuiltin takes the model that this program carries.
func (s *state) takeBuiltin(note string) error {
	checkpoint, tokenizer, err := builtin.Write(filepath.Join(s.Cache, "builtin"))
	if err != nil {
		return err
	}
	if s.model.checkpoint, err = describe(checkpoint, builtinSource); err != nil {
		return err
	}
	s.model.checkpoint.note = note
	s.model.tokenizer, err = describe(tokenizer, builtinSource)
	return err
}

// modelAdvice says what to do about a model that is not the board's own.
func (s *state) modelAdvice() string {
	m, real := s.model, s.board.Model.File
	switch {
	case m.unavailable != nil:
		why := m.unavailable
		if u := (*fetch.Unavailable)(nil); errors.As(why, &u) { // the block says what to do, more than one line could
			why = u
		}
		return fmt.Sprintf(`The stories are those of the small built-in model, NOT of %s, which cannot be had:
    %v
It tells short, simple stories, with mistakes. For the real one connect this machine to the network and
run the same command again; or put %s and %s into a folder and name that by DUO_DATA=FOLDER;
or give others by MODEL= and TOKENIZER=. MODEL=builtin asks for the small one.
`, real, why, real, s.board.Tokenizer.File)
	case m.checkpoint.note != "":
		return fmt.Sprintf("The checkpoint is %s%s.\n", m.checkpoint.name, m.checkpoint.note)
	}
	return ""
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
		case f.sha256 == pinned.SHA256 || pinned.SHA256 == "" && f.size == pinned.Size:
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
	client := &fetch.Client{Dir: s.downloads(), Log: s.Log}
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
