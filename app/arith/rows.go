package arith

// MatMulRows multiplies a d×n matrix that is not packed, row-major, by the k vectors x:
// dst[p*stride+r], so that several matrices can write side by side. Not every
// implementation has a kernel for it: packed weights are what makes all of them fast.
func (s *Set) MatMulRows(dst []float32, stride int, w, x []float32, n, d, k int) {
	check("w", len(w), n*d)
	check("x", len(x), n*k)
	if k > 0 && (stride < d || len(dst) < (k-1)*stride+d) {
		check("dst", len(dst), (k-1)*max(stride, d)+d)
	}
	for r := 0; r < d; r += 32 {
		rows := w[r*n : min(r+32, d)*n]
		for p := range k {
			s.rows(dst[p*stride+r:p*stride+min(r+32, d)], rows, x[p*n:(p+1)*n])
		}
	}
}

// rows multiplies at most 32 rows by x.
func (s *Set) rows(dst, w, x []float32) {
	n := len(x)
	if len(dst) == 32 {
		sums := (*[32]float32)(dst)
		if done := s.unit.rows32(s.fused, sums, w, x, n); done > 0 {
			for j := done; j < n; j++ {
				for i := range sums {
					sums[i] = s.mulAdd(w[i*n+j], x[j], sums[i])
				}
			}
			return
		}
	}
	i := 0
	for row := func(i int) []float32 { return w[i*n:][:n] }; i < len(dst); {
		if i+4 > len(dst) {
			dst[i] = s.Dot(row(i), x)
			i++
			continue
		}
		dst[i], dst[i+1], dst[i+2], dst[i+3] = s.dot4(row(i), row(i+1), row(i+2), row(i+3), x)
		i += 4
	}
}

// mulAdd is a·b + sum.
func (s *Set) mulAdd(a, b, sum float32) float32 {
	if s.fused {
		return FMA(a, b, sum)
	}
	return sum + float32(a*b)
}
