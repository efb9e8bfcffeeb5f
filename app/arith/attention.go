package arith

// Scores multiplies one query by n keys: dst[t] = Σ q[i] * kT[i*stride+t],
// i = 0..headSize-1, for t = 0..n-1. The keys are stored transposed, one column a
// position. (run.c then divides by sqrt(headSize): see DivScalar.)
func (s *Set) Scores(dst, q, kT []float32, headSize, n, stride int) {
	check("dst", len(dst), n)
	check("q", len(q), headSize)
	s.columns(dst, q, kT, headSize, n, stride)
}

// Mix sums n value vectors, each times its weight: dst[i] = Σ a[t] * v[t*stride+i],
// t = 0..n-1, for i = 0..headSize-1.
func (s *Set) Mix(dst, a, v []float32, n, headSize, stride int) {
	check("dst", len(dst), headSize)
	check("a", len(a), n)
	s.columns(dst, a, v, n, headSize, stride)
}

// columns is dst[c] = Σ x[j] * m[j*stride+c], j < rows, c < cols.
func (s *Set) columns(dst, x, m []float32, rows, cols, stride int) {
	if rows == 0 || cols == 0 {
		clear(dst)
		return
	}
	m = m[:(rows-1)*stride+cols]
	c := 0
	for ; c+48 <= cols; c += 48 {
		s.unit.sums48(s.fused, dst[c:c+48], m[c:], x, rows, stride, 16)
	}
	for ; c < cols; c += 16 {
		s.unit.sums16(s.fused, dst[c:min(c+16, cols)], m[c:], x, rows, stride)
	}
}

// DotRows multiplies rows picked from a row-major matrix by x:
// dst[i] = Σ w[rows[i]*n+j] * x[j], j = 0..n-1, n = len(x). Rows are summed four at a
// time, so that one sum's additions fill the time that another's take.
func (s *Set) DotRows(dst, w []float32, rows []int32, x []float32) {
	check("dst", len(dst), len(rows))
	n := len(x)
	row := func(i int) []float32 { return w[int(rows[i])*n:][:n] }
	i := 0
	for ; i+4 <= len(rows); i += 4 {
		a, b, c, d := row(i), row(i+1), row(i+2), row(i+3)
		dst[i], dst[i+1], dst[i+2], dst[i+3] = s.dot4(a, b, c, d, x)
	}
	for ; i < len(rows); i++ {
		dst[i] = s.Dot(row(i), x)
	}
}

func (s *Set) dot4(a, b, c, d, x []float32) (sa, sb, sc, sd float32) {
	if len(x) == 0 {
		return
	}
	return s.unit.dot4(s.fused, a, b, c, d, x)
}

// Dot is the strict dot product of two vectors of the same length.
func Dot(w, x []float32) float32 {
	w = w[:len(x)]
	var sum float32
	for j, v := range x {
		sum += float32(w[j] * v)
	}
	return sum
}

func dot4(a, b, c, d, x []float32) (sa, sb, sc, sd float32) {
	n := len(x)
	a, b, c, d = a[:n], b[:n], c[:n], d[:n]
	for j, v := range x {
		sa += float32(a[j] * v)
		sb += float32(b[j] * v)
		sc += float32(c[j] * v)
		sd += float32(d[j] * v)
	}
	return sa, sb, sc, sd
}
