package packed

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"duostoryteller/app/llama"
	"duostoryteller/app/machine"
	"duostoryteller/app/uncached"
)

// Is says whether a file that begins with these bytes is a packed checkpoint.
func Is(head []byte) bool { return len(head) >= len(Magic) && string(head[:len(Magic)]) == Magic }

// IsFile tells whether the file at path begins a packed checkpoint.
func IsFile(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, len(Magic))
	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // too short for any
	}
	return Is(head[:n]), err
}

// Open reads the header of the packed checkpoint at path and begins to read, in
// the background and in the order of use, what the model is loaded for; progress,
// if not nil, is told from there how many bytes of how many have arrived. Damage
// found later comes out of the Wait methods.
func Open(path string, use Use, progress func(done, total int64)) (*Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("packed checkpoint: %w", err)
	}
	m, err := open(f, use, progress)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("packed checkpoint %s: %w", path, err)
	}
	return m, nil
}

func open(f *os.File, use Use, progress func(done, total int64)) (*Model, error) {
	l, err := readLayout(f)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	for _, s := range l.sections {
		if info.Size() < s.offset+s.length {
			return nil, fmt.Errorf("truncated in section %q: it ends at byte %d, the file at %d", s.name, s.offset+s.length, info.Size())
		}
	}
	m := &Model{roomy: roomy(info.Size())}
	if err := m.allocate(l, use); err != nil {
		return nil, err
	}
	var direct *os.File
	if !m.roomy { // a file system that cannot read so is read as usual
		direct = openDirect(f.Name())
	}
	m.file, m.direct = f, direct
	m.closeSources = func() error {
		if direct != nil {
			direct.Close() // only read
		}
		return f.Close()
	}
	pages := &pageReader{file: f}
	if direct != nil {
		pages.file = direct
	}
	rows := fileRows{pages: pages, section: "rows", offset: l.sections[l.rows()].offset, dim: l.config.Dim}
	m.Classifier, m.Embedding = &rows, &rows
	if !l.config.SharedClassifier {
		embedding := rows
		embedding.section, embedding.offset = "embed", l.sections[l.embed()].offset
		m.Embedding = &embedding
	}
	if l.hasRemainder() {
		m.Remainder = &fileRemainder{pages: pages, offset: l.sections[l.remainder()].offset, vocab: l.config.VocabSize, dim: l.config.Dim}
	}
	m.loading.Add(1)
	go func() {
		defer m.loading.Done()
		m.load(progress)
	}()
	return m, nil
}

// roomy says whether the page cache has room for a whole file. Where it has not, what
// passes through it drives the programs out of memory. Where it has, the next
// program finds the file there.
func roomy(size int64) bool {
	m, err := machine.ReadMemory()
	return err == nil && int64(m.Available)<<10 > size
}

// load reads the resident sections.
func (m *Model) load(progress func(done, total int64)) {
	const chunk = 1 << 20
	for i := range m.layout.rows() {
		if !m.layout.kept(i) {
			if err := m.loadNorms(i); err != nil {
				m.arrive(i, err)
				return
			}
			m.arrive(i+1, nil)
			continue
		}
		s := m.layout.sections[i]
		sum := uint32(0)
		for at := int64(0); at < s.length; at += chunk {
			m.mu.Lock()
			stop := m.stop
			m.mu.Unlock()
			if stop {
				return
			}
			b := m.memory[s.memory+at:][:min(chunk, s.length-at)]
			if err := m.read(m.memory[s.memory+at:], s, at, len(b)); err != nil {
				m.arrive(i, err)
				return
			}
			sum = crc32.Update(sum, castagnoli, b)
			if progress != nil {
				progress(s.memory+at+int64(len(b)), m.layout.resident)
			}
		}
		err := m.check(i)
		if sum != s.crc {
			err = errSum
		}
		if err != nil {
			m.arrive(i, m.damaged(s, err))
			return
		}
		m.arrive(i+1, nil)
	}
	uncached.Scattered(m.file)
}

