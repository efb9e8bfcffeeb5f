package arith

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// rng returns a generator that gives the same numbers in every run.
func rng(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// floats returns n numbers without NaN: mostly of everyday size, some zero, negative zero,
// subnormal, or so large or small that products overflow or vanish.
func floats(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		switch r.IntN(24) {
		case 0:
			x[i] = 0
		case 1:
			x[i] = float32(math.Copysign(0, -1))
		case 2:
			x[i] = math.Float32frombits(r.Uint32() & 0x807fffff) // subnormal
		case 3:
			x[i] = float32(math.Ldexp(r.NormFloat64(), -70)) // products are subnormal
		case 4:
			x[i] = float32(math.Ldexp(r.NormFloat64(), 40))
		default:
			x[i] = float32(r.NormFloat64())
		}
	}
	return x
}

// int8s returns n numbers from -limit to limit, the extremes among them, and -128 if limit is 128.
func int8s(r *rand.Rand, n, limit int) []int8 {
	x := make([]int8, n)
	for i := range x {
		v := r.IntN(2*limit+1) - limit
		if r.IntN(8) == 0 {
			v = limit * (2*r.IntN(2) - 1)
		}
		x[i] = int8(min(v, 127))
	}
	return x
}

// same reports the first element that differs in a bit; any NaN equals any other.
func same[T float32 | int32 | int8](t *testing.T, what string, got, want []T) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d elements; want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		g, w := got[i], want[i]
		if g == w && 1/float64(g) == 1/float64(w) || g != g && w != w {
			continue
		}
		t.Errorf("%s: [%d] = %v; want %v", what, i, g, w)
		return
	}
}

// The products by their definition, nothing else.

func (s *Set) addProduct(sum, x, y float32) float32 {
	if s.fused {
		return FMA(x, y, sum)
	}
	product := x * y
	return sum + float32(product)
}

func naiveF32(s *Set, w, x []float32, n, d, k int) []float32 {
	dst := make([]float32, d*k)
	for p := range k {
		for r := range d {
			var sum float32
			for j := range n {
				sum = s.addProduct(sum, w[r*n+j], x[p*n+j])
			}
			dst[p*d+r] = sum
		}
	}
	return dst
}

func naiveInt(w, x []int8, n, d, k int) []int32 {
	dst := make([]int32, d*k)
	for p := range k {
		for r := range d {
			for j := range n {
				dst[p*d+r] += int32(w[r*n+j]) * int32(x[p*n+j])
			}
		}
	}
	return dst
}

func checkF32(t *testing.T, s *Set, seed uint64, n, d, k int) {
	t.Helper()
	r := rng(seed)
	w, x := floats(r, n*d), floats(r, n*k)
	packed := make([]float32, PackedF32Len(n, d))
	PackF32(packed, w, n, d)
	got := floats(r, d*k)
	s.MatMulF32(got, packed, x, n, d, k)
	want := naiveF32(s, w, x, n, d, k)
	same(t, fmt.Sprintf("%s: MatMulF32 n=%d d=%d k=%d seed=%d", s.Name(), n, d, k, seed), got, want)

	stride := d + r.IntN(3)
	wide, before := floats(r, stride*k), make([]float32, stride*k)
	copy(before, wide)
	for p := range k {
		copy(before[p*stride:], want[p*d:(p+1)*d])
	}
	s.MatMulRows(wide, stride, w, x, n, d, k)
	same(t, fmt.Sprintf("%s: MatMulRows n=%d d=%d k=%d stride=%d seed=%d", s.Name(), n, d, k, stride, seed), wide, before)
}

func checkI4(t *testing.T, s *Set, seed uint64, n, d, k, xmax int) {
	t.Helper()
	r := rng(seed)
	w, x := int8s(r, n*d, 7), int8s(r, n*k, xmax)
	packed := make([]byte, PackedI4Len(n, d))
	PackI4(packed, w, n, d)
	got, want := make([]int32, d*k), naiveInt(w, x, n, d, k)
	s.MatMulI4(got, packed, x, n, d, k)
	same(t, fmt.Sprintf("%s: MatMulI4 n=%d d=%d k=%d xmax=%d seed=%d", s.Name(), n, d, k, xmax, seed), got, want)

	lo := r.IntN(blocks(d, BlockI4)) * BlockI4
	hi := min(d, lo+BlockI4*(1+r.IntN(2)))
	before := naiveInt(int8s(r, d, 7), int8s(r, k, 7), 1, d, k)
	copy(got, before)
	for p := range k {
		copy(before[p*d+lo:p*d+hi], want[p*d+lo:p*d+hi])
	}
	s.MatMulI4Rows(got, packed, x, n, d, k, lo, hi)
	same(t, fmt.Sprintf("%s: MatMulI4Rows n=%d d=%d k=%d lo=%d hi=%d seed=%d", s.Name(), n, d, k, lo, hi, seed), got, before)
}

