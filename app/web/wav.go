package web

import "encoding/binary"

// wavHeader returns the 44 bytes before mono 16-bit samples in a RIFF WAVE
// file (Multimedia Programming Interface and Data Specifications 1.0, 1991).
// A size below 0 is not known yet: the header then says as much as it can
// hold, as is usual in streams.
func wavHeader(rate, size int) []byte {
	riff, data := uint32(0xffffffff), uint32(0xffffffff)
	if size >= 0 {
		riff, data = uint32(36+size), uint32(size)
	}
	h := append(make([]byte, 0, 44), "RIFF"...)
	h = binary.LittleEndian.AppendUint32(h, riff)
	h = append(h, "WAVEfmt "...)
	h = binary.LittleEndian.AppendUint32(h, 16)             // size of the format
	h = binary.LittleEndian.AppendUint16(h, 1)              // PCM
	h = binary.LittleEndian.AppendUint16(h, 1)              // channels
	h = binary.LittleEndian.AppendUint32(h, uint32(rate))   // samples a second
	h = binary.LittleEndian.AppendUint32(h, uint32(2*rate)) // bytes a second
	h = binary.LittleEndian.AppendUint16(h, 2)              // bytes a frame
	h = binary.LittleEndian.AppendUint16(h, 16)             // bits a sample
	h = append(h, "data"...)
	return binary.LittleEndian.AppendUint32(h, data)
}
