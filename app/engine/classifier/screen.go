package classifier

import (
	"cmp"
	"math"
	"slices"

	"duostoryteller/app/arith"
)

// Screen is a classifier with four bits a weight. Row r of the weights is close
// to Along[r]·Direction + Scale[r]·q, where q are whole numbers from -7 to 7,
// and how close is known. The direction is what most rows have in common: in a
// trained model the many tokens that never occur are pushed the same way.
type Screen struct {
	Rows, Dim int
	Direction []float32 // (dim)
	Limits    []float32 // (NumLimits), see below
	Along     []float32 // (rows)
	Scale     []float32 // (rows)
	Error     []float32 // (rows) at least how far off the row is, Euclidean; -Inf for a row that the head has
	Weights   []byte    // q, by arith.PackI4
	Groups    []Group   // (NumGroups): all rows that the head does not have
}

// Group is some rows that are alike: r = along·Direction + rest, along between
// Low and High, and |rest| at most Rest. It bounds their logits without the weights.
type Group struct {
	Low, High, Rest float32
	Count           int32
}

// NumGroups are enough for their bounds to be little above those of single rows.
const (
	alikeAlong = 32
	alikeRest  = 8
	NumGroups  = alikeAlong * alikeRest
)

// group sorts the rows, by number and by what they are, into groups.
func group(rows []int32, along, rest []float32) []Group {
	groups := make([]Group, NumGroups)
	by := func(key []float32) func(a, b int32) int {
		return func(a, b int32) int { return cmp.Compare(key[a], key[b]) }
	}
	slices.SortStableFunc(rows, by(along))
	for i := range alikeAlong {
		part := rows[len(rows)*i/alikeAlong : len(rows)*(i+1)/alikeAlong]
		slices.SortStableFunc(part, by(rest))
		for j := range alikeRest {
			g := &groups[i*alikeRest+j]
			for _, r := range part[len(part)*j/alikeRest : len(part)*(j+1)/alikeRest] {
				if g.Count == 0 {
					g.Low, g.High = along[r], along[r]
				}
				g.Low, g.High, g.Rest = min(g.Low, along[r]), max(g.High, along[r]), max(g.Rest, rest[r])
				g.Count++
			}
		}
	}
	return groups
}

// Limits of a screen: no row of the weights, and no Scale·q, is longer than
// MaxNorm; together, the errors of all rows that the head does not have map a
// vector to one at most AllErrors times as long, their Scale·q to one at most
// AllNorms times as long.
const (
	MaxNorm = iota
	AllErrors
	AllNorms
	NormToError // |Scale·q| is at most that many times Error
	NumLimits
)

// Head is a classifier of some rows only, with eight bits a weight: row Rows[i]
// is close to Scale[i]·q.
type Head struct {
	Rows               []int32 // (head), ascending
	Scale, Error, Norm []float32
	Weights            []int8 // q, -127 to 127, by arith.PackI8
}

// NewScreen allocates a screen.
func NewScreen(rows, dim int) *Screen {
	vector := func(n int) []float32 { return make([]float32, n) }
	return &Screen{
		Rows: rows, Dim: dim, Direction: vector(dim), Limits: vector(NumLimits),
		Along: vector(rows), Scale: vector(rows), Error: vector(rows),
		Weights: make([]byte, arith.PackedI4Len(dim, rows)),
		Groups:  make([]Group, NumGroups),
	}
}

// NewHead allocates a head.
func NewHead(rows, dim int) *Head {
	vector := func(n int) []float32 { return make([]float32, n) }
	return &Head{
		Rows: make([]int32, rows), Scale: vector(rows), Error: vector(rows), Norm: vector(rows),
		Weights: make([]int8, arith.PackedI8Len(dim, rows)),
	}
}

