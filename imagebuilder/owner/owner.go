// Package owner fits a finished card image to its owner: firmware, words, settings and
// the key for a shell, without building anything.
//
// The card's list of its parts, the checksums that the board compares, the disk
// signature and the manifest are made anew. With firmware alone the result is, to the
// byte, what a build with that firmware makes, and fitting twice is fitting once.
package owner

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"duostoryteller/app/sums"
	"duostoryteller/app/version"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/manifest"
	"duostoryteller/imagebuilder/rootfs"
)

// The files of the FAT partition that belong to the card's owner.
const (
	firmwareFile = "fip.bin"
	wordsFile    = "words.txt"
	settingsFile = "storyteller.toml"
	keysFile     = "authorized_keys"
)

// Changes are what to change; what is empty stays as it is.
type Changes struct {
	FIP        []byte // the vendor's firmware, checked
	FIPVersion string // of its U-Boot
	Words      []byte // of words.txt
	Settings   []Setting
	Keys       []byte // lines as OpenSSH has them in authorized_keys
}

// Image reads the card image of size bytes, and writes the changed one to out, an
// empty regular file. Scratch is a folder for temporary files of the image's size.
// The manifest describes what was written; its Image.File is out's name.
func Image(image io.ReaderAt, size int64, c Changes, out *os.File, scratch string) (*manifest.Manifest, error) {
	im, err := card.Open(image, size)
	if err != nil {
		return nil, err
	}
	label, files, err := im.Contents()
	if err != nil {
		return nil, err
	}
	root, err := im.Partition(2)
	if err != nil {
		return nil, err
	}
	tree, built, err := rootfs.Load(root)
	if err != nil {
		return nil, fmt.Errorf("partition 2 is none of this project's: %w", err)
	}
	parts, err := readParts(tree)
	if err != nil {
		return nil, err
	}
	if files, err = c.apply(files); err != nil {
		return nil, err
	}
	list(parts, files, c)
	text, err := parts.Parts()
	if err != nil {
		return nil, err
	}
	if tree, err = replace(tree, text); err != nil {
		return nil, err
	}
	rootFile, err := os.Create(filepath.Join(scratch, "root.erofs"))
	if err != nil {
		return nil, err
	}
	defer rootFile.Close()
	if err := tree.Write(rootFile, built, scratch); err != nil {
		return nil, err
	}
	info, err := rootFile.Stat()
	if err != nil {
		return nil, err
	}
	spec := card.Spec{Label: label, Files: files, Root: rootFile, RootSize: info.Size(), Time: built}
	for _, p := range im.Partitions {
		switch p.Number {
		case 1:
			spec.Layout.BootStart, spec.Layout.BootSize = p.Start, p.Size
		case 2:
			spec.Layout.RootStart, spec.Layout.RootSize = p.Start, p.Size
		}
	}
	signature, err := card.Write(out, spec)
	if err != nil {
		return nil, err
	}
	if parts.Image, err = describe(out, signature, text); err != nil {
		return nil, err
	}
	return parts, nil
}

// readParts reads the card's list of its parts.
func readParts(tree *rootfs.Tree) (*manifest.Manifest, error) {
	text, err := content(tree, version.Parts)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields() // they would be lost
	parts := new(manifest.Manifest)
	if err := d.Decode(parts); err != nil {
		return nil, fmt.Errorf("the card's %s is of another version of this program: %w", version.Parts, err)
	}
	return parts, nil
}

// content returns that of a tree's file.
func content(tree *rootfs.Tree, path string) ([]byte, error) {
	for _, f := range tree.Files() {
		if f.Path == path && f.Mode.IsRegular() {
			r, err := f.Open()
			if err != nil {
				return nil, err
			}
			data, err := io.ReadAll(r)
			return data, errors.Join(err, r.Close())
		}
	}
	return nil, fmt.Errorf("the card has no %s: it is none of this project's", path)
}

