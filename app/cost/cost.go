// Package cost turns counted work into modelled time.
//
// Nothing here measures. Counts come from emulation, where they repeat exactly;
// the board's parameters from board.toml, each with its source. The model is as
// simple as it can be:
//
//	time = max(cycles/clock + DRAM bytes/DRAM bandwidth, card bytes/card bandwidth)
//
// The core issues one instruction after the other and waits for every fill of its
// cache: it has no second-level cache, and what its prefetcher saves is taken to be
// in the bandwidth that is assumed. The card is read ahead by DMA while the core computes, so the slower of both decides.
//
// How fast memory is read into the cache is not known well, so a modelled time is a range:
// by a conservative bandwidth, which goals are held against, a likely one and the best one that
// a public report has. At the last two, part of the champion's time is unexplained: see
// [Unexplained].
//
// A board's folder, and the card, have three files: board.toml with the
// parameters that are assumed; official.toml with programs that others have timed
// on a board, by which the model checks itself; engines.toml with what our engines
// take. What the memory suite measures on a board takes the parameters' place.
package cost

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"duostoryteller/app/bandwidth"

	"github.com/BurntSushi/toml"
)

// Modelled labels every figure of this package.
const Modelled = "modelled"

// Count is the work for one token, counted or averaged over many.
type Count struct {
	Name         string  `json:"name" toml:"name"`
	Instructions float64 `json:"instructions" toml:"instructions"`
	// Cycles are serial. 0 takes Instructions times PerInstruction.
	Cycles         float64 `json:"cycles,omitempty" toml:"cycles"`
	PerInstruction float64 `json:"cycles_per_instruction,omitempty" toml:"cycles_per_instruction"`
	DRAM           float64 `json:"dram_bytes" toml:"dram_bytes"`
	Card           float64 `json:"card_bytes,omitempty" toml:"card_bytes"`
	// Tokens, if not 0, is how many tokens all of the above are for.
	Tokens float64 `json:"tokens,omitempty" toml:"tokens"`
}

// Official is a program whose speed on the board is known.
type Official struct {
	Count
	Speed  float64 `toml:"official"` // tokens a second
	Fitted string  `toml:"fitted"`   // the parameter that was chosen to meet Speed
	Groups float64 `toml:"groups"`   // of weights a token, each summed up and moved to a scalar register
}

// Measurement is a rate that others have measured on a board.
type Measurement struct {
	Name   string    `json:"name" toml:"name"`
	Source string    `json:"source" toml:"source"`
	Rate   []float64 `json:"bytes_per_s" toml:"bytes_per_s"` // the slowest and the fastest
	Cycles float64   `json:"cycles_per_byte" toml:"cycles_per_byte"`
	Card   bool      `json:"card" toml:"card"` // the bytes are the card's, not memory's
}

// Modelled is the rate, in bytes a second, by the parameters.
func (m Measurement) Modelled(p Parameters) float64 {
	if m.Card {
		return p.Card
	}
	return 1 / (m.Cycles/p.Clock + 1/p.DRAM)
}

// Parameters of the board.
type Parameters struct {
	Clock float64 `json:"clock_hz"`
	DRAM  float64 `json:"dram_bytes_per_s"`
	Card  float64 `json:"card_bytes_per_s"`
}

// Measured returns p with what was measured in place of what is assumed. A
// report without the card leaves that one.
func (p Parameters) Measured(m *bandwidth.Report) Parameters {
	p.Clock, p.DRAM = m.Clock, m.Memory.Fill
	if m.Card != nil && m.Card.Direct {
		p.Card = m.Card.Sequential
	}
	return p
}

// Board is what is known of a board's speed.
type Board struct {
	Assumed      Parameters // conservative
	Likely, Best Parameters // with faster memory
	Official     []Official
	Measurements []Measurement
	Engines      []Count // ours, by name
}

// ReadBoard reads board.toml, official.toml and engines.toml in dir.
func ReadBoard(dir string) (b Board, err error) {
	type value struct{ Value, Likely, Best float64 }
	var all struct {
		Cost struct{ Clock, DRAM, Card value }
	}
	name := filepath.Join(dir, "board.toml")
	if _, err := toml.DecodeFile(name, &all); err != nil {
		return b, fmt.Errorf("%s: %w", name, err)
	}
	c := all.Cost
	b.Assumed = Parameters{c.Clock.Value, c.DRAM.Value, c.Card.Value}
	if !(c.Clock.Value > 0 && c.DRAM.Value > 0 && c.Card.Value > 0) {
		return b, fmt.Errorf("%s: no [cost.clock], [cost.dram] or [cost.card] with a value", name)
	}
	b.Likely, b.Best = b.Assumed, b.Assumed
	if c.DRAM.Likely != 0 || c.DRAM.Best != 0 {
		if !(c.DRAM.Value <= c.DRAM.Likely && c.DRAM.Likely <= c.DRAM.Best) {
			return b, fmt.Errorf("%s: [cost.dram]: value, likely and best do not follow each other", name)
		}
		b.Likely.DRAM, b.Best.DRAM = c.DRAM.Likely, c.DRAM.Best
	}
	if b.Official, b.Measurements, err = readOfficial(filepath.Join(dir, "official.toml")); err != nil {
		return b, err
	}
	b.Engines, err = readEngines(filepath.Join(dir, "engines.toml"))
	return b, err
}

