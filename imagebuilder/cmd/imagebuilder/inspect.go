package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"duostoryteller/app/version"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/firmware"
	"duostoryteller/imagebuilder/fit"
	"duostoryteller/imagebuilder/rootfs"

	"github.com/spf13/cobra"
)

func inspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "inspect [IMAGE|DEVICE]",
		GroupID: groupUse,
		Short:   "List and check what a card or its image holds",
		Long: `Inspect reads a card image, or a card in a reader, and lists its partitions, the
files that the boot chain reads, the configurations of boot.sd with their
checksums verified, the firmware, and the root file system. It changes nothing.

Without an argument it takes out/storyteller.img.`,
		Example: `  imagebuilder inspect
  sudo imagebuilder inspect /dev/mmcblk0`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "out/storyteller.img"
			if len(args) > 0 {
				name = args[0]
			}
			if err := inspect(cmd.OutOrStdout(), name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		},
	}
}

func inspect(w io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd) // Stat gives a block device no size
	if err != nil {
		return err
	}
	im, err := card.Open(f, size)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d bytes, disk signature %08x\n", im.Size, im.Signature)
	for _, p := range im.Partitions {
		active := ""
		if p.Active {
			active = ", active"
		}
		fmt.Fprintf(w, "partition %d: type %#02x%s, from byte %d, %d bytes\n", p.Number, p.Type, active, p.Start, p.Size)
	}
	files, err := im.Files()
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "\nthe FAT partition's files:")
	for _, f := range files {
		fmt.Fprintf(w, "  %10d  %s\n", f.Size, f.Name)
	}
	for _, f := range files {
		switch f.Name {
		case "boot.sd":
			err = inspectBoot(w, im)
		case "fip.bin":
			err = inspectFirmware(w, im)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	root, err := im.Partition(2)
	if err != nil {
		return err
	}
	return inspectRoot(w, root)
}

func inspectBoot(w io.Writer, im *card.Image) error {
	data, err := im.ReadFile("boot.sd")
	if err != nil {
		return err
	}
	tree, err := fit.Read(data)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nboot.sd: %s\n", tree.Description)
	for _, i := range tree.Images {
		fmt.Fprintf(w, "  image %s: %s, %s, %d bytes\n", i.Name, i.Type, i.Compression, len(i.Data))
	}
	for _, c := range tree.Configurations {
		fmt.Fprintf(w, "  configuration %s: %s %s\n", c.Name, c.Kernel, strings.TrimSpace(c.DeviceTree+" "+c.Ramdisk))
	}
	return nil
}

func inspectFirmware(w io.Writer, im *card.Image) error {
	data, err := im.ReadFile("fip.bin")
	if err != nil {
		return err
	}
	fip, err := firmware.Parse(data)
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	printFirmware(w, fip, len(data))
	return nil
}

// inspectRoot lists partition 2 if it holds an EROFS; other cards have other
// file systems there.
func inspectRoot(w io.Writer, r *io.SectionReader) error {
	magic := make([]byte, 4)
	if _, err := r.ReadAt(magic, 1024); err != nil {
		return err
	}
	if !bytes.Equal(magic, []byte{0xe2, 0xe1, 0xf5, 0xe0}) {
		fmt.Fprintln(w, "\npartition 2 holds no EROFS")
		return nil
	}
	root, err := rootfs.Open(r)
	if err != nil {
		return err
	}
	if parts, err := fs.ReadFile(root, version.Parts[1:]); err == nil {
		fmt.Fprintf(w, "\nlist of parts: SHA-256 %x, which results that were made with this card name\n", sha256.Sum256(parts))
	}
	fmt.Fprintln(w, "\nthe root file system:")
	return fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "  %v %10d  /%s\n", info.Mode()&(fs.ModeType|fs.ModePerm), info.Size(), name)
		return nil
	})
}
