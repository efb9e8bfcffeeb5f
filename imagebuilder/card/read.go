package card

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
)

// This file reads cards of any origin, broken ones included, with code of its
// own: go-diskfs follows a looping cluster chain for ever and takes the missing
// end of a truncated image for zeros.

// Partition is an entry of the master boot record.
type Partition struct {
	Number      int // from 1
	Type        byte
	Active      bool
	Start, Size int64 // bytes
}

// Image is a card that has been opened for reading.
type Image struct {
	Size       int64
	Signature  uint32 // disk signature; 0 means none
	Partitions []Partition

	r io.ReaderAt
}

// FileInfo is a file in the root directory of the FAT partition.
type FileInfo struct {
	Name string
	Size int64

	cluster uint32
}

// Open reads the master boot record of the card image r of size bytes.
func Open(r io.ReaderAt, size int64) (*Image, error) {
	if size == 0 {
		return nil, errors.New("the card is empty: it has no bytes at all")
	}
	var b [sector]byte
	if size < sector {
		return nil, fmt.Errorf("%d bytes are no card: not even a boot record fits", size)
	}
	if _, err := r.ReadAt(b[:], 0); err != nil {
		return nil, err
	}
	if b[510] != 0x55 || b[511] != 0xaa {
		return nil, errors.New("no master boot record: this is not a card image")
	}
	im := &Image{Size: size, Signature: binary.LittleEndian.Uint32(b[signatureOffset:]), r: r}
	for i := range 4 {
		e := b[446+16*i:]
		p := Partition{
			Number: i + 1, Active: e[0] == 0x80, Type: e[4],
			Start: int64(binary.LittleEndian.Uint32(e[8:])) * sector,
			Size:  int64(binary.LittleEndian.Uint32(e[12:])) * sector,
		}
		if p.Type == 0 || p.Size == 0 {
			continue
		}
		if p.Start+p.Size > size {
			return nil, fmt.Errorf("partition %d ends at byte %d, the card at %d: the image is truncated", p.Number, p.Start+p.Size, size)
		}
		im.Partitions = append(im.Partitions, p)
	}
	if len(im.Partitions) == 0 {
		return nil, errors.New("the master boot record has no partitions: this is not a card image")
	}
	return im, nil
}

// Partition returns the content of partition number n (from 1).
func (im *Image) Partition(n int) (*io.SectionReader, error) {
	for _, p := range im.Partitions {
		if p.Number == n {
			return io.NewSectionReader(im.r, p.Start, p.Size), nil
		}
	}
	return nil, fmt.Errorf("the card has no partition %d", n)
}

// Files lists the files in the root directory of partition 1, sorted by name.
func (im *Image) Files() ([]FileInfo, error) {
	fat, err := im.openFAT()
	if err != nil {
		return nil, err
	}
	files, err := fat.files()
	slices.SortFunc(files, func(a, b FileInfo) int { return strings.Compare(a.Name, b.Name) })
	return files, err
}

// ReadFile returns the content of a file in the root directory of partition 1;
// its name's case does not matter.
func (im *Image) ReadFile(name string) ([]byte, error) {
	fat, err := im.openFAT()
	if err != nil {
		return nil, err
	}
	files, err := fat.files()
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if strings.EqualFold(f.Name, name) {
			data, err := fat.chain(f.cluster, f.Size)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
			return data, nil
		}
	}
	return nil, fmt.Errorf("the card's FAT partition has no file %s", name)
}

