// Package models knows karpathy's tinyllamas by name: their shapes, and where they are.
package models

import (
	"duostoryteller/app/llama"
	"duostoryteller/imagebuilder/board"
)

// Known is one of them.
type Known struct {
	Name   string
	Shape  llama.Config
	SHA256 string // "" for one whose hash nobody has told
}

// Counted is the shape that the counts in a board's engines.toml are of: stories15M's.
func Counted() llama.Config { return all()[0].Shape }

// all lists them. Shapes: the table in llama2.c's readme, and its checkpoints' headers.
func all() []Known {
	return []Known{
		{"stories15M", llama.Config{Dim: 288, HiddenDim: 768, Layers: 6, Heads: 6, KVHeads: 6, VocabSize: 32000, SeqLen: 256, SharedClassifier: true},
			"cd590644d963867a2b6e5a1107f51fad663c41d79c149fbecbbb1f95fa81f49a"},
		{"stories42M", llama.Config{Dim: 512, HiddenDim: 1376, Layers: 8, Heads: 8, KVHeads: 8, VocabSize: 32000, SeqLen: 1024, SharedClassifier: true},
			"9f65a1000e17d0bc167dd6332e0ce5119a0222a3d920cead5bce413bfab2ee7b"},
		{"stories110M", llama.Config{Dim: 768, HiddenDim: 2048, Layers: 12, Heads: 12, KVHeads: 12, VocabSize: 32000, SeqLen: 1024, SharedClassifier: true}, ""},
	}
}

// Find returns the model of that name.
func Find(name string) (Known, bool) {
	for _, k := range all() {
		if k.Name == name {
			return k, true
		}
	}
	return Known{}, false
}

// File is the download.
func (k Known) File() board.File {
	file := k.Name + ".bin"
	return board.File{File: file, URL: "https://huggingface.co/karpathy/tinyllamas/resolve/main/" + file, SHA256: k.SHA256, Size: k.Shape.FileSize()}
}
