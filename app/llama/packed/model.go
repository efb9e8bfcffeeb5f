package packed

import (
	"fmt"
	"os"
	"sync"
	"unsafe"

	"duostoryteller/app/arith"
	"duostoryteller/app/engine/classifier"
	"duostoryteller/app/llama"
	"duostoryteller/app/machine"
	"duostoryteller/app/memory"
)

// Model is a packed checkpoint in memory, or on its way there: before a part is
// used, the Wait method for it must have returned. Slices die with Close.
type Model struct {
	Config llama.Config // with the context that there is memory for

	FinalNorm    []float32 // (dim)
	HotRows      []float32 // (hot, dim): the classifier's rows that the head has
	Head         classifier.Head
	Layers       []Layer
	Screen       classifier.Screen
	Embedding    Rows                 // exact rows of the token embedding
	Classifier   Rows                 // and of the classifier
	Remainder    classifier.Remainder // of the screen; nil if all exact rows are in memory anyway
	layout       *layout
	mapped       []byte // more than is used, for alignment
	memory       []byte
	closeSources func() error
	roomy        bool // the page cache has room for the file

	// What a Pass reads, and where to: direct is nil if that cannot be.
	file, direct *os.File
	buffers      [][]byte
	norms        [][]byte // by layer: those of layers that are not kept, of Partial

	loading sync.WaitGroup
	mu      sync.Mutex
	arrived *sync.Cond
	ready   int // sections in memory
	err     error
	stop    bool
}

// Layer is one layer's weights.
type Layer struct {
	AttNorm, FFNNorm []float32 // (dim)

	// By product; nil in a model that is loaded for something else.
	Exact [4][]float32 // packed by arith.PackF32
	Fast  [4]Eight     // nil, too, if the draft serves the fast engine as well
	Draft [4]Four
}

// The four products of a layer.
const (
	QKV = iota // (dim + 2 kvDim, dim): queries, keys, values
	WO         // (dim, dim)
	W13        // (2 hidden, dim): w1, then w3
	W2         // (dim, hidden)
)

// Eight is a matrix of whole weights, -FastLimit to FastLimit, packed by
// arith.PackI8, with a scale for each row.
type Eight struct {
	Scale   []float32
	Weights []int8
}

// FastLimit is the largest weight of a fast layer: with one bit less than there is
// room for, twice as many products fit in a 16-bit sum.
const FastLimit = 63

// Four is the same with weights of four bits, packed by arith.PackI4.
type Four struct {
	Scale   []float32
	Weights []byte
}

// draftLimit is the largest that four bits hold.
const draftLimit = 7

// Hot is how many rows of a classifier the board keeps in memory.
const Hot = 1536

// Of says whether the model was packed from a checkpoint of a shape.
func (m *Model) Of(c llama.Config) bool { return m.layout.config == c }

// Shape is the number of inputs and outputs of one of a layer's products.
func (m *Model) Shape(product int) (n, d int) {
	s := matrices(m.Config)[product]
	return s.n, s.d
}

// Resident is how many bytes of memory the model takes.
func (m *Model) Resident() int64 { return int64(len(m.memory)) }

// allocate takes memory for the resident sections: outside Go's heap, on huge
// pages where the kernel gives them.
func (m *Model) allocate(l *layout, use Use) error {
	use, context, err := settleHere(l, use, machine.ReadMemory)
	if err != nil {
		return err
	}
	l.place(use)
	mapped, err := memory.Take(int(l.resident) + HugePage)
	if err != nil {
		return fmt.Errorf("no memory for a model of %d bytes: %w", l.resident, err)
	}
	begin := -uintptr(unsafe.Pointer(&mapped[0])) % HugePage
	used := mapped[begin:][:l.resident]
	memory.AdviseHuge(used[:l.resident/HugePage*HugePage]) // a huge page for the rest would be partly wasted
	m.layout, m.mapped, m.memory, m.Config = l, mapped, used, l.config
	m.Config.SeqLen = context
	m.arrived = sync.NewCond(&m.mu)
	m.slice()
	return nil
}

// cutter takes typed slices off a piece of memory.
type cutter []byte

func (c *cutter) take(n int) []byte {
	head := (*c)[:n:n]
	*c = (*c)[n:]
	return head
}

func (c *cutter) floats(n int) []float32 { return view[float32](c.take(4 * n)) }

func view[T any](b []byte) []T {
	var v T
	if len(b) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), len(b)/int(unsafe.Sizeof(v)))
}

