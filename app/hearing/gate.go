package hearing

import (
	"math"
	"slices"
)

const (
	gateFrame = Rate / 50 // samples of 20 ms that are judged together
	// A frame is loud when it is openAbove dB over the floor, and in an
	// utterance that has begun stayAbove dB.
	openAbove, stayAbove = 5, 4
	openAfter            = 4          // loud frames more than quiet ones to begin
	closeAfter           = 35         // quiet frames: 0.7 s
	before               = 15         // frames kept from before the first loud one
	floorOver            = 100        // frames that the floor is taken from: 2 s
	lowestFloor          = -75.0      // dB: below it there is digital silence
	shortest             = 8          // loud frames of an utterance
	longest              = MaxSamples // samples
)

// A Gate cuts a stream of samples at Rate into utterances. Loud is what stands
// out from a floor that follows the noise of the room: the quartile of the
// levels of the last quiet 2 s.
type Gate struct {
	rest   []int16 // of a frame
	band   band
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
		sum += g.band.power(s)
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
			g.loud = max(0, g.loud-1)
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

// band passes about 160 to 1600 Hz, where speech stands out from a room's noise,
// with one pole each.
type band struct{ x, y, z float64 }

// power returns the square of the filtered sample.
func (b *band) power(s int16) float64 {
	const highPass, lowPass = 0.94, 0.45
	b.y = highPass * (b.y + float64(s) - b.x)
	b.x = float64(s)
	b.z += lowPass * (b.y - b.z)
	return b.z * b.z
}
