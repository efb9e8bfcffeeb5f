// Package firmware reads the vendor's fip.bin, the one part of the card that
// this project does not build: parameters, the first boot stage (DRAM set-up),
// a program for the second core, OpenSBI ("monitor") and U-Boot.
//
// Format: fsbl/plat/cv180x/fiptool.py of Milk-V's duo-buildroot-sdk. All numbers
// are little-endian; a checksum is CRC-16/XMODEM below the constant 0xcafe.
package firmware

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/ulikunitz/xz/lzma"
)

const (
	param1Magic = "CVBL01\n\x00"
	param2Magic = "CVLD02\n\x00"
	lzmaMagic   = "B3MA" // U-Boot, packed
	plainMagic  = "B3  " // U-Boot as it is

	paramSize  = 0x800  // of the first parameters
	bl2Offset  = 0x1000 // of the first boot stage
	param2Size = 0x1000

	maxUBoot = 16 << 20 // more is no U-Boot, but a decompression bomb
)

// Offsets in the first parameters.
const (
	atParam1Sum  = 0x0c
	atBL2Sum     = 0xd4
	atBL2Size    = 0xd8
	atParam2Addr = 0xe0
)

// Offsets in the second parameters.
const (
	atParam2Sum    = 0x08
	atDDRSum       = 0x10
	atDDRAddr      = 0x14
	atDDRSize      = 0x18
	atSecondSum    = 0x20
	atSecondAddr   = 0x24
	atSecondSize   = 0x28
	atSecondRun    = 0x2c
	atMonitorSum   = 0x30
	atMonitorAddr  = 0x34
	atMonitorSize  = 0x38
	atMonitorRun   = 0x3c
	atLoaderAddr   = 0x44
	loaderHeader   = 32
	loaderSumAfter = 12
)

// Section is one part of a fip.bin.
type Section struct {
	Name    string
	Offset  int64
	Size    int64
	Address uint64 // where it runs; 0 where the file does not say
}

// Image is a fip.bin whose every checksum was right.
type Image struct {
	Sections []Section
	// SecondCore reports whether the first boot stage starts a program on
	// the second core, which then owns the memory from 0x83f40000 on.
	SecondCore bool
	// UBoot is the version that U-Boot's own text states, "" when it has none.
	UBoot string
	// Configurations are the names that U-Boot asks boot.sd's FIT for.
	Configurations []string

	loader []byte // U-Boot, unpacked, without its header
}

// Parse checks a fip.bin and lists what it holds. It reports a file that is cut
// short, damaged or something else.
func Parse(data []byte) (*Image, error) {
	if len(data) < bl2Offset || string(data[:8]) != param1Magic {
		return nil, errors.New("not a fip.bin of a CV180x or SG200x chip: its first eight bytes are not CVBL01")
	}
	im := new(Image)
	if err := check("first parameters", data[16:paramSize], u32(data, atParam1Sum)); err != nil {
		return nil, err
	}
	add := func(name string, offset, size uint32, sum uint32, address uint64) error {
		part, err := slice(name, data, offset, size)
		if err != nil {
			return err
		}
		im.Sections = append(im.Sections, Section{name, int64(offset), int64(size), address})
		return check(name, part, sum)
	}
	if err := add("first boot stage", bl2Offset, u32(data, atBL2Size), u32(data, atBL2Sum), 0); err != nil {
		return nil, err
	}
	p2, err := slice("second parameters", data, u32(data, atParam2Addr), param2Size)
	if err != nil {
		return nil, err
	}
	if string(p2[:8]) != param2Magic {
		return nil, errors.New("fip.bin is damaged: the second parameters do not begin with CVLD02")
	}
	if err := check("second parameters", p2[12:], u32(p2, atParam2Sum)); err != nil {
		return nil, err
	}
	if err := add("DRAM parameters", u32(p2, atDDRAddr), u32(p2, atDDRSize), u32(p2, atDDRSum), 0); err != nil {
		return nil, err
	}
	if im.SecondCore = u32(p2, atSecondRun) != 0; im.SecondCore {
		if err := add("second core", u32(p2, atSecondAddr), u32(p2, atSecondSize), u32(p2, atSecondSum), uint64(u32(p2, atSecondRun))); err != nil {
			return nil, err
		}
	}
	if err := add("OpenSBI", u32(p2, atMonitorAddr), u32(p2, atMonitorSize), u32(p2, atMonitorSum), uint64(u32(p2, atMonitorRun))); err != nil {
		return nil, err
	}
	return im, im.parseUBoot(data, u32(p2, atLoaderAddr))
}

