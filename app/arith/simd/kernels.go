// Package simd has the kernels of package arith for WebAssembly's vectors, which Go's
// compiler does not make: a module of its own beside the program, assembled here. It works
// on the program's memory. Lanes are different sums, never parts of one, and no order of
// terms is changed: each kernel's result is its portable twin's to the bit.
package simd

// Module returns the module. It imports the memory as mem of go, as programs of Go export
// it, and exports functions of int32: addresses, and counts of elements unless it says
// bytes.
func Module() []byte {
	return module([]*function{rows(), sums16(), rowsI8(), boundRows(), laneMax()})
}

// rows(dst, w, x, stride, n, d) is dst[i] = Σ w[i*stride+j] * x[j], i < d, j < n: n is a
// multiple of 4, d one of 16, neither is 0, the stride is in bytes.
func rows() *function {
	f := &function{name: "rows", params: 6}
	dst, w, x, stride, n, d := local(0), local(1), local(2), local(3), local(4), local(5)
	column, left, from, row := f.int(), f.int(), f.int(), f.int()
	sums, at, four, pairs := f.vectorsOf(4), f.vectorsOf(4), f.vectorsOf(4), f.vectorsOf(4)
	// Four columns of x in all lanes; four rows at a time turned to four columns.
	var body []code
	for j := range at {
		body = append(body, at[j].set(everywhere(from.get(), 4*j)))
	}
	body = append(body, row.set(column.get()))
	for _, sum := range sums {
		for _, r := range four {
			body = append(body, r.set(load(row.get(), 0)), row.more(stride.get()))
		}
		for i := range pairs {
			r := four[i/2*2:]
			body = append(body, pairs[i].set(interleave(4, i%2 == 1, r[0].get(), r[1].get())))
		}
		for j := range at {
			turned := interleave(8, j%2 == 1, pairs[j/2].get(), pairs[j/2+2].get())
			body = append(body, sum.set(addF(sum.get(), mulF(turned, at[j].get()))))
		}
	}
	body = append(body, column.more(number(16)), from.more(number(16)), left.more(number(-4)))

	// Sixteen rows at a time.
	all := []code{column.set(w.get()), from.set(x.get()), left.set(n.get())}
	for _, sum := range sums {
		all = append(all, sum.set(constant(0)))
	}
	all = append(all, repeat(left.get(), body...))
	for i, sum := range sums {
		all = append(all, store(dst.get(), 16*i, sum.get()))
	}
	all = append(all, dst.more(number(64)), w.more(shl(stride.get(), number(4))), d.more(number(-16)))
	f.do(repeat(d.get(), all...))
	return f
}

// sums16(dst, w, x, n, stride) is dst[i] = Σ x[j] * w[j*stride+i], i < 16, j < n: n is not
// 0, the stride is in bytes.
func sums16() *function {
	f := &function{name: "sums16", params: 5}
	dst, w, x, n, stride := local(0), local(1), local(2), local(3), local(4)
	sums, at := f.vectorsOf(4), f.vectorsOf(1)[0]
	body := []code{at.set(everywhere(x.get(), 0))}
	for i, sum := range sums {
		body = append(body, sum.set(addF(sum.get(), mulF(load(w.get(), 16*i), at.get()))))
	}
	body = append(body, w.more(stride.get()), x.more(number(4)), n.more(number(-1)))
	f.do(repeat(n.get(), body...))
	for i, sum := range sums {
		f.do(store(dst.get(), 16*i, sum.get()))
	}
	return f
}