// Pack fills the screen from the weights w (rows, dim); the head will have the
// rows hot, ascending.
func (s *Screen) Pack(w []float32, hot []int32) {
	direction := commonDirection(w, s.Rows, s.Dim)
	for i, v := range direction {
		s.Direction[i] = float32(v)
		direction[i] = float64(s.Direction[i])
	}
	q, rest := make([]int8, s.Rows*s.Dim), make([]float64, s.Dim)
	errors, norms := newGram(s.Dim), newGram(s.Dim)
	var longest, ratio float64
	cold, rests := make([]int32, 0, s.Rows), make([]float32, s.Rows)
	for r := range s.Rows {
		row := w[r*s.Dim : (r+1)*s.Dim]
		s.Along[r] = float32(dot(row, direction))
		var length float64
		for _, v := range row {
			length += float64(float64(v) * float64(v))
		}
		s.beside(rest, row, r)
		qr := q[r*s.Dim:][:s.Dim]
		var norm float32
		s.Scale[r], s.Error[r], norm = QuantizeRow(qr, rest, 7)
		s.Error[r] = max(s.Error[r], norm/32) // so that one factor serves all rows
		longest = max(longest, math.Sqrt(length), float64(norm))
		if len(hot) > 0 && int(hot[0]) == r {
			hot = hot[1:]
			s.Error[r] = float32(math.Inf(-1))
			continue
		}
		cold = append(cold, int32(r))
		rests[r] = up(math.Sqrt(squares(rest)))
		if norm > 0 {
			ratio = max(ratio, float64(norm)/float64(s.Error[r]))
		}
		for i, v := range qr {
			close := float64(v) * float64(s.Scale[r])
			errors.row[i], norms.row[i] = rest[i]-close, close
		}
		errors.add()
		norms.add()
	}
	s.Limits[NormToError] = up(ratio)
	s.Limits[MaxNorm], s.Limits[AllErrors], s.Limits[AllNorms] = up(longest), up(errors.norm()), up(norms.norm())
	arith.PackI4(s.Weights, q, s.Dim, s.Rows)
	copy(s.Groups, group(cold, s.Along, rests))
}

// beside is what row r has beside the direction.
func (s *Screen) beside(rest []float64, row []float32, r int) {
	along := float64(s.Along[r])
	for i, v := range row {
		rest[i] = float64(v) - float64(along*float64(s.Direction[i]))
	}
}

func squares(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(x * x)
	}
	return max(sum, 1e-30) // they may have underflowed
}

// Pack fills the head; row gives the weights of a row.
func (h *Head) Pack(row func(r int32) []float32) {
	var q []int8
	var w []float64
	for i, r := range h.Rows {
		w = w[:0]
		for _, v := range row(r) {
			w = append(w, float64(v))
		}
		q = append(q, make([]int8, len(w))...)
		h.Scale[i], h.Error[i], h.Norm[i] = QuantizeRow(q[len(q)-len(w):], w, 127)
	}
	arith.PackI8(h.Weights, q, len(w), len(h.Rows))
}

// gram sums the outer products of rows with themselves: MᵀM of a matrix M of
// many rows.
type gram struct {
	row []float64 // the next one
	sum []float64 // (dim, dim)
}

func newGram(dim int) *gram { return &gram{make([]float64, dim), make([]float64, dim*dim)} }

func (g *gram) add() {
	dim := len(g.row)
	for i, a := range g.row {
		if a != 0 {
			line := g.sum[i*dim:][:i+1]
			for j, b := range g.row[:i+1] {
				line[j] += float64(a * b)
			}
		}
	}
}