// Contents returns all that partition 1 holds: its label, and its files in the order of
// the directory. Folders, which Write cannot make, are an error.
func (im *Image) Contents() (label string, files []File, err error) {
	fat, err := im.openFAT()
	if err != nil {
		return "", nil, err
	}
	dir, err := fat.directory()
	if err != nil {
		return "", nil, err
	}
	for ; len(dir) >= 32 && dir[0] != 0; dir = dir[32:] {
		switch attr := dir[11]; {
		case dir[0] == 0xe5 || attr&0x3f == attrLong:
		case attr&attrDirectory != 0:
			return "", nil, fmt.Errorf("the FAT partition has a folder, %s", shortName(dir))
		case attr&attrVolume != 0:
			label = strings.TrimRight(string(dir[:11]), " ")
		}
	}
	list, err := fat.files()
	if err != nil {
		return "", nil, err
	}
	for _, f := range list {
		data, err := fat.chain(f.cluster, f.Size)
		if err != nil {
			return "", nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		files = append(files, File{Name: f.Name, Data: data})
	}
	return label, files, nil
}

// Attributes of directory entries; a piece of a long name has all of 0x0f.
const attrVolume, attrDirectory, attrLong = 0x08, 0x10, 0x0f

// maxDirectory is the largest directory that there may be, in bytes: one whose chain
// loops would take as much memory as the whole card has.
const maxDirectory = 65536 * 32

// fat is a FAT16 or FAT32 file system.
//
// Format: Microsoft, "FAT: General Overview of On-Disk Format", 1.03 (2000).
type fat struct {
	r            *io.SectionReader
	entryBytes   int    // 2 or 4
	table        []byte // the first allocation table
	clusterBytes int64
	dataStart    int64 // where cluster 2 begins
	clusters     uint32
	rootStart    int64 // FAT16: the root directory's place
	rootBytes    int64
	rootCluster  uint32 // FAT32: the root directory's first cluster
}

func (im *Image) openFAT() (*fat, error) {
	r, err := im.Partition(1)
	if err != nil {
		return nil, err
	}
	f, err := newFAT(r)
	if err != nil {
		return nil, fmt.Errorf("partition 1: %w", err)
	}
	return f, nil
}

func newFAT(r *io.SectionReader) (*fat, error) {
	var b [sector]byte
	if _, err := r.ReadAt(b[:], 0); err != nil {
		return nil, err
	}
	u16 := func(at int) int64 { return int64(binary.LittleEndian.Uint16(b[at:])) }
	u32 := func(at int) int64 { return int64(binary.LittleEndian.Uint32(b[at:])) }
	bytesPerSector, reserved, tables := u16(11), u16(14), int64(b[16])
	total, tableSectors := u16(19), u16(22)
	if total == 0 {
		total = u32(32)
	}
	if tableSectors == 0 {
		tableSectors = u32(36)
	}
	f := &fat{r: r, clusterBytes: int64(b[13]) * bytesPerSector}
	f.rootBytes = 32 * u16(17)
	f.rootStart = (reserved + tables*tableSectors) * bytesPerSector
	f.dataStart = f.rootStart + f.rootBytes
	switch bytesPerSector {
	case 512, 1024, 2048, 4096:
	default:
		return nil, errors.New("no FAT file system")
	}
	if b[510] != 0x55 || b[511] != 0xaa || f.clusterBytes == 0 || reserved == 0 || tables == 0 {
		return nil, errors.New("no FAT file system")
	}
	if total*bytesPerSector > r.Size() || f.dataStart > total*bytesPerSector {
		return nil, errors.New("the FAT file system is larger than its partition")
	}
	f.clusters = uint32((total*bytesPerSector - f.dataStart) / f.clusterBytes)
	switch {
	case f.clusters < 4085:
		return nil, errors.New("a FAT12 file system, which this program does not read")
	case f.clusters < minClustersFAT32:
		f.entryBytes = 2
	default:
		f.entryBytes = 4
		f.rootCluster = uint32(u32(44))
	}
	if need := (int64(f.clusters) + 2) * int64(f.entryBytes); tableSectors*bytesPerSector < need {
		return nil, fmt.Errorf("the allocation table has %d bytes, its clusters need %d", tableSectors*bytesPerSector, need)
	}
	f.table = make([]byte, (int64(f.clusters)+2)*int64(f.entryBytes))
	if _, err := r.ReadAt(f.table, reserved*bytesPerSector); err != nil {
		return nil, err
	}
	return f, nil
}

// next returns the cluster after c.
func (f *fat) next(c uint32) uint32 {
	if f.entryBytes == 2 {
		return uint32(binary.LittleEndian.Uint16(f.table[2*c:]))
	}
	return binary.LittleEndian.Uint32(f.table[4*c:]) & 0x0fffffff
}

// chain reads size bytes, or all of a directory for -1, of the chain that starts at
// cluster c.
func (f *fat) chain(c uint32, size int64) ([]byte, error) {
	if size > int64(f.clusters)*f.clusterBytes {
		return nil, errors.New("is said to be larger than the file system")
	}
	var data []byte
	for n := uint32(0); size < 0 || int64(len(data)) < size; n++ {
		if size < 0 && n > 0 && c >= f.clusters+2 { // the end of the chain
			return data, nil
		}
		if c < 2 || c >= f.clusters+2 || n > f.clusters || size < 0 && len(data) > maxDirectory {
			return nil, errors.New("its cluster chain is broken")
		}
		at := len(data)
		data = append(data, make([]byte, f.clusterBytes)...)
		if _, err := f.r.ReadAt(data[at:], f.dataStart+int64(c-2)*f.clusterBytes); err != nil {
			return nil, err
		}
		c = f.next(c)
	}
	if size >= 0 {
		data = data[:size]
	}
	return data, nil
}

// directory reads the root directory's entries.
func (f *fat) directory() (dir []byte, err error) {
	if f.entryBytes == 2 {
		dir = make([]byte, f.rootBytes)
		_, err = f.r.ReadAt(dir, f.rootStart)
	} else {
		dir, err = f.chain(f.rootCluster, -1)
	}
	if err != nil {
		return nil, fmt.Errorf("root directory: %w", err)
	}
	return dir, nil
}

// files lists the root directory's files.
func (f *fat) files() ([]FileInfo, error) {
	dir, err := f.directory()
	if err != nil {
		return nil, err
	}
	var files []FileInfo
	var long []uint16 // the long name collected so far; its pieces come last first
	for ; len(dir) >= 32 && dir[0] != 0; dir = dir[32:] {
		attr := dir[11]
		switch {
		case dir[0] == 0xe5: // deleted
			long = nil
			continue
		case attr&0x3f == attrLong:
			var piece []uint16
			for _, at := range [...]int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30} {
				if c := binary.LittleEndian.Uint16(dir[at:]); c != 0 && c != 0xffff {
					piece = append(piece, c)
				}
			}
			long = append(piece, long...)
			continue
		case attr&(attrVolume|attrDirectory) == 0:
			name := shortName(dir)
			if len(long) > 0 {
				name = string(utf16.Decode(long))
			}
			cluster := uint32(binary.LittleEndian.Uint16(dir[26:]))
			if f.entryBytes == 4 {
				cluster |= uint32(binary.LittleEndian.Uint16(dir[20:])) << 16
			}
			size := int64(binary.LittleEndian.Uint32(dir[28:]))
			files = append(files, FileInfo{Name: name, Size: size, cluster: cluster})
		}
		long = nil
	}
	return files, nil
}

// shortName is an entry's 8.3 name, in lower case where its flags say so.
func shortName(e []byte) string {
	name := strings.TrimRight(string(e[:8]), " ")
	ext := strings.TrimRight(string(e[8:11]), " ")
	if e[12]&0x08 != 0 {
		name = strings.ToLower(name)
	}
	if e[12]&0x10 != 0 {
		ext = strings.ToLower(ext)
	}
	if ext == "" {
		return name
	}
	return name + "." + ext
}