func checkI8(t *testing.T, s *Set, seed uint64, n, d, k, wmax, xmax int) {
	t.Helper()
	r := rng(seed)
	w, x := int8s(r, n*d, wmax), int8s(r, n*k, xmax)
	packed := make([]int8, PackedI8Len(n, d))
	PackI8(packed, w, n, d)
	got := make([]int32, d*k)
	s.MatMulI8(got, packed, x, n, d, k, wmax)
	same(t, fmt.Sprintf("%s: MatMulI8 n=%d d=%d k=%d wmax=%d xmax=%d seed=%d", s.Name(), n, d, k, wmax, xmax, seed), got, naiveInt(w, x, n, d, k))
	if n > 0 && k <= positionsPerPass {
		again := make([]int32, d*k)
		s.MatMulVectorsI8(again, packed, s.VectorsI8(x, n, k, wmax), d)
		same(t, fmt.Sprintf("%s: MatMulVectorsI8 n=%d d=%d k=%d wmax=%d xmax=%d seed=%d", s.Name(), n, d, k, wmax, xmax, seed), again, got)
	}
}

func checkAttention(t *testing.T, s *Set, seed uint64, headSize, n, extra int) {
	t.Helper()
	r := rng(seed)
	what := fmt.Sprintf("%s: %%s headSize=%d n=%d seed=%d", s.Name(), headSize, n, seed)

	stride := n + extra
	q, kT := floats(r, headSize), floats(r, headSize*stride)
	got, want := floats(r, n), make([]float32, n)
	for c := range want {
		for i := range headSize {
			want[c] = s.addProduct(want[c], q[i], kT[i*stride+c])
		}
	}
	s.Scores(got, q, kT, headSize, n, stride)
	same(t, fmt.Sprintf(what, "Scores"), got, want)

	stride = headSize + extra
	a, v := floats(r, n), floats(r, n*stride)
	got, want = floats(r, headSize), make([]float32, headSize)
	for i := range want {
		for c := range n {
			want[i] = s.addProduct(want[i], a[c], v[c*stride+i])
		}
	}
	s.Mix(got, a, v, n, headSize, stride)
	same(t, fmt.Sprintf(what, "Mix"), got, want)
}

