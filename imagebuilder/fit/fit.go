// Package fit writes and reads boot.sd, a flattened image tree (FIT): a device
// tree that carries a compressed kernel, device trees, and configurations that
// pair them. U-Boot boots one of the configurations by name.
//
// The format is that of U-Boot's doc/usage/fit/source_file_format.rst (in older
// releases doc/uImage.FIT/source_file_format.txt). What is written keeps to what
// the Duo's stock U-Boot, 2021.10, knows: LZMA or no compression, CRC-32 or SHA-256.
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

const (
	kernelNode = "kernel-1"
	treePrefix = "fdt-"
	treeFill   = "_" // makes the names of all trees equally long, for package bootfile
	ramdisk    = "ramdisk-1"
)

// Spec is what a FIT is made of.
type Spec struct {
	Description    string
	Kernel         []byte // flat image, uncompressed
	KernelLoad     uint64 // where U-Boot unpacks it
	KernelEntry    uint64 // where it jumps to
	Ramdisk        []byte // the first root, a cpio archive, for every configuration; nil: none
	DeviceTrees    []DeviceTree
	Configurations []Configuration
	MaxSize        int64 // of the whole, in bytes; 0: no limit
}

// DeviceTree is a device tree blob.
type DeviceTree struct {
	Name string // "duo" becomes the image "fdt-duo", or "fdt-duo_____" beside "duo-host"
	Data []byte
}

// Configuration pairs the kernel with a device tree.
type Configuration struct {
	Name       string
	DeviceTree string // its Name; empty: U-Boot hands over a tree of its own
	Default    bool   // taken when U-Boot is not told a name
}

// Write writes the FIT. The same Spec gives the same bytes: the tree's mandatory
// timestamp is 0. It fails when a configuration names a device tree that is not
// there, when not exactly one is the default, and when the whole is larger than
// MaxSize; then nothing was written.
func Write(w io.Writer, s Spec) error {
	if err := s.check(); err != nil {
		return err
	}
	kernel, err := compress(s.Kernel)
	if err != nil {
		return fmt.Errorf("fit: compress the kernel: %w", err)
	}
	images := dt.NewNode("images", dt.WithChildren(dt.NewNode(kernelNode, dt.WithProperty(
		dt.PropertyString("description", "Linux"),
		data(kernel),
		dt.PropertyString("type", "kernel"),
		dt.PropertyString("arch", "riscv"),
		dt.PropertyString("os", "linux"),
		dt.PropertyString("compression", "lzma"),
		dt.PropertyU64("load", s.KernelLoad),
		dt.PropertyU64("entry", s.KernelEntry),
	), dt.WithChildren(hashes(kernel)...))))
	for _, t := range s.DeviceTrees {
		images.Children = append(images.Children, dt.NewNode(s.treeNode(t.Name), dt.WithProperty(
			dt.PropertyString("description", t.Name),
			data(t.Data),
			dt.PropertyString("type", "flat_dt"),
			dt.PropertyString("arch", "riscv"),
			dt.PropertyString("compression", "none"),
		), dt.WithChildren(hashes(t.Data)...)))
	}
	if s.Ramdisk != nil {
		images.Children = append(images.Children, dt.NewNode(ramdisk, dt.WithProperty(
			dt.PropertyString("description", "first root"),
			data(s.Ramdisk),
			dt.PropertyString("type", "ramdisk"),
			dt.PropertyString("arch", "riscv"),
			dt.PropertyString("os", "linux"),
			dt.PropertyString("compression", "none"),
		), dt.WithChildren(hashes(s.Ramdisk)...)))
	}
	configurations := dt.NewNode("configurations")
	for _, c := range s.Configurations {
		if c.Default {
			configurations.Properties = append(configurations.Properties, dt.PropertyString("default", c.Name))
		}
		n := dt.NewNode(c.Name, dt.WithProperty(
			dt.PropertyString("description", c.Name),
			dt.PropertyString("kernel", kernelNode),
		))
		if c.DeviceTree != "" {
			n.Properties = append(n.Properties, dt.PropertyString("fdt", s.treeNode(c.DeviceTree)))
		}
		if s.Ramdisk != nil {
			n.Properties = append(n.Properties, dt.PropertyString("ramdisk", ramdisk))
		}
		configurations.Children = append(configurations.Children, n)
	}
	tree := dt.FDT{
		Header: dt.Header{Magic: dt.Magic, Version: 17, LastCompVersion: 16},
		RootNode: dt.NewNode("", dt.WithProperty(
			dt.PropertyU32("timestamp", 0),
			dt.PropertyString("description", s.Description),
			dt.PropertyU32("#address-cells", 2),
		), dt.WithChildren(images, configurations)),
	}
	var out bytes.Buffer
	if _, err := tree.Write(&out); err != nil {
		return fmt.Errorf("fit: %w", err)
	}
	// U-Boot reads a device tree where it lies, and some releases insist on an
	// address that is a multiple of 8. An empty property moves it by 12 bytes.
	for i, t := range s.DeviceTrees {
		if bytes.Index(out.Bytes(), t.Data)%8 == 0 {
			continue
		}
		n := images.Children[1+i]
		n.Properties = append([]dt.Property{{Name: "padding"}}, n.Properties...)
		out.Reset()
		if _, err := tree.Write(&out); err != nil {
			return fmt.Errorf("fit: %w", err)
		}
	}
	if s.MaxSize > 0 && int64(out.Len()) > s.MaxSize {
		return fmt.Errorf("fit: %d bytes, %d more than U-Boot has room for: make the kernel smaller", out.Len(), int64(out.Len())-s.MaxSize)
	}
	_, err = w.Write(out.Bytes())
	return err
}

// treeNode is the image of a device tree.
func (s Spec) treeNode(name string) string {
	longest := 0
	for _, t := range s.DeviceTrees {
		longest = max(longest, len(t.Name))
	}
	return treePrefix + name + strings.Repeat(treeFill, longest-len(name))
}

func (s Spec) check() error {
	if len(s.Kernel) == 0 {
		return errors.New("fit: the kernel is empty")
	}
	trees := make(map[string]bool)
	for _, t := range s.DeviceTrees {
		if len(t.Data) < 4 || binary.BigEndian.Uint32(t.Data) != dt.Magic {
			return fmt.Errorf("fit: %q is no device tree blob", t.Name)
		}
		trees[t.Name] = true
	}
	defaults := 0
	for _, c := range s.Configurations {
		if c.Default {
			defaults++
		}
		if c.DeviceTree != "" && !trees[c.DeviceTree] {
			return fmt.Errorf("fit: configuration %s wants the device tree %q, which is not there", c.Name, c.DeviceTree)
		}
	}
	if defaults != 1 {
		return fmt.Errorf("fit: %d configurations are the default, not one", defaults)
	}
	return nil
}

// compress makes a .lzma whose header has the size: U-Boot wants it.
func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := lzma.WriterConfig{Size: int64(len(b)), SizeInHeader: true}.NewWriter(&out)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func data(b []byte) dt.Property { return dt.Property{Name: "data", Value: b} }

func hashes(b []byte) []*dt.Node {
	sum := sha256.Sum256(b)
	return []*dt.Node{
		dt.NewNode("hash-1", dt.WithProperty(
			dt.Property{Name: "value", Value: binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(b))},
			dt.PropertyString("algo", "crc32"))),
		dt.NewNode("hash-2", dt.WithProperty(
			dt.Property{Name: "value", Value: sum[:]},
			dt.PropertyString("algo", "sha256"))),
	}
}
