package packed

import (
	"errors"
	"fmt"

	"duostoryteller/app/llama"
	"duostoryteller/app/machine"
)

// Memory is what an engine takes for a model, in bytes.
type Memory struct {
	Weights int64 // resident sections, without the hot rows
	HotRows int64
	KVCache int64
}

// Total is their sum.
func (m Memory) Total() int64 { return m.Weights + m.HotRows + m.KVCache }

// String has the sum and the parts.
func (m Memory) String() string {
	mb := func(n int64) float64 { return float64(n) / 1e6 }
	return fmt.Sprintf("%.0f MB of memory (weights %.1f, hot rows %.1f, KV cache %.1f)", mb(m.Total()), mb(m.Weights), mb(m.HotRows), mb(m.KVCache))
}

// Parts are the bytes that an engine reads of a model: of all layers, and of what
// stands for the classifier.
type Parts struct{ Layers, Classifier int64 }

// PartsOf tells them for a model of a shape, whose draft serves the fast engine as well.
func PartsOf(c llama.Config, use Use) (p Parts, err error) {
	l, err := newLayout(c, min(Hot, c.VocabSize), false)
	if err != nil {
		return p, err
	}
	l.place(use)
	for i, s := range l.sections {
		switch {
		case !l.kept(i) || i < l.hotRows()+1:
		case i == l.screen() || i == l.head():
			p.Classifier += s.length
		default:
			p.Layers += s.length
		}
	}
	return p, nil
}

// FileSize is how many bytes the packed form of a model of a shape has.
func FileSize(c llama.Config) (int64, error) {
	l, err := newLayout(c, min(Hot, c.VocabSize), true)
	if err != nil {
		return 0, err
	}
	last := l.sections[len(l.sections)-1]
	return last.offset + last.length, nil
}

func (l *layout) memory() Memory {
	hot := l.sections[l.hotRows()].length
	m := Memory{Weights: l.resident - hot, HotRows: hot, KVCache: kvCache(l.config)}
	if len(l.streams()) > 0 {
		m.Weights += l.buffers()
	}
	return m
}

// unpackedMemory is what it takes to use a checkpoint as llama2.c has it: each token
// reads all weights but those of other tokens' embeddings, and the screened
// classifier is made in memory.
func (l *layout) unpackedMemory() Memory {
	c := l.config
	weights := c.Weights()
	if !c.SharedClassifier {
		weights -= int64(c.VocabSize) * int64(c.Dim)
	}
	return Memory{
		Weights: 4*weights + l.sections[l.screen()].length + l.sections[l.head()].length,
		KVCache: kvCache(c),
	}
}

func kvCache(c llama.Config) int64 {
	return 2 * 4 * int64(c.Layers) * int64(c.SeqLen) * int64(c.KVDim())
}

// Short is the context, in positions, below which a model is of no use: run.c's stories
// have as many unless they are asked to be longer.
const Short = 256

// reserve is what a model for which a machine is small leaves to those who start after
// it: a voice, the page, and something to spare.
const reserve = 12e6

// Settled is how a model is used in a machine's memory.
type Settled struct {
	Memory
	Use     Use
	Context int   // positions
	Read    int64 // bytes of layers that each pass reads from the file
}

// Settle says how a model of a shape is used where so many bytes are free, and what that
// takes at most: as if the fast engine had layers of its own. One that does not fit as it
// is has its float32 layers read from the file for each pass, or a KV cache for no more
// than a part of the context, or both; the fast engine has the draft's layers then, and
// reads those of them for each pass that there is no memory for. It fails with
// ErrTooLarge, and what the whole would take, where that does not serve.
func Settle(c llama.Config, use Use, free int64) (Settled, error) {
	l, err := newLayout(c, min(Hot, c.VocabSize), true)
	if err != nil {
		return Settled{}, err
	}
	return settle(l, use, free)
}

func settle(l *layout, use Use, free int64) (Settled, error) {
	c := l.config
	l.place(use)
	whole := l.settled(c.SeqLen)
	if whole.Total() <= free {
		return whole, nil
	}
	ways := map[Use][]Use{Exact: {Exact, Streamed}, Fast: {Fast, Narrow, Partial}, Streamed: {Streamed}, Narrow: {Narrow}, Partial: {Partial}} // nobody tells from the whole
	for _, spare := range []int64{reserve, 0} {
		for _, as := range ways[use] {
			if l.drafts = 0; as == Partial {
				l.drafts = l.fitting(free - spare)
			}
			l.place(as)
			need := l.memory()
			left, position := free-need.Weights-need.HotRows-spare, need.KVCache/int64(c.SeqLen)
			context := min(left/position, int64(c.SeqLen))
			if spare == 0 {
				context = min(context, Short)
			}
			if context >= min(Short, int64(c.SeqLen)) {
				return l.settled(int(context)), nil
			}
		}
	}
	l.drafts = 0
	l.place(use)
	return whole, ErrTooLarge
}

// settled describes the layout as it is placed, with a KV cache for so many positions.
func (l *layout) settled(context int) Settled {
	s := Settled{Memory: l.memory(), Use: l.use, Context: context}
	s.KVCache = s.KVCache / int64(l.config.SeqLen) * int64(context)
	for _, i := range l.streams() {
		s.Read += l.sections[i].length
	}
	return s
}

// fitting is how many of the draft's layers fit into so many bytes, with the KV cache of a
// short context, where the others are read from the file; 0 as well if none does.
func (l *layout) fitting(free int64) int {
	for l.drafts = l.config.Layers - 1; l.drafts > 0; l.drafts-- {
		l.place(Partial)
		need := l.memory()
		need.KVCache = need.KVCache / int64(l.config.SeqLen) * int64(min(Short, l.config.SeqLen))
		if need.Total() <= free {
			break
		}
	}
	return l.drafts
}

// ErrTooLarge says that a machine has not the memory for a model.
var ErrTooLarge = errors.New("this model is too large")

// settleHere is settle for this machine. Without it, Linux would promise the memory and
// end programs when it is used. A machine that does not tell what it has is trusted.
func settleHere(l *layout, use Use, read func() (machine.Memory, error)) (Use, int, error) {
	m, err := read()
	if err != nil {
		return use, l.config.SeqLen, nil
	}
	as, err := settle(l, use, int64(m.Available)<<10)
	if err != nil {
		return use, 0, tooLarge(as.Memory, m)
	}
	return as.Use, as.Context, nil
}

// checkMemory refuses what a machine has not the memory for.
func checkMemory(need Memory, read func() (machine.Memory, error)) error {
	if m, err := read(); err == nil && need.Total() > int64(m.Available)<<10 {
		return tooLarge(need, m)
	}
	return nil
}

func tooLarge(need Memory, m machine.Memory) error {
	const mb, kb = 1e6, 1 << 10
	return fmt.Errorf("%w for this machine: it takes %v, but %d of %d MB are free: build the card with a smaller one",
		ErrTooLarge, need, int64(m.Available)*kb/mb, int64(m.Total)*kb/mb)
}
