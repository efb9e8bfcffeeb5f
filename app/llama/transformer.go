package llama

// softmax turns x into probabilities.
func softmax(x []float32) {
	largest := x[0]
	for _, v := range x[1:] {
		if v > largest {
			largest = v
		}
	}
	var sum float32
	for i, v := range x {
		x[i] = expf(v - largest)
		sum += x[i]
	}
	for i := range x {
		x[i] /= sum
	}
}
