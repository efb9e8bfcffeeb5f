// Package card writes and reads images of the board's microSD card: a master
// boot record, a FAT32 partition with the files that the boot chain and people
// read, and behind it a partition with the root file system.
//
// The same files give the same bytes: nothing in the image depends on the
// clock, the host or its umask.
package card

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/fat32"
	"github.com/diskfs/go-diskfs/partition/mbr"
)

const (
	sector = 512

	// signatureOffset is where the master boot record keeps the disk
	// signature, the stem of Linux's PARTUUIDs. go-diskfs leaves it 0.
	signatureOffset = 440

	typeFAT32 = 0x0c // FAT32 by LBA: what the CV1800B's boot ROM looks for
	typeLinux = 0x83

	// chsBeyond stands in the cylinder-head-sector fields, whose 8 GB no
	// reader of this card uses: "take the LBA".
	chsBeyondHead, chsBeyondSector, chsBeyondCylinder = 0xfe, 0xff, 0xff
)

// Layout says where the partitions lie, in bytes; all are multiples of 512.
type Layout struct {
	BootStart, BootSize int64 // partition 1, FAT32, at least 33 MiB
	RootStart, RootSize int64 // partition 2, the root file system
}

// File is one file in the root directory of the FAT partition. There are no
// directories and no empty files: go-diskfs v1.9.4 makes broken ones.
type File struct {
	Name string
	Data []byte
}

// Spec is all that a card is made of.
type Spec struct {
	Layout Layout
	Label  string // FAT volume label, at most 11 bytes
	Files  []File
	Root   io.ReaderAt // image of the root file system
	// RootSize is the size of Root in bytes.
	RootSize int64
	Time     time.Time // of the files in the FAT partition
}

// Write writes the card to out, which must be an empty regular file, and
// returns the disk signature: partition 2 is PARTUUID=<%08x of it>-02. The
// signature is made from the contents, so that two different cards in one
// machine are told apart. Stretches of zeros become holes.
func Write(out *os.File, s Spec) (signature uint32, err error) {
	if err := s.check(); err != nil {
		return 0, err
	}
	signature, volume, err := s.identity()
	if err != nil {
		return 0, err
	}
	l := s.Layout
	if err := out.Truncate(l.RootStart + l.RootSize); err != nil {
		return 0, fmt.Errorf("card: %w", err)
	}
	if err := s.writeTable(out, signature); err != nil {
		return 0, fmt.Errorf("card: partition table: %w", err)
	}
	if err := s.writeBoot(out, volume); err != nil {
		return 0, fmt.Errorf("card: FAT partition: %w", err)
	}
	root := io.NewSectionReader(s.Root, 0, s.RootSize)
	if err := copySparse(io.NewOffsetWriter(out, l.RootStart), root); err != nil {
		return 0, fmt.Errorf("card: root partition: %w", err)
	}
	return signature, nil
}

func (s Spec) check() error {
	l := s.Layout
	for _, n := range []int64{l.BootStart, l.BootSize, l.RootStart, l.RootSize} {
		if n <= 0 || n%sector != 0 {
			return fmt.Errorf("card: layout %+v: %d is not a positive multiple of %d", l, n, sector)
		}
	}
	if l.BootStart+l.BootSize > l.RootStart {
		return fmt.Errorf("card: layout %+v: the partitions overlap", l)
	}
	if s.RootSize > l.RootSize {
		return fmt.Errorf("card: the root file system has %d bytes, its partition %d: enlarge the partition in the board's board.toml", s.RootSize, l.RootSize)
	}
	seen := map[string]bool{}
	var need int64
	for _, f := range s.Files {
		if name := strings.ToLower(f.Name); name == "" || strings.ContainsAny(name, `/\:*?"<>|`) || seen[name] {
			return fmt.Errorf("card: %q cannot be a file name in the FAT partition's root directory, or is there twice", f.Name)
		} else {
			seen[name] = true
		}
		if len(f.Data) == 0 { // go-diskfs gives it a cluster, which fsck.vfat rejects
			return fmt.Errorf("card: %s is empty", f.Name)
		}
		need += int64(len(f.Data)+sector-1) / sector * sector
	}
	g := geometryOf(l.BootSize)
	if g.clusters < minClustersFAT32 {
		return fmt.Errorf("card: a FAT32 partition of %d bytes is too small: at least 33 MiB", l.BootSize)
	}
	if have := Room(l.BootSize); need > have {
		return fmt.Errorf("card: the files of the FAT partition have %d bytes, room is for %d: enlarge the partition in the board's board.toml", need, have)
	}
	return nil
}

// Room is how many bytes of files a FAT partition of that size has room for. One
// cluster in sixteen stays free for what the board writes.
func Room(bootSize int64) int64 {
	g := geometryOf(bootSize)
	have := int64(g.clusters) * g.clusterBytes
	return have - have/16
}

// identity derives the disk signature and the FAT volume's serial number from
// the contents. Neither is 0, which would mean "none".
func (s Spec) identity() (signature, volume uint32, err error) {
	h := sha256.New()
	for _, f := range s.Files {
		fmt.Fprintf(h, "%q %d\n", f.Name, len(f.Data))
		h.Write(f.Data)
	}
	if _, err := io.Copy(h, io.NewSectionReader(s.Root, 0, s.RootSize)); err != nil {
		return 0, 0, fmt.Errorf("card: root file system: %w", err)
	}
	sum := h.Sum(nil)
	return binary.LittleEndian.Uint32(sum) | 1, binary.LittleEndian.Uint32(sum[4:]) | 1, nil
}

