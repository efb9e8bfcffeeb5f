// Package builtin has a small checkpoint and its tokenizer, so that a clone
// alone tells stories, of a kind: 0.2 million weights, trained on a synthetic
// story grammar, by this project and in the public domain (CC0-1.0). Its words
// are those of a very small model; the real one is stories15M.
//
// A program that does not call [Write] does not grow by the two files: the
// linker leaves out what nothing refers to.
package builtin

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"

	"duostoryteller/app/wholefile"
)

// Name is how the model is asked for where a file could be named.
const Name = "builtin"

// Names and contents of the two files.
const (
	Checkpoint = "tiny.bin"
	Tokenizer  = "tiny_tok512.bin"

	SHA256 = "8cfe52935e5bfa0c0cb61f5813b157d25cf4bee7f4e895a58a679b9caaba870b" // of Checkpoint

	size = 837_916 // of Checkpoint
)

// Licence is the SPDX identifier of both.
const Licence = "CC0-1.0"

//go:embed tiny.bin
var checkpointData []byte

//go:embed tiny_tok512.bin
var tokenizerData []byte

// Write puts the two files into dir, which is made if need be, and returns
// their paths. Files that are there and right stay as they are.
func Write(dir string) (checkpoint, tokenizer string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", err
	}
	checkpoint, tokenizer = filepath.Join(dir, Checkpoint), filepath.Join(dir, Tokenizer)
	if err := write(checkpoint, checkpointData); err != nil {
		return "", "", err
	}
	return checkpoint, tokenizer, write(tokenizer, tokenizerData)
}

// write writes a file, unless it is there and right.
func write(name string, data []byte) error {
	if have, err := os.ReadFile(name); err == nil && bytes.Equal(have, data) {
		return nil
	}
	return wholefile.Bytes(name, data)
}

// Is tells whether the file at path is this checkpoint.
func Is(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != size {
		return false
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return err == nil && hex.EncodeToString(h.Sum(nil)) == SHA256
}