func (im *Image) parseUBoot(data []byte, offset uint32) error {
	header, err := slice("U-Boot", data, offset, loaderHeader)
	if err != nil {
		return err
	}
	magic, sum, size, run := string(header[4:8]), u32(header, 8), u32(header, 12), binary.LittleEndian.Uint64(header[16:])
	if size < loaderHeader {
		return errors.New("fip.bin is damaged: U-Boot is smaller than its header")
	}
	part, err := slice("U-Boot", data, offset, size)
	if err != nil {
		return err
	}
	im.Sections = append(im.Sections, Section{"U-Boot", int64(offset), int64(size), run})
	if err := check("U-Boot", part[loaderSumAfter:], sum); err != nil {
		return err
	}
	program := part[loaderHeader:]
	switch magic {
	case plainMagic:
	case lzmaMagic:
		if len(program) < lzma.HeaderLen || u32(program, 1) > maxUBoot { // the reader would allocate that much
			return errors.New("fip.bin: U-Boot cannot be unpacked: its LZMA dictionary is out of bounds")
		}
		r, err := lzma.NewReader(bytes.NewReader(program))
		if err != nil {
			return fmt.Errorf("fip.bin: U-Boot cannot be unpacked: %w", err)
		}
		if program, err = io.ReadAll(io.LimitReader(r, maxUBoot+1)); err != nil {
			return fmt.Errorf("fip.bin: U-Boot cannot be unpacked: %w", err)
		}
		if len(program) > maxUBoot {
			return fmt.Errorf("fip.bin: U-Boot unpacks to more than %d bytes", maxUBoot)
		}
	default:
		return fmt.Errorf("fip.bin: U-Boot is packed in a way this program does not know (%q)", magic)
	}
	im.loader = program
	version := regexp.MustCompile(`U-Boot [0-9]{4}\.[0-9]{2}[ -~]*`)
	im.UBoot = strings.TrimSpace(string(version.Find(program)))
	for _, m := range regexp.MustCompile(`#(config-[A-Za-z0-9_.-]+)`).FindAllSubmatch(program, -1) {
		if name := string(m[1]); !slices.Contains(im.Configurations, name) {
			im.Configurations = append(im.Configurations, name)
		}
	}
	return nil
}

// WithoutSecondCore returns a copy of the fip.bin data whose first boot stage
// starts nothing on the second core, so that Linux may have the last 768 KiB
// of the memory. data itself stays as it is.
//
// The first boot stage skips the second core where its run address is 0.
func WithoutSecondCore(data []byte) ([]byte, error) {
	if _, err := Parse(data); err != nil {
		return nil, err
	}
	data = bytes.Clone(data)
	p2 := data[u32(data, atParam2Addr):][:param2Size]
	for _, at := range []int{atSecondSum, atSecondAddr, atSecondSize, atSecondRun} {
		binary.LittleEndian.PutUint32(p2[at:], 0)
	}
	binary.LittleEndian.PutUint32(p2[atParam2Sum:], checksum(p2[12:]))
	return data, nil
}

// slice returns size bytes at offset.
func slice(name string, data []byte, offset, size uint32) ([]byte, error) {
	end := uint64(offset) + uint64(size)
	if end > uint64(len(data)) {
		return nil, fmt.Errorf("fip.bin is truncated: %s should end at byte %d, the file does at %d", name, end, len(data))
	}
	return data[offset:end], nil
}

func check(name string, part []byte, want uint32) error {
	if got := checksum(part); got != want {
		return fmt.Errorf("fip.bin is damaged: the checksum of the %s is %08x, it should be %08x", name, got, want)
	}
	return nil
}

// checksum is CRC-16/XMODEM (polynomial 0x1021, from 0) below 0xcafe.
func checksum(p []byte) uint32 {
	var crc uint16
	for _, b := range p {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return 0xcafe0000 | uint32(crc)
}

func u32(p []byte, at int) uint32 { return binary.LittleEndian.Uint32(p[at:]) }