func checkElementwise(t *testing.T, s *Set, seed uint64, n int) {
	t.Helper()
	r := rng(seed)
	what := fmt.Sprintf("%s: %%s n=%d seed=%d", s.Name(), n, seed)
	x, y := floats(r, n), floats(r, n)
	acc := make([]int32, n)
	for i := range acc {
		acc[i] = int32(r.Uint32()) >> r.IntN(32)
	}
	got, want := make([]float32, n), make([]float32, n)

	copy(got, y)
	s.Add(got, x)
	for i := range want {
		want[i] = y[i] + x[i]
	}
	same(t, fmt.Sprintf(what, "Add"), got, want)

	copy(got, x)
	s.DivScalar(got, 6.9282)
	for i := range want {
		want[i] = x[i] / 6.9282
	}
	same(t, fmt.Sprintf(what, "DivScalar"), got, want)

	s.MulScaleWeight(got, y, x, 0.37)
	for i := range want {
		product := 0.37 * x[i]
		want[i] = y[i] * float32(product)
	}
	same(t, fmt.Sprintf(what, "MulScaleWeight"), got, want)

	s.MulWeightScale(got, y, x, 0.37)
	for i := range want {
		product := y[i] * x[i]
		want[i] = float32(product) * 0.37
	}
	same(t, fmt.Sprintf(what, "MulWeightScale"), got, want)

	copy(got, x)
	s.MulScalar(got, 6.9282)
	for i := range want {
		want[i] = x[i] * 6.9282
	}
	same(t, fmt.Sprintf(what, "MulScalar"), got, want)

	s.ScaleI32(got, acc, y, 0.0123)
	for i := range want {
		product := float32(acc[i]) * y[i]
		want[i] = float32(product) * 0.0123
	}
	same(t, fmt.Sprintf(what, "ScaleI32"), got, want)

	var maxAbs float32
	max, any := float32(math.Inf(-1)), false
	for _, v := range x {
		maxAbs = float32(math.Max(float64(maxAbs), math.Abs(float64(v))))
		if v > max || !any {
			max, any = v, true
		}
	}
	if got := s.MaxAbs(x); got != maxAbs {
		t.Errorf(what+" = %v; want %v", "MaxAbs", got, maxAbs)
	}
	if got := s.Max(x); got != max {
		t.Errorf(what+" = %v; want %v", "Max", got, max)
	}

	inv := float32(0)
	if maxAbs > 0 {
		inv = 127 / maxAbs
	}
	for _, inv := range []float32{inv, 40, 0.5} {
		got, want := make([]int8, n), make([]int8, n)
		s.Quantize(got, x, inv, 127)
		for i, v := range x {
			product := v * inv
			want[i] = int8(math.RoundToEven(math.Max(-127, math.Min(127, float64(product)))))
		}
		same(t, fmt.Sprintf(what, "Quantize"), got, want)
	}

	for _, threshold := range []float32{-1e30, 0, 1, max} {
		var want []int32
		for i, v := range x {
			if v >= threshold {
				want = append(want, int32(i))
			}
		}
		got := make([]int32, n)
		count := s.CollectAbove(got, x, threshold)
		same(t, fmt.Sprintf(what, "CollectAbove"), got[:count], want)
		if n > 0 {
			if few := s.CollectAbove(got[:n/2], x, threshold); few != count {
				t.Errorf(what+" with a short list = %d; want %d", "CollectAbove", few, count)
			}
		}
	}

	checkAbout(t, s, seed, n)

	half := n%13 + 1
	vec, angles := floats(r, n/4*2*half), floats(r, 2*half)
	turned := make([]float32, len(vec))
	for i := 0; i < len(vec); i += 2 {
		a, b, cos, sin := vec[i], vec[i+1], angles[i/2%half], angles[half+i/2%half]
		bSin, bCos := b*sin, b*cos
		turned[i], turned[i+1] = s.addProduct(-float32(bSin), a, cos), s.addProduct(float32(bCos), a, sin)
	}
	s.Rotate(vec, angles[:half], angles[half:])
	same(t, fmt.Sprintf(what, "Rotate"), vec, turned)

	rows := make([]int32, n%23)
	w := floats(r, 40*n)
	dots := make([]float32, len(rows))
	for i := range rows {
		rows[i] = r.Int32N(40)
		dots[i] = naiveF32(s, w[int(rows[i])*n:][:n], x, n, 1, 1)[0]
	}
	got = make([]float32, len(rows))
	s.DotRows(got, w, rows, x)
	same(t, fmt.Sprintf(what, "DotRows"), got, dots)
	for i, row := range rows {
		got[i] = s.Dot(w[int(row)*n:][:n], x)
	}
	same(t, fmt.Sprintf(what, "Dot"), got, dots)
}

// checkAbout compares with the portable twin to the bit and with the functions
// approximated.
func checkAbout(t *testing.T, s *Set, seed uint64, n int) {
	t.Helper()
	r := rng(seed)
	what := fmt.Sprintf("%s: %%s n=%d seed=%d", s.Name(), n, seed)
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-4*math.Abs(want)+1e-37 {
			t.Errorf("%s = %g; want %g within 1e-4", what, got, want)
		}
	}
	x, y, twin, gated := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], y[i] = float32(r.NormFloat64()*10), float32(r.NormFloat64())
	}
	s.GateAbout(gated, x, y)
	Generic().GateAbout(twin, x, y)
	same(t, fmt.Sprintf(what, "GateAbout"), gated, twin)
	for i, v := range x {
		near(fmt.Sprintf(what, "GateAbout"), float64(gated[i]), float64(v)*float64(y[i])/(1+math.Exp(-float64(v))))
	}

	copy(twin, x)
	got := append([]float32(nil), x...)
	sum, want := s.ExpAbout(got, 3, 0.7), Generic().ExpAbout(twin, 3, 0.7)
	same(t, fmt.Sprintf(what, "ExpAbout"), append(got, sum), append(twin, want))
	var all float64
	for i, v := range x {
		near(fmt.Sprintf(what, "ExpAbout"), float64(got[i]), math.Exp((float64(v)-3)*0.7))
		all += math.Exp((float64(v) - 3) * 0.7)
	}
	near(fmt.Sprintf(what, "ExpAbout: the sum"), float64(sum), all)
}

