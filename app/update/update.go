// Package update knows what an update is: another root file system, in a file on
// the card's FAT partition, and beside it a mark, a file that says what became of
// it. Init tries it; the shell's command update brings it.
//
// An update is told from another by its content. Its time says nothing: the board has
// no clock, so copies made over the cable have all the same one.
package update

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"

	"duostoryteller/app/results"
)

// Names in the FAT partition's folder.
const (
	File     = "update.erofs"
	MarkFile = "update.txt"
)

// State is what became of an update.
type State string

const (
	New    State = ""       // it was not tried yet
	Trying State = "trying" // it was entered, and no story has come of it yet
	Works  State = "works"
	Failed State = "failed"
	Off    State = "off" // somebody wants the card's own system
)

// Identity tells one update from another.
type Identity struct {
	Size    int64
	Content uint32 // CRC-32C of the file
	List    uint32 // CRC-32C of its list of checksums, from which all its files follow
}

// String returns what [ParseMark] reads.
func (id Identity) String() string {
	return fmt.Sprintf("%d bytes, CRC-32C %08x, list %08x", id.Size, id.Content, id.List)
}

// Mark is what the file beside an update says.
type Mark struct {
	State State
	Identity
}

// String returns the mark as one line.
func (m Mark) String() string { return string(m.State) + ": " + m.Identity.String() }

// ParseMark reads a mark. One that says nothing is that of a new update.
func ParseMark(text []byte) Mark {
	state, id, _ := strings.Cut(strings.TrimSpace(string(text)), ": ")
	m := Mark{State: State(state)}
	switch m.State {
	case Trying, Works, Failed, Off:
	default:
		return Mark{}
	}
	if _, err := fmt.Sscanf(id, "%d bytes, CRC-32C %x, list %x", &m.Size, &m.Content, &m.List); err != nil || m.Size < 0 || m.Identity.String() != id {
		return Mark{}
	}
	return m
}

// maxMark bounds the file, in bytes.
const maxMark = 200

// ReadMark returns the mark in dir.
func ReadMark(dir string) Mark {
	f, err := os.Open(filepath.Join(dir, MarkFile))
	if err != nil {
		return Mark{}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxMark))
	if err != nil {
		return Mark{}
	}
	return ParseMark(text)
}

// Write keeps the mark in dir.
func (m Mark) Write(dir string) error {
	return results.Write(dir, results.File{Name: MarkFile, Data: []byte(m.String() + "\r\n")})
}

// Course is what init does with an update.
type Course int

const (
	Try   Course = iota // mark it as one that is tried, check it, and enter it
	Use                 // enter it: it works
	Fail                // mark it as one that failed: it was tried, and no story came of it
	Leave               // it has failed, or is switched off
)

// Next decides what is done with the update now is, when the mark says m.
func Next(m Mark, now Identity) Course {
	if m.Size != now.Size || m.Content != now.Content {
		return Try
	}
	switch m.State {
	case Works:
		return Use
	case Trying:
		return Fail
	case Failed, Off:
		return Leave
	}
	return Try
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Sum returns the CRC-32C of what r has.
func Sum(r io.Reader) (uint32, error) {
	h := crc32.New(castagnoli)
	_, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{r}, make([]byte, 64<<10))
	return h.Sum32(), err
}

// Check looks whether the file at path is an EROFS, of the size that it says itself
// (linux/fs/erofs/erofs_fs.h): whether it was copied to its end.
func Check(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	const offset, magic, maxBits = 1024, 0xe0f5e1e2, 16
	block := make([]byte, 128)
	if _, err := f.ReadAt(block, offset); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	le := binary.LittleEndian
	bits := block[12]
	if le.Uint32(block) != magic || bits > maxBits {
		return fmt.Errorf("it is no update: no EROFS begins there; send the file %s that the builder makes", File)
	}
	if want := int64(le.Uint32(block[36:])) << bits; info.Size() < want {
		return fmt.Errorf("it came in part: %d of %d bytes; send it again", info.Size(), want)
	}
	return nil
}
