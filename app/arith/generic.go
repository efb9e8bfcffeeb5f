package arith

// The portable twins of the assembly kernels: what those must compute, bit for bit.

// blockF32Go multiplies one packed block of 16 rows by k vectors of n:
// dst[p*stride+i] = Σ w[j*16+i] * x[p*n+j].
func blockF32Go(fused bool, dst []float32, stride int, w, x []float32, n, k int) {
	for p := range k {
		sums16Go(fused, dst[p*stride:][:16], w, x[p*n:][:n], n, 16)
	}
}

// sums48Go is dst[16*b+i] = Σ x[j] * w[b*blockStride+j*rowStride+i], j < n, b < 3, i < 16.
func sums48Go(fused bool, dst, w, x []float32, n, rowStride, blockStride int) {
	for b := range 3 {
		sums16Go(fused, dst[b*16:][:16], w[b*blockStride:], x, n, rowStride)
	}
}

// sums16Go is dst[i] = Σ x[j] * w[j*rowStride+i], j < n, for i < len(dst) <= 16.
func sums16Go(fused bool, dst, w, x []float32, n, rowStride int) {
	if fused {
		sums16FusedGo(dst, w, x, n, rowStride)
		return
	}
	i := 0
	for ; i+4 <= len(dst); i += 4 {
		var a, b, c, d float32
		for j, v := range x[:n] {
			w := w[j*rowStride+i:][:4]
			a += float32(w[0] * v)
			b += float32(w[1] * v)
			c += float32(w[2] * v)
			d += float32(w[3] * v)
		}
		dst[i], dst[i+1], dst[i+2], dst[i+3] = a, b, c, d
	}
	for ; i < len(dst); i++ {
		var a float32
		for j, v := range x[:n] {
			a += float32(w[j*rowStride+i] * v)
		}
		dst[i] = a
	}
}

func sums16FusedGo(dst, w, x []float32, n, rowStride int) {
	clear(dst)
	for j, v := range x[:n] {
		for i, u := range w[j*rowStride:][:len(dst)] {
			dst[i] = FMA(u, v, dst[i])
		}
	}
}

func dot4FusedGo(a, b, c, d, x []float32) (sa, sb, sc, sd float32) {
	return dotFusedGo(a, x), dotFusedGo(b, x), dotFusedGo(c, x), dotFusedGo(d, x)
}

// blockI4Go multiplies one packed block of 128 rows by k vectors of n and adds the products
// to dst[p*stride+i].
func blockI4Go(dst []int32, stride int, w []byte, x []int8, n, k int) {
	for p := range k {
		columnsI4Go(dst[p*stride:][:BlockI4], w, x[p*n:][:n])
	}
}

// halfBlockI4Go multiplies a packed block of 64 rows by one vector and adds the products
// to dst.
func halfBlockI4Go(dst []int32, w []byte, x []int8) {
	columnsI4Go(dst[:BlockI4/2], w, x)
}

func columnsI4Go(dst []int32, w []byte, x []int8) {
	half := len(dst) / 2
	for j, v := range x {
		for i, b := range w[j*half:][:half] {
			dst[i] += int32(v) * (int32(b&15) - 8)
			dst[i+half] += int32(v) * int32(int8(b)>>4)
		}
	}
}

// blockI8Go multiplies one packed block of 64 rows by k vectors of n and adds the products
// to dst[p*stride+i].
func blockI8Go(dst []int32, stride int, w, x []int8, n, k int) {
	for p := range k {
		columnsI8Go(dst[p*stride:][:BlockI8], w, x[p*n:][:n])
	}
}

// halfBlockI8Go multiplies a packed block of 32 rows by one vector and adds the products
// to dst.
func halfBlockI8Go(dst []int32, w, x []int8) {
	columnsI8Go(dst[:BlockI8/2], w, x)
}

func columnsI8Go(dst []int32, w, x []int8) {
	for j, v := range x {
		for i, b := range w[j*len(dst):][:len(dst)] {
			dst[i] += int32(v) * int32(b)
		}
	}
}
