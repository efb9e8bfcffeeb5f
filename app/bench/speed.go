package bench

import "math"

// sumUp returns the speed of runs, and which of them are the extremes that the
// mean leaves out: one fastest and one slowest of three or more.
func sumUp(runs []float64) (Speed, []bool) {
	extreme := make([]bool, len(runs))
	if len(runs) == 0 {
		return Speed{}, extreme
	}
	slowest, fastest := 0, len(runs)-1
	for i, v := range runs {
		if v < runs[slowest] {
			slowest = i
		}
		if v > runs[fastest] {
			fastest = i
		}
	}
	s := Speed{Min: runs[slowest], Max: runs[fastest]}
	if len(runs) > 2 {
		extreme[slowest], extreme[fastest] = true, true
	}
	n := 0.0
	for i, v := range runs {
		if !extreme[i] {
			s.Mean += v
			n++
		}
	}
	s.Mean /= n
	for i, v := range runs {
		if !extreme[i] {
			s.Spread += (v - s.Mean) * (v - s.Mean)
		}
	}
	if n > 1 {
		s.Spread = math.Sqrt(s.Spread / (n - 1))
	} else {
		s.Spread = 0
	}
	return s, extreme
}