// loadNorms reads the norms of a section of Partial that is not kept. Whether they are
// what was packed shows when a pass reads the whole.
func (m *Model) loadNorms(section int) error {
	layer := section - m.layout.draft(0)
	if layer < 0 || layer >= len(m.norms) || m.norms[layer] == nil {
		return nil
	}
	norms := m.norms[layer]
	return m.read(norms[:cap(norms)], m.layout.sections[section], 0, len(norms))
}

// read reads n bytes of a section, from at on, to the start of memory. In a machine that
// the model fills it reads past the page cache if that can be: the cache would lose what
// was just read before it is copied.
func (m *Model) read(memory []byte, s section, at int64, n int) error {
	if readDirect(m.direct, memory, s.offset+at, n) {
		return nil
	}
	_, err := m.file.ReadAt(memory[:n], s.offset+at)
	if !m.roomy {
		adviseRead(m.file, s.offset+at, int64(n))
	}
	if err != nil {
		return fmt.Errorf("packed checkpoint %s: section %q cannot be read: %w", m.file.Name(), s.name, err)
	}
	return nil
}

// damaged says of a section what is wrong with it.
func (m *Model) damaged(s section, err error) error {
	return fmt.Errorf("packed checkpoint %s: section %q is damaged (%w): write the card again", m.file.Name(), s.name, err)
}

// readDirect reads n bytes of a file to the start of memory, by whole pages: what
// lies between the sections is read with them. It fails on a file system that
// cannot read so, and at the file's end.
func readDirect(f *os.File, memory []byte, offset int64, n int) bool {
	n = int(pages(int64(n)))
	if f == nil || n > len(memory) {
		return false
	}
	_, err := f.ReadAt(memory[:n], offset)
	return err == nil
}

// check refuses content that would make an engine reach outside its memory.
func (m *Model) check(section int) error {
	if section != 0 {
		return nil
	}
	last := int32(-1)
	for _, r := range m.Head.Rows {
		if r <= last || int(r) >= m.Config.VocabSize {
			return fmt.Errorf("hot row %d follows %d", r, last)
		}
		last = r
	}
	return nil
}

// Section is where one part of a packed checkpoint lies in its file, in bytes.
type Section struct {
	Name           string
	Offset, Length int64
}

// Sections lists the parts of the packed checkpoint in r, in the file's order.
func Sections(r io.ReaderAt) ([]Section, error) {
	l, err := readLayout(r)
	if err != nil {
		return nil, err
	}
	var all []Section
	for _, s := range l.sections {
		all = append(all, Section{s.name, s.offset, s.length})
	}
	return all, nil
}

// readLayout reads the header of a packed checkpoint.
func readLayout(r io.ReaderAt) (*layout, error) {
	head := make([]byte, pageSize)
	switch n, err := r.ReadAt(head, 0); {
	case n == pageSize:
		return parseHeader(head)
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("truncated: a header has %d bytes, the file has %d", pageSize, n)
	default:
		return nil, err
	}
}

// ConfigOf reads the shape of the packed checkpoint at path.
func ConfigOf(path string) (llama.Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return llama.Config{}, fmt.Errorf("packed checkpoint: %w", err)
	}
	defer f.Close()
	l, err := readLayout(f)
	if err != nil {
		return llama.Config{}, fmt.Errorf("packed checkpoint %s: %w", path, err)
	}
	return l.config, nil
}

// Verify reads the whole packed checkpoint at path and compares every checksum.
func Verify(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("packed checkpoint: %w", err)
	}
	defer f.Close()
	l, err := readLayout(f)
	if err != nil {
		return fmt.Errorf("packed checkpoint %s: %w", path, err)
	}
	for _, s := range l.sections {
		sum := crc32.New(castagnoli)
		n, err := io.Copy(sum, io.NewSectionReader(f, s.offset, s.length))
		if err == nil && n < s.length {
			err = io.ErrUnexpectedEOF
		}
		if err == nil && sum.Sum32() != s.crc {
			err = errSum
		}
		if err != nil {
			return fmt.Errorf("packed checkpoint %s: section %q: %w", path, s.name, err)
		}
	}
	return nil
}
