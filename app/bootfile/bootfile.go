// Package bootfile chooses the device tree that the board starts with. Its U-Boot
// takes a configuration of boot.sd by a name that is built into it; boot.sd has
// several trees, and each configuration names one of them. Choose changes that name
// where it stands, so that a power cut leaves the old choice or the new one: all
// trees' names are equally long, filled up with "_".
//
// boot.sd is a flattened image tree: a device tree blob of version 17 (Devicetree
// Specification 0.4, chapter 5) that holds images and configurations.
package bootfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	// prefix begins the name of each image that is a device tree.
	prefix = "fdt-"
	// fill makes the names equally long.
	fill = "_"
	// property is what each of the board's device trees says at its root: its name.
	property = "duo-storyteller,tree"
)

// Running returns the name of the device tree that the kernel was started with, from
// its folder /proc/device-tree; empty: it is none of those that can be chosen.
func Running(deviceTree string) string {
	name, err := os.ReadFile(filepath.Join(deviceTree, property))
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(name), "\x00")
}

// File is boot.sd, open for reading and writing.
type File interface {
	io.ReaderAt
	io.WriterAt
}

// Choose has all configurations of boot.sd that start one of the trees start the one
// of that name, and reports whether that changed anything. Nothing is written when
// it fails before the first change.
func Choose(f File, name string) (changed bool, err error) {
	t, err := read(f)
	if err != nil {
		return false, fmt.Errorf("boot.sd: %w", err)
	}
	want := ""
	for _, image := range t.images {
		if strings.TrimRight(image, fill) == prefix+name {
			want = image
		}
	}
	if want == "" {
		return false, fmt.Errorf("boot.sd: it has no device tree %q; write the card anew", name)
	}
	for _, c := range t.choices {
		if len(c.image) != len(want) {
			return false, fmt.Errorf("boot.sd: the names of its device trees have different lengths; write the card anew")
		}
	}
	for _, c := range t.choices {
		if c.image == want {
			continue
		}
		if _, err := f.WriteAt([]byte(want), c.at); err != nil {
			return changed, fmt.Errorf("boot.sd: %w", err)
		}
		changed = true
	}
	return changed, nil
}

// tree is what matters of boot.sd here.
type tree struct {
	images  []string // names of the images that are device trees
	choices []choice
}

// choice is a configuration's property that names one of the images.
type choice struct {
	image string
	at    int64 // in the file
}

// Tokens of the structure block.
const (
	beginNode = 1
	endNode   = 2
	prop      = 3
	nop       = 4
	end       = 9
)

const (
	header   = 40
	magic    = 0xd00dfeed
	longest  = 256     // of names, with their zero
	deepest  = 8       // nodes in nodes
	mostText = 1 << 16 // of the block of strings
	mostNode = 1000
)

var errDamaged = errors.New("it is damaged, or no image tree; write the card anew")

// read walks through the structure, past the images' contents.
func read(f io.ReaderAt) (t tree, err error) {
	var h [header / 4]uint32
	if err := binary.Read(io.NewSectionReader(f, 0, header), binary.BigEndian, &h); err != nil || h[0] != magic {
		return t, errDamaged
	}
	size, structure, text, textSize := int64(h[1]), int64(h[2]), int64(h[3]), int64(h[8])
	if textSize > mostText || text+textSize > size || structure < header || structure > size {
		return t, errDamaged
	}
	names := make([]byte, textSize)
	if _, err := f.ReadAt(names, text); err != nil {
		return t, errDamaged
	}
	w := walker{f: f, at: structure, end: size, names: names}
	for range mostNode * 10 {
		done, err := w.step(&t)
		if err != nil || done {
			return t, err
		}
	}
	return t, errDamaged
}

type walker struct {
	f       io.ReaderAt
	at, end int64
	names   []byte
	path    []string
}

// step takes one token.
func (w *walker) step(t *tree) (done bool, err error) {
	token, err := w.word()
	if err != nil {
		return false, err
	}
	switch token {
	case beginNode:
		name, err := w.text(w.at)
		if err != nil || len(w.path) == deepest || len(t.images) > mostNode {
			return false, errDamaged
		}
		w.path = append(w.path, name)
		w.skip(int64(len(name)) + 1)
		if len(w.path) == 3 && w.path[1] == "images" && strings.HasPrefix(name, prefix) {
			t.images = append(t.images, name)
		}
	case endNode:
		if len(w.path) == 0 {
			return false, errDamaged
		}
		w.path = w.path[:len(w.path)-1]
	case prop:
		length, err := w.word()
		if err != nil {
			return false, err
		}
		name, err := w.word()
		if err != nil {
			return false, err
		}
		if w.at+int64(length) > w.end {
			return false, errDamaged
		}
		if len(w.path) == 3 && w.path[1] == "configurations" && w.name(name) == "fdt" && length <= longest {
			image, err := w.text(w.at)
			if err != nil || len(image)+1 != int(length) || len(t.choices) > mostNode {
				return false, errDamaged
			}
			t.choices = append(t.choices, choice{image, w.at})
		}
		w.skip(int64(length))
	case nop:
	case end:
		return true, nil
	default:
		return false, errDamaged
	}
	return false, nil
}

func (w *walker) word() (uint32, error) {
	var b [4]byte
	if w.at+4 > w.end {
		return 0, errDamaged
	}
	if _, err := w.f.ReadAt(b[:], w.at); err != nil {
		return 0, errDamaged
	}
	w.at += 4
	return binary.BigEndian.Uint32(b[:]), nil
}

// skip goes past n bytes and what fills the last word.
func (w *walker) skip(n int64) { w.at += (n + 3) &^ 3 }

// text reads a string that ends with a zero.
func (w *walker) text(at int64) (string, error) {
	b := make([]byte, min(longest, max(w.end-at, 0)))
	n, err := w.f.ReadAt(b, at)
	if err != nil && err != io.EOF {
		return "", errDamaged
	}
	text, _, ok := bytes.Cut(b[:n], []byte{0})
	if !ok {
		return "", errDamaged
	}
	return string(text), nil
}

func (w *walker) name(at uint32) string {
	if int64(at) >= int64(len(w.names)) {
		return ""
	}
	text, _, _ := bytes.Cut(w.names[at:], []byte{0})
	return string(text)
}