func (s Spec) writeTable(out *os.File, signature uint32) error {
	partition := func(index int, kind mbr.Type, start, size int64) *mbr.Partition {
		return &mbr.Partition{
			Index: index, Type: kind, Bootable: index == 1,
			Start: uint32(start / sector), Size: uint32(size / sector),
			StartHead: chsBeyondHead, StartSector: chsBeyondSector, StartCylinder: chsBeyondCylinder,
			EndHead: chsBeyondHead, EndSector: chsBeyondSector, EndCylinder: chsBeyondCylinder,
		}
	}
	l := s.Layout
	table := &mbr.Table{
		LogicalSectorSize: sector, PhysicalSectorSize: sector,
		Partitions: []*mbr.Partition{
			partition(1, typeFAT32, l.BootStart, l.BootSize),
			partition(2, typeLinux, l.RootStart, l.RootSize),
		},
	}
	w, err := file.New(out, false).Writable()
	if err != nil {
		return err
	}
	if err := table.Write(w, l.RootStart+l.RootSize); err != nil {
		return err
	}
	return putUint32(out, signatureOffset, signature)
}

func (s Spec) writeBoot(out *os.File, volume uint32) error {
	l := s.Layout
	fat, err := fat32.Create(file.New(out, false), geometryOf(l.BootSize).bytes, l.BootStart, sector, s.Label, true)
	if err != nil {
		return err
	}
	for _, f := range s.Files {
		w, err := fat.OpenFile("/"+f.Name, os.O_CREATE|os.O_RDWR)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		// In one piece: go-diskfs writes the whole allocation table at every Write.
		if _, err := w.Write(f.Data); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if err := w.Close(); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		when := s.Time.UTC()
		if err := fat.Chtimes("/"+f.Name, when, when, when); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	if err := stampLabel(out, l.BootStart+int64(fat.DataStart()), s.Time.UTC()); err != nil {
		return err
	}
	// What go-diskfs leaves 0 in the boot sector and in its copy in sector 6:
	// where the partition begins, and the volume's serial number.
	for _, boot := range []int64{l.BootStart, l.BootStart + 6*sector} {
		if err := putUint32(out, boot+28, uint32(l.BootStart/sector)); err != nil {
			return err
		}
		if err := putUint32(out, boot+67, volume); err != nil {
			return err
		}
	}
	return nil
}

// stampLabel gives the volume label, the root directory's first entry, the time
// t: go-diskfs takes the clock's, or that of SOURCE_DATE_EPOCH.
func stampLabel(f *os.File, at int64, t time.Time) error {
	entry := make([]byte, 32)
	if _, err := f.ReadAt(entry, at); err != nil {
		return err
	}
	if entry[11] != attrVolume {
		return errors.New("the root directory does not begin with the volume label")
	}
	clock := uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2)
	date := uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day())
	entry[13] = 0 // hundredths of a second
	for at, v := range map[int]uint16{14: clock, 16: date, 18: date, 22: clock, 24: date} {
		binary.LittleEndian.PutUint16(entry[at:], v)
	}
	_, err := f.WriteAt(entry, at)
	return err
}

func putUint32(w io.WriterAt, at int64, v uint32) error {
	_, err := w.WriteAt(binary.LittleEndian.AppendUint32(nil, v), at)
	return err
}

const minClustersFAT32 = 65525 // fewer make it a FAT16 (Microsoft's FAT specification)

// geometry is the FAT32 that go-diskfs makes in so many bytes.
type geometry struct {
	bytes        int64 // of the file system; the partition may be larger
	clusterBytes int64
	clusters     uint32
}

// geometryOf takes the largest FAT32 that fits into size bytes and is sound.
// go-diskfs v1.9.4 makes the allocation table two entries too short at some
// sizes (64, 129, 194, 259 MiB), which fsck.vfat and mtools reject: there the
// file system ends a few sectors before its partition does.
func geometryOf(size int64) geometry {
	for ; size > 64*sector; size -= sector {
		perCluster := int64(1)
		if size > 260<<20 {
			perCluster = 8
		}
		const reserved, entriesPerSector = 32, sector / 4
		total := size / sector
		denom := sector*perCluster + 8
		table := (4*(total-reserved) + denom - 1) / denom
		clusters := (total - reserved - 2*table) / perCluster
		if table*entriesPerSector >= clusters+2 {
			return geometry{bytes: size, clusterBytes: perCluster * sector, clusters: uint32(clusters)}
		}
	}
	return geometry{}
}

// copySparse copies r to w, leaving out whole blocks of zeros.
func copySparse(w io.WriterAt, r io.Reader) error {
	const block = 64 << 10
	buf, zero := make([]byte, block), make([]byte, block)
	for at := int64(0); ; at += block {
		n, err := io.ReadFull(r, buf)
		if n > 0 && !bytes.Equal(buf[:n], zero[:n]) {
			if _, err := w.WriteAt(buf[:n], at); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}