// Check models the programs whose speed is known.
func (b Board) Check(p Parameters) (figures []Figure) {
	for _, o := range b.Official {
		f := b.Model(o.Count, p)
		f.Against, f.Fitted = o.Speed, o.Fitted
		figures = append(figures, f)
	}
	return figures
}

// Ours models our engines.
func (b Board) Ours(p Parameters) (figures []Figure) {
	for _, c := range b.Engines {
		figures = append(figures, b.Model(c, p))
	}
	return figures
}

// Model is [Model], with the range that the time is in if p is what is assumed.
func (b Board) Model(c Count, p Parameters) Figure {
	f := Model(c, p)
	if p == b.Assumed {
		f.Likely, f.Best = Model(c, b.Likely).Total, Model(c, b.Best).Total
	}
	return f
}

// Unexplained is how much longer a program takes than the model says, in milliseconds
// a token and in cycles for each of its groups of weights: a processor that waits where
// a vector's sum is moved to a scalar register would show so. No kernel of ours moves any.
func (o Official) Unexplained(p Parameters) (ms, cycles float64) {
	ms = 1000/o.Speed - Model(o.Count, p).Total
	return ms, ms / 1000 * p.Clock / o.Groups
}

// Figure is a modelled speed.
type Figure struct {
	Kind    string  `json:"kind"` // Modelled
	Name    string  `json:"name"`
	Cycles  float64 `json:"ms_cycles"` // milliseconds a token
	DRAM    float64 `json:"ms_dram"`
	Card    float64 `json:"ms_card"`
	Total   float64 `json:"ms_token"`
	Likely  float64 `json:"ms_token_likely,omitempty"` // 0 unless Total is conservative
	Best    float64 `json:"ms_token_best,omitempty"`
	Speed   float64 `json:"tokens_per_second"`
	Against float64 `json:"official,omitempty"` // tokens a second, measured by the jury
	Fitted  string  `json:"fitted,omitempty"`
}

// Off is how far the model is from the official result, as a share of it.
func (f Figure) Off() float64 { return f.Speed/f.Against - 1 }

// check says what is wrong with a count.
func (c Count) check() error {
	for _, v := range []float64{c.Instructions, c.Cycles, c.PerInstruction, c.DRAM, c.Card, c.Tokens} {
		if v < 0 || math.IsInf(v, 0) || math.IsNaN(v) {
			return fmt.Errorf("%s: %v is no count", c.Name, v)
		}
	}
	if c.Name == "" {
		return errors.New("a count has no name")
	}
	if c.Cycles == 0 && c.Instructions*c.PerInstruction == 0 {
		return fmt.Errorf("%s: cycles, or instructions and cycles_per_instruction, are wanted", c.Name)
	}
	return nil
}

// Model returns the time that a count takes by the parameters.
func Model(c Count, p Parameters) Figure {
	tokens := c.Tokens
	if tokens == 0 {
		tokens = 1
	}
	cycles := c.Cycles
	if cycles == 0 {
		cycles = c.Instructions * c.PerInstruction
	}
	ms := func(amount, rate float64) float64 { return 1000 * amount / tokens / rate }
	f := Figure{Kind: Modelled, Name: c.Name, Cycles: ms(cycles, p.Clock), DRAM: ms(c.DRAM, p.DRAM), Card: ms(c.Card, p.Card)}
	f.Total = max(f.Cycles+f.DRAM, f.Card)
	f.Speed = 1000 / f.Total
	return f
}

// ReadCounts reads a file with one JSON object or several, one after the other.
func ReadCounts(file string) ([]Count, error) {
	r, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	counts, err := parseCounts(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return counts, nil
}

func parseCounts(r io.Reader) (counts []Count, err error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	for {
		var c Count
		if err := d.Decode(&c); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		if err := c.check(); err != nil {
			return nil, err
		}
		counts = append(counts, c)
	}
	if len(counts) == 0 {
		return nil, errors.New("no counts in it")
	}
	return counts, nil
}

// readOfficial reads the programs with known speeds, and what else was measured.
func readOfficial(file string) ([]Official, []Measurement, error) {
	var list struct {
		Program     []Official
		Measurement []Measurement
	}
	if err := decode(file, &list); err != nil {
		return nil, nil, err
	}
	for _, o := range list.Program {
		if err := o.check(); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		if o.Speed <= 0 {
			return nil, nil, fmt.Errorf("%s: %s: its official speed is wanted", file, o.Name)
		}
	}
	for _, m := range list.Measurement {
		if m.Name == "" || m.Source == "" || len(m.Rate) != 2 || !(0 < m.Rate[0] && m.Rate[0] <= m.Rate[1]) || m.Cycles < 0 {
			return nil, nil, fmt.Errorf("%s: measurement %q: name, source and bytes_per_s, the slowest and the fastest, are wanted", file, m.Name)
		}
	}
	return list.Program, list.Measurement, nil
}

// readEngines reads what our engines take.
func readEngines(file string) ([]Count, error) {
	var list struct{ Engine []Count }
	if err := decode(file, &list); err != nil {
		return nil, err
	}
	for _, c := range list.Engine {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return list.Engine, nil
}

// decode reads a file whose every key must be known.
func decode(file string, to any) error {
	meta, err := toml.DecodeFile(file, to)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, key := range meta.Undecoded() {
		return fmt.Errorf("%s: unknown key %s", file, key)
	}
	return nil
}