// rowsI8(dst, w, x, n, d) is dst[i] += Σ w[j*d+i] * x[j] of bytes with signs, i < d, j < n:
// n is even, d a multiple of 32, neither is 0.
func rowsI8() *function {
	f := &function{name: "rowsI8", params: 5}
	dst, w, x, n, d := local(0), local(1), local(2), local(3), local(4)
	first, second, from, left, rest := f.int(), f.int(), f.int(), f.int(), f.int()
	sums, both, columns := f.vectorsOf(8), f.vectorsOf(1)[0], f.vectorsOf(2)
	// Two columns side by side, in 16 bits, and two elements of x beside each other.
	body := []code{
		both.set(splat(or(and(byteAt(from.get(), 0), number(0xffff)), shl(byteAt(from.get(), 1), number(16))))),
		second.set(add(first.get(), d.get())),
	}
	for i, sum := range sums {
		if i%2 == 0 {
			body = append(body, columns[0].set(widen8(first.get(), 4*i)), columns[1].set(widen8(second.get(), 4*i)))
		}
		pairs := interleave(2, i%2 == 1, columns[0].get(), columns[1].get())
		body = append(body, sum.set(addI(sum.get(), dotPairs(pairs, both.get()))))
	}
	body = append(body, first.set(add(second.get(), d.get())), from.more(number(2)), left.more(number(-2)))

	// Thirty-two rows at a time.
	all := []code{first.set(w.get()), from.set(x.get()), left.set(n.get())}
	for i, sum := range sums {
		all = append(all, sum.set(load(dst.get(), 16*i)))
	}
	all = append(all, repeat(left.get(), body...))
	for i, sum := range sums {
		all = append(all, store(dst.get(), 16*i, sum.get()))
	}
	all = append(all, dst.more(number(128)), w.more(number(32)), rest.more(number(-32)))
	f.do(rest.set(d.get()), repeat(rest.get(), all...))
	return f
}

// boundRows(dst, tail, acc, along, scale, rowError, n, b) is arith's BoundRows: n is a
// multiple of 32 and not 0, b an arith.Bound.
func boundRows() *function {
	f := &function{name: "boundRows", params: 8}
	dst, tail, acc, along, scale, rowError, n, b := local(0), local(1), local(2), local(3), local(4), local(5), local(6), local(7)
	bounds := f.vectorsOf(7) // Scale, Along, Error, Add, Top, Slope, Offset
	tails, v := f.vectorsOf(8), f.vectorsOf(1)[0]
	for i, l := range bounds {
		f.do(l.set(everywhere(b.get(), 4*i)))
	}
	for i, l := range tails {
		f.do(l.set(load(tail.get(), 16*i)))
	}
	var body []code
	for i, l := range tails {
		at := func(p local) code { return load(p.get(), 16*i) }
		value := mulF(mulF(fromInts(at(acc)), bounds[0].get()), at(scale))
		value = addF(value, mulF(at(along), bounds[1].get()))
		value = addF(value, mulF(at(rowError), bounds[2].get()))
		value = addF(value, bounds[3].get())
		bits := addF(mulF(smaller(bounds[4].get(), v.get()), bounds[5].get()), bounds[6].get())
		body = append(body, v.set(value), store(dst.get(), 16*i, v.get()),
			l.set(addF(l.get(), toInts(nearest(larger(constant(0), bits))))))
	}
	for _, p := range []local{dst, acc, along, scale, rowError} {
		body = append(body, p.more(number(128)))
	}
	body = append(body, n.more(number(-32)))
	f.do(repeat(n.get(), body...))
	for i, l := range tails {
		f.do(store(tail.get(), 16*i, l.get()))
	}
	return f
}

// laneMax(dst, x, n) is dst[i] = the largest of x[i], x[i+32], …, i < 32: n is a multiple
// of 32 and not 0.
func laneMax() *function {
	f := &function{name: "laneMax", params: 3}
	dst, x, n := local(0), local(1), local(2)
	lanes := f.vectorsOf(8)
	const minusInf = 0xff800000
	var body []code
	for i, l := range lanes {
		f.do(l.set(constant(minusInf)))
		body = append(body, l.set(larger(l.get(), load(x.get(), 16*i))))
	}
	body = append(body, x.more(number(128)), n.more(number(-32)))
	f.do(repeat(n.get(), body...))
	for i, l := range lanes {
		f.do(store(dst.get(), 16*i, l.get()))
	}
	return f
}
