package models

import (
	"fmt"

	"duostoryteller/app/cost"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
	"duostoryteller/imagebuilder/board"
)

// Plan is what an engine will do with a model on a board.
type Plan struct {
	Engine string        `json:"engine"`
	Memory packed.Memory `json:"memory"` // by the code that takes it on the board
	Free   int64         `json:"free"`   // bytes that the board has for it

	// The range of what the model says, by the counts of another shape: slow is with
	// conservative memory and what grows most, fast with the best memory and what grows
	// least.
	Kind  string     `json:"kind"`          // cost.Modelled
	Bytes [2]float64 `json:"bytes_a_token"` // from memory
	Speed [2]float64 `json:"tokens_per_second"`
}

// Free is how much of a board's memory is there for a model: what kernel, firmware and
// programs leave. Nothing is put aside for a voice, or for the page cache: with less a
// model cannot work at all.
func Free(b *board.Board) int64 {
	return int64(b.Memory.Size) - int64(b.Budget.Kernel) - int64(b.Budget.Programs)
}

// Plans says it of each engine. What a token takes was counted for one shape; here it
// grows as the layers do and as the classifier does, of which the counts are a mixture
// that is not known: hence two figures. Where the shape is the counted one they differ
// by the speed of memory alone. No figure is of weights read from the card.
func Plans(b *board.Board, known cost.Board, c llama.Config) (plans []Plan, err error) {
	for _, e := range []struct {
		name string
		use  packed.Use
	}{{"exact", packed.Exact}, {"fast", packed.Fast}} {
		p := Plan{Engine: e.name, Free: Free(b), Kind: cost.Modelled}
		if p.Memory, err = packed.MemoryOf(c, e.use); err != nil {
			return nil, err
		}
		now, err := packed.PartsOf(c, e.use)
		if err != nil {
			return nil, err
		}
		then, err := packed.PartsOf(Counted(), e.use)
		if err != nil {
			return nil, err
		}
		layers := float64(now.Layers) / float64(then.Layers)
		classifier := float64(now.Classifier) / float64(then.Classifier)
		for _, count := range known.Engines {
			if count.Name != e.name {
				continue
			}
			least, most := cost.Model(grown(count, min(layers, classifier)), known.Best), cost.Model(grown(count, max(layers, classifier)), known.Assumed)
			p.Bytes = [2]float64{count.DRAM * min(layers, classifier), count.DRAM * max(layers, classifier)}
			p.Speed = [2]float64{most.Speed, least.Speed}
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// grown is a count of so many times the work.
func grown(c cost.Count, times float64) cost.Count {
	c.Instructions, c.Cycles, c.DRAM, c.Card = c.Instructions*times, c.Cycles*times, c.DRAM*times, c.Card*times
	return c
}

// Refuse says why no engine can work with a model on a board; nil if one can.
func Refuse(b *board.Board, name string, c llama.Config) error {
	exact, err := packed.MemoryOf(c, packed.Exact)
	if err != nil {
		return err
	}
	fast, err := packed.MemoryOf(c, packed.Fast)
	if err != nil {
		return err
	}
	free := Free(b)
	if exact.Total() <= free || fast.Total() <= free {
		return nil
	}
	return fmt.Errorf("%s is too large for %s, which has %.1f MB for a model: the exact engine takes %v, the fast one %v: choose a smaller model; 'imagebuilder model --shape' has the table",
		name, b.Title, float64(free)/1e6, exact, fast)
}
