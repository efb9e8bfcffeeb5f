package card

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// BlockSize is what the extents of Used are multiples of, in bytes.
const BlockSize = 4096

// Extent is a stretch of a card, in bytes.
type Extent struct{ Start, Size int64 }

// Used returns the stretches of the card whose bytes matter, in order and apart:
// what precedes the first partition, a FAT file system without its free
// clusters, an EROFS up to its end, and all of any other partition. Zeros inside
// them matter too: on a card that was used before, an allocation table or a file
// would otherwise keep what it held. Nothing ever reads the rest.
func (im *Image) Used() []Extent {
	var used []Extent
	add := func(start, size int64) {
		end := min((start+size+BlockSize-1)/BlockSize*BlockSize, im.Size)
		start = start / BlockSize * BlockSize
		used = append(used, Extent{start, end - start})
	}
	first := im.Size
	for _, p := range im.Partitions {
		first = min(first, p.Start)
		part, err := im.Partition(p.Number)
		if err != nil {
			continue
		}
		if f, err := newFAT(part); err == nil {
			add(p.Start, f.dataStart)
			for c := uint32(2); c < f.clusters+2; c++ {
				if f.next(c) != 0 {
					add(p.Start+f.dataStart+int64(c-2)*f.clusterBytes, f.clusterBytes)
				}
			}
			continue
		}
		size := p.Size
		// Format: Linux, fs/erofs/erofs_fs.h, struct erofs_super_block.
		var super [48]byte
		if _, err := part.ReadAt(super[:], 1024); err == nil && bytes.Equal(super[:4], []byte{0xe2, 0xe1, 0xf5, 0xe0}) {
			bits, blocks := super[12], int64(binary.LittleEndian.Uint32(super[36:]))
			if bits >= 9 && bits <= 16 && blocks > 0 && blocks<<bits < size {
				size = blocks << bits
			}
		}
		add(p.Start, size)
	}
	add(0, first)
	slices.SortFunc(used, func(a, b Extent) int { return int(min(max(a.Start-b.Start, -1), 1)) })
	joined := used[:1]
	for _, e := range used[1:] {
		last := &joined[len(joined)-1]
		if e.Start > last.Start+last.Size {
			joined = append(joined, e)
			continue
		}
		last.Size = max(last.Size, e.Start+e.Size-last.Start)
	}
	return joined
}
