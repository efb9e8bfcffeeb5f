package hearing

import (
	"math"
	"slices"
)

const (
	gateFrame = Rate / 50 // samples of 20 ms that are judged together
	// A frame is loud when it is openAbove dB over the floor, and in an
	// utterance that has begun stayAbove dB.
	openAbove, stayAbove = 7, 5
	openAfter            = 4          // loud frames in a row of begin
	closeAfter           = 35         // quiet frames: 0.7 s
	before               = 15         // frames kept from before the first loud one
	floorOver            = 100        // frames that the floor is taken from: 2 s
	lowestFloor          = -75.0      // dB: below it there is digital silence
	shortest             = 12         // loud frames of an utterance
	preEmphasis          = 0.95       // as recognisers have it: rumble is not speech
	longest              = MaxSamples // samples
)

// A Gate cuts a stream of samples at Rate into utterances. Loud is what stands
// out from a floor that follows the noise of the room: the quartile of the
// levels of the last quiet 2 s.
type Gate struct {
	rest   []int16 // of a frame
	last   int16
	floor  []float64 // dB of quiet frames, newest last
	recent []int16   // what came before the utterance, then the utterance
	open   bool
	loud   int // frames in a row; of the utterance once open
	quiet  int // frames in a row
	level  float64
}

// Level returns the level of the last 20 ms and the floor, in dB below full
// scale.
func (g *Gate) Level() (level, floor float64) { return g.level, g.quartile() }

// Open says whether an utterance is going on.
func (g *Gate) Open() bool { return g.open }

// Listen takes samples in and calls heard with each utterance that ends in them,
// whose samples it may keep. What is too long for an utterance is noise to get
// used to, what is too short a click.
func (g *Gate) Listen(samples []int16, heard func([]int16)) {
	g.rest = append(g.rest, samples...)
	for len(g.rest) >= gateFrame {
		if g.frame(g.rest[:gateFrame]) {
			heard(slices.Clone(g.recent))
			g.recent = g.recent[:0]
		}
		g.rest = g.rest[:copy(g.rest, g.rest[gateFrame:])]
	}
}

// Flush ends the stream: an utterance that is going on ends with it.
func (g *Gate) Flush(heard func([]int16)) {
	g.Listen(make([]int16, (closeAfter+1)*gateFrame), heard)
}

// Forget drops what has been heard but not the floor: for after the storyteller
// has spoken itself.
func (g *Gate) Forget() {
	g.rest, g.recent = g.rest[:0], g.recent[:0]
	g.open, g.loud, g.quiet = false, 0, 0
}

// frame takes in a frame and says whether it ends an utterance.
func (g *Gate) frame(f []int16) (ended bool) {
	sum := 0.0
	for _, s := range f {
		d := float64(s) - preEmphasis*float64(g.last)
		g.last = s
		sum += d * d
	}
	g.level = max(lowestFloor, 10*math.Log10(sum/float64(len(f))/(1<<30)+1e-12))
	g.recent = append(g.recent, f...)
	floor := g.quartile()
	if !g.open {
		g.floor = append(g.floor, g.level)
		if n := len(g.floor) - floorOver; n > 0 {
			g.floor = slices.Delete(g.floor, 0, n)
		}
		if g.level > floor+openAbove {
			g.loud++
		} else {
			g.loud = 0
		}
		if g.loud >= openAfter {
			g.open, g.quiet = true, 0
		} else if n := len(g.recent) - before*gateFrame; n > 0 {
			g.recent = slices.Delete(g.recent, 0, n)
		}
		return false
	}
	if g.level > floor+stayAbove {
		g.loud++
		g.quiet = 0
	} else {
		g.quiet++
	}
	switch {
	case g.quiet >= closeAfter:
		ended = g.loud >= shortest
	case len(g.recent) >= longest:
		// Not an utterance but the room's new noise.
		g.floor = append(g.floor[:0], slices.Repeat([]float64{g.level}, floorOver)...)
	default:
		return false
	}
	g.open, g.loud, g.quiet = false, 0, 0
	if !ended {
		g.recent = g.recent[:0]
	}
	return ended
}

// quartile is the floor in dB.
func (g *Gate) quartile() float64 {
	if len(g.floor) == 0 {
		return 0 // nothing is loud before anything was heard
	}
	sorted := slices.Sorted(slices.Values(g.floor))
	return max(lowestFloor, sorted[len(sorted)/4])
}
