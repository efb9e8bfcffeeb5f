package fit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/u-root/u-root/pkg/dt"
	"github.com/ulikunitz/xz/lzma"
)

// FIT is what a flattened image tree holds.
type FIT struct {
	Description    string
	Images         []Image
	Configurations []Setting
	Default        string // name of the default configuration
}

// Image is one image of a FIT.
type Image struct {
	Name        string
	Type        string // "kernel", "flat_dt", "ramdisk", ...
	Compression string // "lzma", "none", ...
	Load, Entry uint64 // 0 where not given
	Data        []byte // as stored; nil if it lies outside the tree
}

// Setting is one configuration of a FIT: names of its images, "" for none.
type Setting struct {
	Name, Kernel, DeviceTree, Ramdisk string
}

// Read reads a FIT. It fails when the text is no FIT and when an image does
// not have the CRC-32 or SHA-256 that the tree gives for it.
func Read(text []byte) (*FIT, error) {
	if len(text) < 40 || binary.BigEndian.Uint32(text) != dt.Magic {
		return nil, errors.New("fit: not a flattened image tree")
	}
	if err := checkSizes(text); err != nil {
		return nil, err
	}
	tree, err := dt.ReadFDT(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("fit: %w", err)
	}
	images, ok := tree.RootNode.LookupChildByName("images")
	if !ok {
		return nil, errors.New("fit: a device tree without /images is no FIT")
	}
	f := &FIT{Description: str(tree.RootNode, "description")}
	for _, n := range images.Children {
		im := Image{
			Name:        n.Name,
			Type:        str(n, "type"),
			Compression: str(n, "compression"),
			Load:        address(n, "load"),
			Entry:       address(n, "entry"),
		}
		if p, ok := n.LookProperty("data"); ok {
			im.Data = p.Value
			if err := verify(n, p.Value); err != nil {
				return nil, fmt.Errorf("fit: %s: %w", n.Name, err)
			}
		}
		f.Images = append(f.Images, im)
	}
	if configurations, ok := tree.RootNode.LookupChildByName("configurations"); ok {
		f.Default = str(configurations, "default")
		for _, n := range configurations.Children {
			f.Configurations = append(f.Configurations, Setting{n.Name, str(n, "kernel"), str(n, "fdt"), str(n, "ramdisk")})
		}
	}
	return f, nil
}

// checkSizes holds the sizes that a tree gives against the text's: dt.ReadFDT
// allocates what it is told, up to 4 GB. See chapter 5 of the Devicetree
// Specification for the layout.
func checkSizes(text []byte) error {
	size := uint64(len(text))
	field := func(at uint64) uint64 { return uint64(binary.BigEndian.Uint32(text[at:])) }
	const offTotal, offStruct, offStrings, offStringsSize, offStructSize = 4, 8, 12, 32, 36
	at, end := field(offStruct), field(offStruct)+field(offStructSize)
	if need := max(field(offTotal), field(offStrings)+field(offStringsSize), end); need > size {
		return fmt.Errorf("fit: cut short: %d bytes, its header says %d", size, need)
	}
	const beginNode, property, endTree = 1, 3, 9
	for at+4 <= end {
		token := field(at)
		at += 4
		switch {
		case token == beginNode:
			n := bytes.IndexByte(text[at:end], 0)
			if n < 0 {
				return errors.New("fit: damaged: a node's name has no end")
			}
			at += uint64(n) + 1
		case token == property && at+8 <= end:
			at += 8 + field(at)
		case token == endTree:
			return nil
		}
		at = (at + 3) &^ 3
	}
	return errors.New("fit: damaged: the tree has no end")
}

// Configuration returns the configuration of that name.
func (f *FIT) Configuration(name string) (Setting, bool) {
	for _, c := range f.Configurations {
		if c.Name == name {
			return c, true
		}
	}
	return Setting{}, false
}

// maxUnpacked bounds what Unpack makes of a small file.
const maxUnpacked = 64 << 20

// Unpack returns the image's data uncompressed. It knows what U-Boot of the Duo
// knows, LZMA and none.
func (im Image) Unpack() ([]byte, error) {
	switch im.Compression {
	case "none", "":
		return im.Data, nil
	case "lzma":
		r, err := lzma.ReaderConfig{DictCap: maxUnpacked}.NewReader(bytes.NewReader(im.Data))
		if err != nil {
			return nil, fmt.Errorf("fit: %s: %w", im.Name, err)
		}
		b, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
		if err != nil {
			return nil, fmt.Errorf("fit: %s: %w", im.Name, err)
		}
		if len(b) > maxUnpacked {
			return nil, fmt.Errorf("fit: %s: larger than %d bytes", im.Name, maxUnpacked)
		}
		return b, nil
	}
	return nil, fmt.Errorf("fit: %s: compression %q is not known", im.Name, im.Compression)
}

// verify checks the hashes that the image's node has.
func verify(n *dt.Node, data []byte) error {
	for _, h := range n.Children {
		if !strings.HasPrefix(h.Name, "hash") {
			continue
		}
		var got []byte
		switch str(h, "algo") {
		case "crc32":
			got = binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(data))
		case "sha256":
			sum := sha256.Sum256(data)
			got = sum[:]
		default:
			continue // md5, sha1, signatures: not ours to judge
		}
		if want, ok := h.LookProperty("value"); !ok || !bytes.Equal(want.Value, got) {
			return fmt.Errorf("its %s does not match: the file is damaged", str(h, "algo"))
		}
	}
	return nil
}

// str returns a string property without its final zero, or "".
func str(n *dt.Node, name string) string {
	p, ok := n.LookProperty(name)
	if !ok {
		return ""
	}
	return string(bytes.TrimRight(p.Value, "\x00"))
}

// address returns a property of one or two cells, or 0.
func address(n *dt.Node, name string) uint64 {
	p, ok := n.LookProperty(name)
	switch {
	case ok && len(p.Value) == 4:
		return uint64(binary.BigEndian.Uint32(p.Value))
	case ok && len(p.Value) == 8:
		return binary.BigEndian.Uint64(p.Value)
	}
	return 0
}
