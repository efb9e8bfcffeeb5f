package classifier

import (
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"duostoryteller/app/arith"
	"duostoryteller/app/llama"
)

var attack = flag.Duration("attack", 0, "go on attacking decisions for so long")

// stateBefore returns a generator's state whose next coin is coin/2^24; low is
// what the coin does not show.
func stateBefore(coin uint32, low uint64) uint64 {
	const multiplier = 0x2545F4914F6CDD1D
	inverse := uint64(multiplier) // Newton's iteration modulo 2^64
	for range 6 {
		inverse *= 2 - multiplier*inverse
	}
	x := (uint64(coin)<<40 | low&(1<<40-1)) * inverse
	for y, i := x, 0; i < 3; i++ {
		x = y ^ x>>27
	}
	for y, i := x, 0; i < 3; i++ {
		x = y ^ x<<25
	}
	for y, i := x, 0; i < 6; i++ {
		x = y ^ x>>12
	}
	return x
}

func TestStateBefore(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		coin := r.Uint32() >> 8
		s := llama.NewSampler(2, 1, 1, stateBefore(coin, r.Uint64()))
		if got := s.Coin(); got != float32(coin)/(1<<24) {
			t.Fatalf("Coin() = %v; want %v", got, float32(coin)/(1<<24))
		}
	}
}

// edge returns a coin at the border between two tokens, or next to it.
func edge(r *rand.Rand, probs []float32, topp float32) uint32 {
	all := 1.0
	p := slices.Clone(probs)
	if topp > 0 && topp < 1 {
		slices.SortFunc(p, func(a, b float32) int { return int(math.Copysign(1, float64(b-a))) })
		all = 0
		for i, v := range p {
			if all += float64(v); all > float64(topp) {
				p = p[:i+1]
				break
			}
		}
	}
	var sum float64
	for _, v := range p[:1+r.IntN(len(p))] {
		sum += float64(v)
	}
	return uint32(min(1<<24-1, max(0, math.Round(sum/all*(1<<24))+float64(r.IntN(7)-3))))
}

// TestAttack makes many decisions whose coins are at the borders between
// tokens: a few thousand, or as many as -attack gives time for.
func TestAttack(t *testing.T) {
	temperatures := []float32{0, 1e-20, 1e-3, 0.05, 0.3, 0.8, 1, 1, 1, 1.7, 5, 1e4, 1e35}
	topps := []float32{0, 1e-6, 0.01, 0.3, 0.5, 0.9, 0.9, 0.95, 0.99, 0.9999, 0.99999994, 1}
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(uint64(len(shape.name)), uint64(*attack)))
			end := time.Now().Add(*attack / time.Duration(len(shapes)))
			var total Counters
			for round := 0; round < 4 || time.Now().Before(end); round++ {
				rows, dim := 2+r.IntN(120), 2+r.IntN(30)
				if round%8 == 7 {
					rows += r.IntN(6000)
				}
				w := shape.weights(r.Uint64(), rows, dim)
				exact := matrix{w, dim, 0}
				s, h := build(w, rows, dim, likely(r, w, rows, dim, 6))
				c := New(arith.All()[0], s, h, exact, nil, 1)
				if round%2 == 1 { // nearly all rows on a card
					c = New(arith.All()[0], s, h, matrix{w, dim, 1 << 20}, remainderOf(s, w), 1)
				}
				x, probs := make([]float32, dim), make([]float32, rows)
				for range 200_000 / rows / 4 {
					shape.hidden(r, w, x)
					sampler := llama.NewSampler(rows, temperatures[r.IntN(len(temperatures))], topps[r.IntN(len(topps))], r.Uint64()|1)
					reference := *sampler
					exact.All(probs, x)
					reference.Sample(probs)
					sampler.State = stateBefore(edge(r, probs, sampler.TopP), r.Uint64())
					reference = *sampler
					if err := c.Screen(x, 1, []int{r.IntN(rows+1) - 1}, sampler.Temperature); err != nil {
						t.Fatal(err)
					}
					got, err := c.Decide(0, sampler)
					if err != nil {
						t.Fatal(err)
					}
					exact.All(probs, x)
					if want := reference.Sample(probs); got != want {
						t.Fatalf("%d rows of %d, temperature %g, top-p %g: Decide = %d; want %d", rows, dim, sampler.Temperature, sampler.TopP, got, want)
					}
				}
				total.Decisions += c.Counters.Decisions
				total.Candidates += c.Counters.Candidates
				total.RowsScored += c.Counters.RowsScored
				total.Light += c.Counters.Light
				total.Rescreened += c.Counters.Rescreened
				total.Deepened += c.Counters.Deepened
				total.Refined += c.Counters.Refined
				total.Fallbacks += c.Counters.Fallbacks
			}
			(&Classifier{Counters: total}).report(t, "all")
		})
	}
}