// norm is at least the spectral norm of M, and little more: the Frobenius norm
// of a power of MᵀM is the norm of the same power of its eigenvalues, which
// the largest dominates.
func (g *gram) norm() float64 {
	const squarings = 6 // dim to the power of 1/256 too large: a few percent
	dim := len(g.row)
	m, next := g.sum, make([]float64, dim*dim)
	for i := range dim { // add leaves the upper triangle out
		for j := range i {
			m[j*dim+i] = m[i*dim+j]
		}
	}
	scale, power := 0.0, 1.0 // the wanted power is m·exp(scale)
	for range squarings {
		f := frobenius(m)
		if f == 0 {
			return 0
		}
		for i := range m {
			m[i] /= f
		}
		scale = 2 * (scale + math.Log(f))
		power *= 2
		clear(next)
		for i := range dim {
			line := next[i*dim:][:dim]
			for k, a := range m[i*dim:][:dim] {
				for j, b := range m[k*dim:][:dim] {
					line[j] += float64(a * b)
				}
			}
		}
		m, next = next, m
	}
	return math.Exp((scale+math.Log(frobenius(m)))/power/2) * (1 + 1e-6)
}

func frobenius(m []float64) float64 {
	var sum float64
	for _, v := range m {
		sum += float64(v * v)
	}
	return math.Sqrt(sum)
}

// commonDirection is the unit vector along which the rows of w are longest all
// together, by a few steps of power iteration from their mean, on a sample.
func commonDirection(w []float32, rows, dim int) []float64 {
	v, next := make([]float64, dim), make([]float64, dim)
	stride := max(1, rows/4096)
	for r := 0; r < rows; r += stride {
		for i, x := range w[r*dim : (r+1)*dim] {
			v[i] += float64(x)
		}
	}
	for range 4 {
		clear(next)
		for r := 0; r < rows; r += stride {
			row := w[r*dim : (r+1)*dim]
			along := dot(row, v)
			for i, x := range row {
				next[i] += float64(along * float64(x))
			}
		}
		var sum float64
		for _, x := range next {
			sum += float64(x * x)
		}
		if sum == 0 || math.IsInf(sum, 0) || math.IsNaN(sum) {
			clear(v)
			return v
		}
		for i, x := range next {
			v[i] = x / math.Sqrt(sum)
		}
	}
	return v
}

func dot(w []float32, v []float64) float64 {
	var sum float64
	for i, x := range w {
		sum += float64(float64(x) * v[i])
	}
	return sum
}

// QuantizeRow writes to q the whole numbers, -limit to limit, closest to
// w/scale, for the scale, among some, that leaves the smallest error, and
// returns that scale with the norms of the error and of scale·q, both rounded
// up. Its arithmetic is float64 without fused operations, so that every machine
// packs the same bytes.
func QuantizeRow(q []int8, w []float64, limit int) (scale, errNorm, norm float32) {
	var largest, length float64
	for _, v := range w {
		largest = max(largest, math.Abs(v))
		length += float64(v * v)
	}
	best := length
	for step := range 12 {
		if s := float32(largest * (1 - 0.05*float64(step)) / float64(limit)); s > 0 {
			if e := quantizationError(w, s, limit); e < best {
				best, scale = e, s
			}
		}
	}
	sum := quantizeBy(q, w, scale, limit)
	if largest > 0 { // the squares may have underflowed
		errNorm = 1e-20
	}
	return scale, max(errNorm, up(math.Sqrt(best))), up(math.Sqrt(sum) * float64(scale))
}

// quantizeBy quantises w by a scale that is known, and returns the sum of the squares of q.
func quantizeBy(q []int8, w []float64, scale float32, limit int) (sum float64) {
	clear(q)
	if scale > 0 {
		for i, v := range w {
			n := clampRound(v/float64(scale), limit)
			q[i] = int8(n)
			sum += float64(n * n)
		}
	}
	return sum
}

func quantizationError(w []float64, scale float32, limit int) float64 {
	var sum float64
	s := float64(scale)
	for _, v := range w {
		d := v - float64(clampRound(v/s, limit)*s)
		sum += float64(d * d)
	}
	return sum
}

func clampRound(v float64, limit int) float64 {
	return min(max(math.RoundToEven(v), -float64(limit)), float64(limit))
}

// up is a float32 that is not below v, with room for the rounding of v itself.
func up(v float64) float32 {
	return float32(v * (1 + 1e-6))
}
