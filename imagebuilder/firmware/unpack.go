package firmware

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Parts are what the first boot stage of a fip.bin starts.
type Parts struct {
	Monitor []byte // OpenSBI, for the start of the memory
	Tree    []byte // the device tree that OpenSBI carries and is started with
	Loader  []byte // U-Boot, unpacked, behind its header: where that says
	UBoot   string // its version
}

var treeMagic = []byte{0xd0, 0x0d, 0xfe, 0xed}

// Unpack returns the programs in a fip.bin as they stand in the memory when the
// first boot stage jumps to the first of them. The data must pass Parse.
func Unpack(data []byte) (*Parts, error) {
	im, err := Parse(data)
	if err != nil {
		return nil, err
	}
	p := &Parts{UBoot: im.UBoot}
	for _, s := range im.Sections {
		part := data[s.Offset : s.Offset+s.Size]
		switch s.Name {
		case "OpenSBI":
			p.Monitor = part
		case "U-Boot":
			// The header stays: it begins with a jump over itself.
			p.Loader = append(bytes.Clone(part[:loaderHeader]), im.loader...)
		}
	}
	for rest := p.Monitor; ; rest = rest[1:] {
		at := bytes.Index(rest, treeMagic)
		if at < 0 {
			return nil, errors.New("fip.bin: OpenSBI carries no device tree")
		}
		rest = rest[at:]
		// Its size is the header's second field; then where its two blocks are.
		if len(rest) >= 40 {
			size, structs, strings := binary.BigEndian.Uint32(rest[4:]), binary.BigEndian.Uint32(rest[8:]), binary.BigEndian.Uint32(rest[12:])
			if uint64(size) <= uint64(len(rest)) && size >= 40 && structs < size && strings < size {
				p.Tree = rest[:size]
				return p, nil
			}
		}
	}
}
