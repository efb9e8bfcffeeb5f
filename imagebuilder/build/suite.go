package build

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"duostoryteller/app/llama"
	"duostoryteller/app/verify"
	"duostoryteller/app/wholefile"
)

// findSuite finds the card's regression suite: the cases in the file that the
// user named, else those that the folder Data has for the checkpoint, else cases
// told here and now by the plain engine, which computes as run.c does.
func (s *state) findSuite(ctx context.Context) (string, error) {
	model := s.model.checkpoint.name
	type source struct{ file, arithmetic string }
	files := []source{{s.Golden, ""}}
	if s.Golden == "" {
		files = nil
		dir := filepath.Join(s.Data, "golden")
		for _, name := range []string{"official.jsonl", strings.TrimSuffix(model, filepath.Ext(model)) + ".jsonl"} {
			fused := llama.RISCV64Ofast.String()
			files = append(files, source{filepath.Join(dir, name), ""}, source{filepath.Join(dir, fused, name), fused})
		}
	}
	var cases []verify.Case
	for _, f := range files {
		all, err := verify.Open(f.file)
		if err != nil && (s.Golden != "" || !errors.Is(err, fs.ErrNotExist)) {
			return "", err
		}
		for _, c := range verify.Of(model, all) {
			c.Arithmetic = cmp.Or(c.Arithmetic, f.arithmetic)
			cases = append(cases, c)
		}
	}
	origin := "run.c's"
	switch {
	case len(cases) > 0:
	case s.Golden != "":
		return "", fmt.Errorf("%s has no case of %s", s.Golden, model)
	default:
		var err error
		if cases, err = s.recordSuite(ctx); err != nil {
			return "", err
		}
		origin = "the plain engine's, for want of run.c's (--golden)"
	}
	var err error
	if s.suite, err = encode(cases); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d texts of %s, %s", len(cases), model, origin), nil
}

// recordSuite tells the usual cases in each arithmetic, once for a checkpoint: the
// cache keeps them.
func (s *state) recordSuite(ctx context.Context) ([]verify.Case, error) {
	name := s.model.checkpoint.name
	kept := filepath.Join(s.Cache, "suites", s.model.checkpoint.sha256[:16]+"-"+s.model.tokenizer.sha256[:16]+"-both.jsonl")
	if cases, err := verify.Open(kept); err == nil {
		for i := range cases {
			cases[i].Model = name
		}
		return cases, nil
	}
	checkpoint, err := llama.OpenCheckpoint(s.model.checkpoint.path)
	if err != nil {
		return nil, err
	}
	defer checkpoint.Close()
	tokenizer, err := llama.OpenTokenizer(s.model.tokenizer.path, checkpoint.VocabSize)
	if err != nil {
		return nil, err
	}
	var progress func(done, total int)
	if s.Progress != nil {
		progress = func(done, total int) { s.Progress("regression suite", int64(done), int64(total)) }
	}
	var cases []verify.Case
	for _, a := range []llama.Arithmetic{llama.RISCV64Ofast, llama.Strict} {
		recorded, err := verify.Record(ctx, llama.NewPlain(checkpoint, a), tokenizer, verify.Usual(name), "the plain engine on the PC that built the card", progress)
		if err != nil {
			return nil, err
		}
		for i := range recorded {
			recorded[i].Arithmetic = a.String()
		}
		cases = append(cases, recorded...)
	}
	text, err := encode(cases)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		return nil, err
	}
	return cases, wholefile.Bytes(kept, text)
}

// encode makes a suite's file of cases.
func encode(cases []verify.Case) ([]byte, error) {
	var text bytes.Buffer
	for _, c := range cases {
		c.Tokens = nil // nothing on the card looks at them
		if err := json.NewEncoder(&text).Encode(c); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}
