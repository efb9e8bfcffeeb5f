package submission

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"

	"duostoryteller/imagebuilder/card"
)

// blockMap returns a block map of the image: which of its blocks matter, with
// checksums, for bmaptool and other programs that write cards.
//
// Format: bmap 2.0, as bmap-tools document it in bmaptools/BmapCreate.py.
func blockMap(image io.ReaderAt, size int64, used []card.Extent) ([]byte, error) {
	const block = card.BlockSize
	var mapped int64
	var ranges bytes.Buffer
	for _, e := range used {
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(image, e.Start, e.Size)); err != nil {
			return nil, err
		}
		first, last := e.Start/block, (e.Start+e.Size-1)/block
		mapped += last - first + 1
		where := fmt.Sprintf("%d-%d", first, last)
		if first == last {
			where = fmt.Sprint(first)
		}
		fmt.Fprintf(&ranges, "        <Range chksum=\"%x\"> %s </Range>\n", h.Sum(nil), where)
	}
	// The file's own checksum is that of the file with zeros in its place.
	none := strings.Repeat("0", 2*sha256.Size)
	var out bytes.Buffer
	fmt.Fprintf(&out, `<?xml version="1.0" ?>
<bmap version="2.0">
    <ImageSize> %d </ImageSize>
    <BlockSize> %d </BlockSize>
    <BlocksCount> %d </BlocksCount>
    <MappedBlocksCount> %d </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <BmapFileChecksum> %s </BmapFileChecksum>
    <BlockMap>
%s    </BlockMap>
</bmap>
`, size, block, (size+block-1)/block, mapped, none, &ranges)
	sum := fmt.Sprintf("%x", sha256.Sum256(out.Bytes()))
	return bytes.Replace(out.Bytes(), []byte(none), []byte(sum), 1), nil
}