func (c *cutter) eight(n, d int) Eight {
	return Eight{c.floats(d), view[int8](c.take(arith.PackedI8Len(n, d)))}
}

func (c *cutter) four(n, d int) Four {
	return Four{c.floats(d), c.take(arith.PackedI4Len(n, d))}
}

func (m *Model) bytes(section int) cutter {
	s := m.layout.sections[section]
	return cutter(m.memory[s.memory:][:s.length])
}

// slice points the fields at their places in memory.
func (m *Model) slice() {
	l, c := m.layout, m.Config
	b := m.bytes(0)
	m.FinalNorm = b.floats(c.Dim)
	m.Head.Rows = view[int32](b.take(4 * l.hot))
	m.Layers, m.norms = make([]Layer, c.Layers), make([][]byte, c.Layers)
	for i := range m.Layers {
		layer := &m.Layers[i]
		shapes := matrices(c)
		norms := func(b *cutter) { layer.AttNorm, layer.FFNNorm = b.floats(c.Dim), b.floats(c.Dim) }
		if l.hasFast && l.kept(l.fast(i)) {
			b := m.bytes(l.fast(i))
			norms(&b)
			for j, s := range shapes {
				layer.Fast[j] = b.eight(s.n, s.d)
			}
		}
		if l.kept(l.draft(i)) {
			b := m.bytes(l.draft(i))
			norms(&b)
			for j, s := range shapes {
				layer.Draft[j] = b.four(s.n, s.d)
			}
		}
		if l.use == Partial && i >= l.drafts {
			m.norms[i] = alignedPages(int(l.norms()))[:l.norms()]
			b := cutter(m.norms[i])
			norms(&b)
		}
		if l.kept(l.layer(i)) {
			b := m.bytes(l.layer(i))
			norms(&b)
			for j, s := range shapes {
				layer.Exact[j] = b.floats(arith.PackedF32Len(s.n, s.d))
			}
		}
	}
	b = m.bytes(l.screen())
	vocab := c.VocabSize
	m.Screen = classifier.Screen{
		Rows: vocab, Dim: c.Dim, Direction: b.floats(c.Dim), Limits: b.floats(classifier.NumLimits),
		Groups: view[classifier.Group](b.take(16 * classifier.NumGroups)),
		Along:  b.floats(vocab), Scale: b.floats(vocab), Error: b.floats(vocab),
		Weights: b.take(arith.PackedI4Len(c.Dim, vocab)),
	}
	b = m.bytes(l.hotRows())
	m.HotRows = b.floats(l.hot * c.Dim)
	b = m.bytes(l.head())
	h := &m.Head
	h.Scale, h.Error, h.Norm = b.floats(l.hot), b.floats(l.hot), b.floats(l.hot)
	h.Weights = view[int8](b.take(arith.PackedI8Len(c.Dim, l.hot)))
}

// wait blocks until section i is in memory.
func (m *Model) wait(i int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.ready <= i && m.err == nil {
		m.arrived.Wait()
	}
	if m.ready > i {
		return nil
	}
	return m.err
}

// WaitLayer waits for layer i and what comes before it.
func (m *Model) WaitLayer(i int) error {
	l := m.layout
	switch {
	case l.use == Fast && l.hasFast:
		return m.wait(l.fast(i))
	case l.use != Exact:
		return m.wait(l.draft(i))
	}
	return m.wait(l.layer(i))
}

// WaitClassifier waits for the screen and the head.
func (m *Model) WaitClassifier() error { return m.wait(m.layout.head()) }

// WaitAll waits for everything.
func (m *Model) WaitAll() error { return m.wait(m.layout.rows() - 1) }

func (m *Model) arrive(ready int, err error) {
	m.mu.Lock()
	m.ready, m.err = max(m.ready, ready), err
	m.arrived.Broadcast()
	m.mu.Unlock()
}

// Close frees the model's memory and closes its file.
func (m *Model) Close() error {
	m.mu.Lock()
	m.stop = true
	m.mu.Unlock()
	m.loading.Wait()
	mapped := m.mapped
	if mapped == nil {
		return nil
	}
	m.mapped, m.memory = nil, nil
	err := memory.Free(mapped)
	if m.closeSources != nil {
		if e := m.closeSources(); err == nil {
			err = e
		}
	}
	return err
}

// WaitHot waits for the last norm and the hot rows.
func (m *Model) WaitHot() error { return m.wait(m.layout.hotRows()) }
