package classifier

import (
	"math"

	"duostoryteller/app/arith"
)

// Remainder is what a screen leaves of its rows, eight bits a weight: with it every logit
// is known a hundred times as well as by the screen. It is too large for a small board's
// memory, and read from the card for the few decisions that want it.
type Remainder interface {
	// ReadPanel returns panel i, good until the next call: rows i·PanelRows on, as many
	// as there are up to PanelRows.
	ReadPanel(i int) (Panel, error)
}

// PanelRows is how many rows are read together: enough for a card's full speed, and
// whole blocks of both kinds.
const PanelRows = 2 * arith.BlockI4

// Panel is the remainder of some rows: row r of the weights is close to what the screen
// makes of it plus Scale[r]·q. Of a row that the head has all is 0.
type Panel struct {
	Scale   []float32
	Error   []float32 // at least how far off the row still is, Euclidean
	Weights []int8    // q, -127 to 127, by arith.PackI8
}

// NewPanel allocates a panel.
func NewPanel(rows, dim int) Panel {
	return Panel{make([]float32, rows), make([]float32, rows), make([]int8, arith.PackedI8Len(dim, rows))}
}

// PackPanel fills a panel with the remainder of the weights w (rows, dim), which are rows
// from first on of those that the screen was packed of.
func (s *Screen) PackPanel(p Panel, w []float32, first int) {
	n, dim := len(p.Scale), s.Dim
	q, rest, screened := make([]int8, n*dim), make([]float64, dim), make([]int8, dim)
	for i := range n {
		r := first + i
		p.Scale[i], p.Error[i] = 0, 0
		if s.Error[r] < 0 {
			continue
		}
		s.beside(rest, w[i*dim:][:dim], r)
		quantizeBy(screened, rest, s.Scale[r], 7) // as the screen has it
		for j, v := range screened {
			rest[j] -= float64(float64(v) * float64(s.Scale[r]))
		}
		p.Scale[i], p.Error[i], _ = QuantizeRow(q[i*dim:][:dim], rest, 127)
	}
	arith.PackI8(p.Weights, q, dim, n)
}

// refine bounds the rows of the screen that are candidates, and not scored, anew, with
// the remainder.
func (c *Classifier) refine(p *position) error {
	s, dim, d := c.screen, c.screen.Dim, &p.decision
	if c.twice == nil {
		c.twice = make([]int32, 4*PanelRows)
	}
	// x is taken twice as far: as p.scale·p.q plus second times a vector of eight bits.
	x := make([]int8, 2*dim)
	copy(x, p.q)
	second, off, along := p.second(x[dim:], s.Direction)
	vectors := c.set.VectorsI8(x, dim, 2, 127)
	at := 0
	for first := 0; first < s.Rows; first += PanelRows {
		panel, err := c.remainder.ReadPanel(first / PanelRows)
		if err != nil {
			return err
		}
		n := len(panel.Scale)
		coarse, fine := c.twice[:2*n], c.twice[2*PanelRows:][:2*n]
		c.set.MatMulI4(coarse, s.Weights[first/2*dim:][:arith.PackedI4Len(dim, n)], x, dim, n, 2)
		c.set.MatMulVectorsI8(fine, panel.Weights, vectors, n)
		for ; at < len(d.cands) && int(d.cands[at].row) < first+n; at++ {
			cand := &d.cands[at]
			if cand.scored || !cand.screened {
				continue
			}
			r := int(cand.row)
			i := r - first
			both := func(acc []int32) float64 {
				return float64(acc[i])*float64(p.scale) + float64(acc[n+i])*second
			}
			z := float64(s.Along[r])*along + float64(s.Scale[r])*both(coarse) + float64(panel.Scale[i])*both(fine)
			// The screen's part is at most NormToError times as long as what it leaves, the
			// panel's at most as long as what was left before and after it.
			e, left := float64(panel.Error[i]), float64(s.Error[r])
			bound := z + (e*float64(p.a)+off*(left*float64(s.Limits[NormToError])+left+e))*(1+1e-5) + float64(p.c)*(1+1e-5)
			cand.approx, cand.z = float32(z), float32(bound)
			if p.temperature != 0 {
				cand.approx, cand.z = cand.approx/p.temperature, cand.z/p.temperature
			}
			cand.screened, cand.refined = false, true
		}
	}
	c.spare(d, -1)
	c.sparing.refined = true
	return nil
}

// second quantises to q what the first eight bits leave of x. With scale·q beside
// them, x is off by at most off; along is direction·x.
func (p *position) second(q []int8, direction []float32) (scale, off, along float64) {
	rest := func(i int) float64 { return float64(p.x[i]) - float64(p.q[i])*float64(p.scale) }
	var largest, sum float64
	for i := range p.x {
		largest = max(largest, math.Abs(rest(i)))
		along += float64(p.x[i]) * float64(direction[i])
	}
	scale = largest / 127
	for i := range p.x {
		v := 0.0
		if scale > 1e-30 {
			v = clampRound(rest(i)/scale, 127)
		}
		q[i] = int8(v)
		d := rest(i) - v*scale
		sum += d * d
	}
	return scale, max(math.Sqrt(sum), 1e-20) * (1 + 1e-5), along
}
