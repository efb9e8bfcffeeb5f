package models

import (
	"errors"
	"fmt"

	"duostoryteller/app/cost"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
	"duostoryteller/imagebuilder/board"
)

// Plan is what an engine will do with a model on a board.
type Plan struct {
	Engine   string        `json:"engine"`
	Memory   packed.Memory `json:"memory"`   // by the code that takes it on the board
	Free     int64         `json:"free"`     // bytes that the board has for it
	Fits     bool          `json:"fits"`     // if not, Memory is of the whole model and context
	Context  int           `json:"context"`  // tokens of the longest story
	Streamed bool          `json:"streamed"` // layers are read from the card for each pass
	Narrow   bool          `json:"narrow"`   // the fast engine has 4 bits a weight, whatever it costs of the loss

	// The range of what the model says, by the counts of another shape: slow is with
	// conservative memory and what grows most, fast with the best memory and what grows
	// least.
	Kind  string     `json:"kind"`               // cost.Modelled
	Bytes [2]float64 `json:"bytes_a_token"`      // from memory
	Card  float64    `json:"card_bytes_a_token"` // of layers
	Speed [2]float64 `json:"tokens_per_second"`
}

// Free is how much of a board's memory is there for a model: what kernel, firmware and
// programs leave. Nothing is put aside for a voice, or for the page cache: with less a
// model cannot work at all.
func Free(b *board.Board) int64 {
	return int64(b.Memory.Size) - int64(b.Budget.Kernel) - int64(b.Budget.Programs)
}

// What a pass that reads the layers from the card is worth, as counted with a trained
// stand-in of stories15M's shape at temperature 1 and top-p 0.9 (TestEngines/passes in tests/cost).
const (
	TokensAPass  = 11.4
	GuessesAPass = 27.5
)

// Plans says it of each engine. What a token takes was counted for one shape; here it
// grows as the layers do and as the classifier does, of which the counts are a mixture
// that is not known: hence two figures. Where the shape is the counted one they differ
// by the speed of memory alone. Where layers come from the card, a pass takes the time of
// reading them and that of its guesses, each of which takes what a token of the fast engine
// does; the positions are computed while the card is read.
func Plans(b *board.Board, known cost.Board, c llama.Config) (plans []Plan, err error) {
	var read []float64 // by a pass, of each plan
	for _, e := range []struct {
		name string
		use  packed.Use
	}{{"exact", packed.Exact}, {"fast", packed.Fast}} {
		p := Plan{Engine: e.name, Free: Free(b), Kind: cost.Modelled}
		as, err := packed.Settle(c, e.use, p.Free)
		p.Memory, p.Context, p.Streamed, p.Narrow, p.Fits = as.Memory, as.Context, as.Read > 0, as.Use == packed.Narrow || as.Use == packed.Partial, err == nil
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
		plans, read = append(plans, p), append(read, float64(as.Read))
	}
	exact, fast := &plans[0], &plans[1]
	resident := *fast // a position, apart from reading
	if exact.Streamed {
		exact.stream(known, read[0], TokensAPass, GuessesAPass, resident)
	}
	if fast.Streamed {
		fast.stream(known, read[1], 1, 1, resident)
	}
	return plans, nil
}

// stream has the cost of passes that read so many bytes of layers, and settle so many
// tokens by so many positions, each of which costs what a token does in the plan fast.
func (p *Plan) stream(known cost.Board, layers, tokens, positions float64, fast Plan) {
	p.Card = layers / tokens
	for i, position := range fast.Bytes {
		p.Bytes[i] = p.Card + position*positions/tokens
	}
	for i, parameters := range []cost.Parameters{known.Assumed, known.Best} {
		p.Speed[i] = tokens / (layers/parameters.Card + positions/fast.Speed[i])
	}
}

// grown is a count of so many times the work.
func grown(c cost.Count, times float64) cost.Count {
	c.Instructions, c.Cycles, c.DRAM, c.Card = c.Instructions*times, c.Cycles*times, c.DRAM*times, c.Card*times
	return c
}

// Refuse says why no engine can work with a model on a board; nil if one can.
func Refuse(b *board.Board, name string, c llama.Config) error {
	free := Free(b)
	exact, err := packed.Settle(c, packed.Exact, free)
	if err == nil {
		return nil
	}
	fast, err := packed.Settle(c, packed.Fast, free)
	if err == nil {
		return nil
	}
	if !errors.Is(err, packed.ErrTooLarge) {
		return err
	}
	return fmt.Errorf("%s is too large for %s, which has %.1f MB for a model: the exact engine takes %v, the fast one %v: choose a smaller model; 'imagebuilder model --shape' has the table",
		name, b.Title, float64(free)/1e6, exact.Memory, fast.Memory)
}
