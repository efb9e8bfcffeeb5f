package boot

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/rootfs"
)

// moment is when the files of a card were made.
func moment() time.Time { return time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) }

// contents are the files of a card.
type contents struct {
	boot map[string][]byte      // in the FAT partition, by name
	root map[string]rootfs.File // by path
}

// openCard opens a card image until the test ends.
func openCard(t *testing.T, image string) *card.Image {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	im, err := card.Open(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// changed writes a copy of a card image with other contents.
func changed(t *testing.T, image string, change func(contents)) string {
	t.Helper()
	return changedTo(t, image, func([]card.Partition) {}, change)
}

// changedTo writes a copy with other contents in other partitions.
func changedTo(t *testing.T, image string, layout func([]card.Partition), change func(contents)) string {
	t.Helper()
	from := openCard(t, image)
	c, err := read(from)
	if err != nil {
		t.Fatal(err)
	}
	change(c)
	layout(from.Partitions)
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "changed.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := c.write(out, from.Partitions, dir); err != nil {
		t.Fatal(err)
	}
	return out.Name()
}

// bootFiles reads the files of the FAT partition.
func bootFiles(from *card.Image) (map[string][]byte, error) {
	list, err := from.Files()
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	for _, f := range list {
		if files[f.Name], err = from.ReadFile(f.Name); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return files, nil
}

// read reads all files of a card.
func read(from *card.Image) (contents, error) {
	var c contents
	var err error
	if c.boot, err = bootFiles(from); err != nil {
		return c, err
	}
	partition, err := from.Partition(2)
	if err != nil {
		return c, err
	}
	root, err := rootfs.Open(partition)
	if err != nil {
		return c, err
	}
	c.root, err = tree(root)
	return c, err
}

// tree reads all files of a root file system.
func tree(root fs.FS) (map[string]rootfs.File, error) {
	files := make(map[string]rootfs.File)
	return files, fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		path := "/" + name
		switch info.Mode().Type() {
		case fs.ModeDir:
			files[path] = rootfs.File{Path: path, Mode: info.Mode()}
		case fs.ModeSymlink:
			target, err := fs.ReadLink(root, name)
			if err != nil {
				return err
			}
			files[path] = rootfs.Symlink(path, target)
		default:
			data, err := fs.ReadFile(root, name)
			if err != nil {
				return err
			}
			files[path] = rootfs.Bytes(path, info.Mode(), data)
		}
		return nil
	})
}

// write writes a card. dir is for the root file system's image.
func (c contents) write(out *os.File, partitions []card.Partition, dir string) error {
	var tree rootfs.Tree
	if err := tree.Add(slices.Collect(maps.Values(c.root))...); err != nil {
		return err
	}
	root, err := os.Create(filepath.Join(dir, "root.erofs"))
	if err != nil {
		return err
	}
	defer root.Close()
	if err := tree.Write(root, moment(), dir); err != nil {
		return err
	}
	info, err := root.Stat()
	if err != nil {
		return err
	}
	spec := card.Spec{
		Layout: card.Layout{
			BootStart: partitions[0].Start, BootSize: partitions[0].Size,
			RootStart: partitions[1].Start, RootSize: partitions[1].Size},
		Label: "STORYTELLER", Root: root, RootSize: info.Size(), Time: moment(),
	}
	for _, name := range slices.Sorted(maps.Keys(c.boot)) {
		spec.Files = append(spec.Files, card.File{Name: name, Data: c.boot[name]})
	}
	_, err = card.Write(out, spec)
	return err
}

// configured gives a card another storyteller.toml.
func configured(text string) func(contents) {
	return func(c contents) { c.boot["storyteller.toml"] = []byte(text) }
}

// withoutModel takes the model off the card.
func withoutModel(c contents) {
	maps.DeleteFunc(c.root, func(path string, _ rootfs.File) bool {
		return strings.HasPrefix(path, "/usr/share/storyteller/model.")
	})
}

// brokenTokenizer cuts the tokenizer's file short.
func brokenTokenizer(c contents) {
	const path = "/usr/share/storyteller/tokenizer.bin"
	c.root[path] = rootfs.Bytes(path, 0o644, []byte("nothing"))
}

// bootSD puts the boot.sd of a card into a file of its own.
func bootSD(t *testing.T, image string) string {
	t.Helper()
	data, err := openCard(t, image).ReadFile("boot.sd")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "boot.sd")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// breakFAT makes Linux refuse the FAT partition of an image: an impossible media
// descriptor (byte 21).
func breakFAT(image string) error {
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	c, err := card.Open(f, info.Size())
	if err != nil {
		return err
	}
	at := c.Partitions[0].Start + 21
	var media [1]byte
	if _, err := f.ReadAt(media[:], at); err != nil {
		return err
	}
	if !bytes.Equal(media[:], []byte{0xf8}) {
		return fmt.Errorf("the media descriptor is %#x; want that of a fixed disk", media)
	}
	_, err = f.WriteAt([]byte{0x11}, at)
	return err
}