// apply changes the FAT partition's files.
func (c Changes) apply(files []card.File) ([]card.File, error) {
	at := func(name string) int {
		return slices.IndexFunc(files, func(f card.File) bool { return strings.EqualFold(f.Name, name) })
	}
	put := func(name string, data []byte, first bool) {
		switch i := at(name); {
		case len(data) == 0:
		case i >= 0:
			files[i].Data = data
		case first:
			files = slices.Insert(files, 0, card.File{Name: name, Data: data})
		default:
			files = append(files, card.File{Name: name, Data: data})
		}
	}
	put(firmwareFile, c.FIP, true) // as a build has it
	put(wordsFile, c.Words, false)
	put(keysFile, c.Keys, false)
	if len(c.Settings) > 0 {
		var old []byte
		if i := at(settingsFile); i >= 0 {
			old = files[i].Data
		}
		text, err := Set(old, c.Settings)
		if err != nil {
			return nil, err
		}
		put(settingsFile, text, false)
	}
	return files, nil
}

// list makes the list of parts say what the FAT partition's files are.
func list(parts *manifest.Manifest, files []card.File, c Changes) {
	var all []manifest.Component
	known := map[string]manifest.Component{}
	for _, p := range parts.Components {
		if p.Kind == manifest.FATFile || p.Kind == "firmware" {
			known[p.Name] = p
		} else {
			all = append(all, p)
		}
	}
	for _, f := range files {
		sum := sha256.Sum256(f.Data)
		hash := "sha256:" + hex.EncodeToString(sum[:])
		p, ok := known[f.Name]
		switch {
		case ok && p.Hash == hash:
		case f.Name == firmwareFile:
			p = manifest.Component{Name: f.Name, Kind: "firmware", Version: c.FIPVersion, Source: "given by --fip", Licence: "LicenseRef-vendor"}
		default:
			p = manifest.Component{Name: f.Name, Kind: manifest.FATFile, Source: "the card's owner", Licence: "NOASSERTION"}
		}
		p.Hash = hash
		all = append(all, p)
	}
	parts.Components = all
}

// replace returns the tree with another list of parts, and the checksums for it. It
// refuses a tree that does not have its checksums: they would become right for what
// is damaged.
func replace(tree *rootfs.Tree, parts []byte) (*rootfs.Tree, error) {
	had, err := content(tree, sums.Path)
	if err != nil {
		return nil, err
	}
	bare, changed := new(rootfs.Tree), new(rootfs.Tree)
	for _, f := range tree.Files() {
		if f.Path == sums.Path {
			continue
		}
		if err := bare.Add(f); err != nil {
			return nil, err
		}
		if f.Path == version.Parts {
			f = rootfs.Bytes(f.Path, f.Mode, parts)
		}
		if err := changed.Add(f); err != nil {
			return nil, err
		}
	}
	is, err := rootfs.Sums(bare)
	if err != nil {
		return nil, err
	}
	if r, err := is.Open(); err != nil {
		return nil, err
	} else if text, err := io.ReadAll(r); err != nil || !bytes.Equal(text, had) {
		return nil, errors.New("the image is damaged: its root file system is not what its list of checksums says; build or download it again")
	}
	now, err := rootfs.Sums(changed)
	if err != nil {
		return nil, err
	}
	return changed, changed.Add(now)
}

// describe says what was written.
func describe(out *os.File, signature uint32, parts []byte) (manifest.Image, error) {
	h := sha256.New()
	size, err := io.Copy(h, io.NewSectionReader(out, 0, 1<<62))
	if err != nil {
		return manifest.Image{}, err
	}
	sum := sha256.Sum256(parts)
	return manifest.Image{
		File: filepath.Base(out.Name()), Size: size, SHA256: hex.EncodeToString(h.Sum(nil)),
		Signature: fmt.Sprintf("%08x", signature), RootUUID: fmt.Sprintf("%08x-02", signature), Parts: hex.EncodeToString(sum[:]),
	}, nil
}
