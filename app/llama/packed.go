package llama

// What other packages need to compute as run.c does.

// Exp is the C library's expf, to the bit.
func Exp(x float32) float32 { return expf(x) }

// Rotary returns the cosines and sines of run.c's rotary encoding for every
// position of c's context, each (context, headSize/2).
func Rotary(c Config, a Arithmetic) (cos, sin []float32) {
	half := c.HeadSize() / 2
	cos, sin = make([]float32, c.SeqLen*half), make([]float32, c.SeqLen*half)
	for i := range half {
		f := a.frequency(2*i, c.HeadSize())
		for pos := range c.SeqLen {
			sin[pos*half+i], cos[pos*half+i] = sinCos(float32(pos) * f)
		}
	}
	return cos, sin
}
