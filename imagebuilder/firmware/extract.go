package firmware

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"duostoryteller/imagebuilder/card"
)

// maxFIP is more than any fip.bin has; a larger file must be a card image.
const maxFIP = 16 << 20

// Load returns the fip.bin in the file name, which is either a fip.bin itself
// or the image of a card that has one in its FAT partition, as the board's
// official images do, in a zip archive as they are downloaded or unpacked. What it returns has passed Parse.
func Load(name string) (data []byte, im *Image, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data, err = load(f)
	if errors.Is(err, errZip) {
		data, err = fromZip(context.Background(), name, "")
	}
	if err == nil {
		im, err = Parse(data)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, im, nil
}

// errZip is how load says that a zip archive is to be looked into.
var errZip = errors.New("a zip archive")

func load(f *os.File) ([]byte, error) {
	size, err := f.Seek(0, io.SeekEnd) // Stat gives a block device no size
	if err != nil {
		return nil, err
	}
	magic := make([]byte, 8)
	n, err := f.ReadAt(magic, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	magic = magic[:n]
	if bytes.HasPrefix(magic, []byte("PK\x03\x04")) {
		return nil, errZip
	}
	for _, packed := range []struct{ magic, kind, tool string }{
		{"\x1f\x8b", "packed by gzip", "gunzip"},
		{"\xfd7zXZ\x00", "packed by xz", "unxz"},
		{"\x28\xb5\x2f\xfd", "packed by zstd", "unzstd"},
	} {
		if bytes.HasPrefix(magic, []byte(packed.magic)) {
			return nil, fmt.Errorf("this is %s: unpack it with %s and give the .img file", packed.kind, packed.tool)
		}
	}
	if string(magic) == param1Magic && size <= maxFIP {
		return io.ReadAll(io.NewSectionReader(f, 0, size))
	}
	im, err := card.Open(f, size)
	if err != nil {
		return nil, fmt.Errorf("neither a fip.bin nor a card image: %w", err)
	}
	return readFrom(im)
}

// readFrom returns the fip.bin on a card.
func readFrom(im *card.Image) ([]byte, error) {
	files, err := im.Files()
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if strings.EqualFold(f.Name, "fip.bin") && f.Size > maxFIP {
			return nil, fmt.Errorf("the card's fip.bin has %d bytes; none has more than %d: it is damaged, or something else", f.Size, maxFIP)
		}
	}
	return im.ReadFile("fip.bin")
}