// both returns every implementation with both ways to round.
func both() (sets []*Set) {
	for _, s := range All() {
		sets = append(sets, s, s.Fused())
	}
	return sets
}

func TestSets(t *testing.T) {
	shapes := []struct{ n, d, k int }{
		{1, 1, 1}, {2, 16, 2}, {3, 17, 3}, {7, 48, 4}, {8, 49, 5}, {9, 64, 6}, {31, 65, 7}, {35, 128, 8}, {36, 127, 9},
		{37, 129, 10}, {40, 100, 11}, {48, 80, 12}, {50, 130, 13}, {16, 70, 24}, {17, 40, 25}, {5, 300, 31},
		{64, 192, 1}, {100, 300, 3}, {288, 288, 1}, {288, 96, 6}, {300, 100, 5}, {768, 33, 4}, {768, 65, 2},
	}
	for _, s := range both() {
		t.Run(s.Name(), func(t *testing.T) {
			for i, shape := range shapes {
				n, d, k, seed := shape.n, shape.d, shape.k, uint64(i)
				checkF32(t, s, seed, n, d, k)
				checkI4(t, s, seed, n, d, k, 127)
				checkI4(t, s, seed, n, d, k, 20)
				checkI8(t, s, seed, n, d, k, 63, 63)
				checkI8(t, s, seed, n, d, k, 31, 127)
				checkI8(t, s, seed, n, d, k, 128, 128)
				checkAttention(t, s, seed, n%50+1, d, i%3)
				checkAttention(t, s, seed, 48, d, 256-d%256)
				checkElementwise(t, s, seed, n)
				checkElementwise(t, s, seed, d*4+n%3)
			}
			checkElementwise(t, s, 99, 0)
		})
	}
}

// TestEmpty holds the products to an empty sum being +0.
func TestEmpty(t *testing.T) {
	for _, s := range All() {
		f, i := []float32{1, 2}, []int32{1, 2}
		s.MatMulF32(f, nil, nil, 0, 2, 1)
		same(t, s.Name()+": MatMulF32", f, []float32{0, 0})
		s.MatMulI4(i, nil, nil, 0, 2, 1)
		same(t, s.Name()+": MatMulI4", i, []int32{0, 0})
		f = []float32{1, 2}
		s.MatMulRows(f, 2, nil, nil, 0, 2, 1)
		same(t, s.Name()+": MatMulRows", f, []float32{0, 0})
		f = []float32{1, 2}
		s.Mix(f, nil, nil, 0, 2, 2)
		same(t, s.Name()+": Mix", f, []float32{0, 0})
	}
}

// TestSegments checks the promise that the 16-bit sums of the integer products rest on.
func TestSegments(t *testing.T) {
	for seed := range uint64(200) {
		r := rng(seed)
		n, k, wmax := 1+r.IntN(300), 1+r.IntN(positionsPerPass), 1+r.IntN(128)
		if seed%3 == 0 {
			n, k = n*8, 1
		}
		x := int8s(r, n*k, 1+r.IntN(128))
		at := 0
		for _, g := range segments(nil, x, n, k, wmax) {
			if g.lo != at {
				t.Fatalf("seed %d: segment starts at %d; want %d", seed, g.lo, at)
			}
			at = g.hi
			for p := range k {
				size, sum := 0, 0
				for _, v := range x[p*n:][g.lo:g.hi] {
					size += max(int(v), -int(v))
					sum += int(v)
				}
				if size*wmax > math.MaxInt16 || sum != int(g.sum[p]) {
					t.Fatalf("seed %d: segment %d to %d: sizes %d times %d, sum %d; want at most 32767 and %d", seed, g.lo, g.hi, size, wmax, g.sum[p], sum)
				}
			}
		}
		if at != n {
			t.Fatalf("seed %d: segments end at %d; want %d", seed, at, n)
		}
	}
}

func TestChoose(t *testing.T) {
	sets := []*Set{{name: "rvv071", unit: rvv071}, Generic()}
	tests := []struct{ name, want, err string }{
		{"", "rvv071", ""},
		{"generic", "generic", ""},
		{"rvv071", "rvv071", ""},
		{"avx2", "", "STORYTELLER_CPU=avx2: this machine cannot run it; choose one of: rvv071, generic, or unset it"},
	}
	for _, test := range tests {
		s, err := choose(test.name, sets)
		if err != nil {
			if err.Error() != test.err {
				t.Errorf("choose(%q) = %q; want %q", test.name, err, test.err)
			}
			continue
		}
		if s.Name() != test.want || test.err != "" {
			t.Errorf("choose(%q) = %s; want %s%s", test.name, s.Name(), test.want, test.err)
		}
	}
}

func TestMisuse(t *testing.T) {
	s := Generic()
	tests := map[string]func(){
		"short dst":    func() { s.MatMulF32(make([]float32, 1), make([]float32, 16), make([]float32, 1), 1, 2, 1) },
		"unpacked w":   func() { s.MatMulI8(make([]int32, 2), make([]int8, 2), make([]int8, 1), 1, 2, 1, 7) },
		"half a block": func() { s.MatMulI4Rows(make([]int32, 256), make([]byte, 128), make([]int8, 1), 1, 256, 1, 64, 128) },
		"weight of 8":  func() { PackI4(make([]byte, 64), []int8{8}, 1, 1) },
	}
	for name, f := range tests {
		func() {
			defer func() {
				if p := recover(); p == nil || !strings.HasPrefix(fmt.Sprint(p), "arith: ") {
					t.Errorf("%s: panic %v; want one that names the package", name, p)
				}
			}()
			f()
		}()
	}
}

// FuzzSets compares every implementation with the definition of each function.
func FuzzSets(f *testing.F) {
	f.Add(uint64(1), uint16(288), uint16(48), uint8(6), uint8(7), uint8(127))
	f.Add(uint64(2), uint16(37), uint16(129), uint8(13), uint8(128), uint8(128))
	f.Fuzz(func(t *testing.T, seed uint64, n, d uint16, k, wmax, xmax uint8) {
		size := func(v uint16, limit int) int { return int(v)%limit + 1 }
		cols, rows, positions := size(n, 400), size(d, 300), size(uint16(k), 26)
		wm, xm := size(uint16(wmax), 128), size(uint16(xmax), 128)
		for _, s := range both() {
			checkF32(t, s, seed, cols, rows, positions)
			checkI4(t, s, seed, cols, rows, positions, xm)
			checkI8(t, s, seed, cols, rows, positions, wm, xm)
			checkAttention(t, s, seed, cols%80+1, rows, positions)
			checkElementwise(t, s, seed, int(d)%700)
		}
	})
}

// BenchmarkSets gives the products' speed in multiply-adds a second ("MAC/s").
func BenchmarkSets(b *testing.B) {
	for _, s := range both() {
		for _, k := range []int{1, 6} {
			run := func(what string, n, d int, product func()) {
				b.Run(fmt.Sprintf("%s/fused=%v/%s/%dx%d/k=%d", s.Name(), s.fused, what, d, n, k), func(b *testing.B) {
					for b.Loop() {
						product()
					}
					b.ReportMetric(float64(n)*float64(d)*float64(k)*float64(b.N)/b.Elapsed().Seconds(), "MAC/s")
				})
			}
			f := make([]float32, PackedF32Len(288, 768))
			x, y := make([]float32, 288*k), make([]float32, 768*k)
			run("f32", 288, 768, func() { s.MatMulF32(y, f, x, 288, 768, k) })
			rows, logits := make([]float32, 288*32000), make([]float32, 32000*k)
			run("rows", 288, 32000, func() { s.MatMulRows(logits, 32000, rows, x, 288, 32000, k) })
			i4, i8 := make([]byte, PackedI4Len(288, 32000)), make([]int8, PackedI8Len(288, 768))
			q, sums := int8s(rng(1), 288*k, 127), make([]int32, 32000*k)
			run("i4", 288, 32000, func() { s.MatMulI4(sums, i4, q, 288, 32000, k) })
			run("i8", 288, 768, func() { s.MatMulI8(sums[:768*k], i8, q, 288, 768, k, 31) })
		}
	}
}
