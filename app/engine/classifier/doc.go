// Package classifier settles which token run.c's sampler would take from the
// logits of a hidden state, without computing most of the logits.
//
// The classifier of a small model with a large vocabulary is most of the model.
// Here it is kept with few bits a weight, which bounds every logit; the rows
// that can matter are scored exactly, and a token is returned only when no value
// that the others can have within their bounds would lead to another token.
// Otherwise more rows are scored: those with the largest bounds first, then,
// with more of them looked at one by one, again; then the bounds are made narrower by a
// second screen that is read from the card; in the end all rows are scored, and
// run.c's sampler itself decides.
//
// # What is bounded
//
// Let x be the hidden state, finite as every weight is, and L the logit that
// run.c computes for a row w: products rounded to float32, added in order, or
// fused with the sum so far (llama.Arithmetic). By
// the standard analysis (N. Higham, "Accuracy and Stability of Numerical
// Algorithms", section 3.1) |L - w·x| <= γ|w||x| with γ = nu/(1-nu), u = 2^-24,
// n the width: a term passes at most n roundings, its own product's among them (the
// first sum, to zero, is exact), and no more when product and sum are rounded
// together. The row is stored as v = along·direction + scale·q with whole
// numbers q, and x as y = step·(whole numbers), so that q·y/step is an exact
// integer. From w·x = v·x + (w-v)·x and Cauchy-Schwarz
//
//	|L - along·(direction·x) - scale·q·y| <= |w-v||x| + |scale·q||x-y| + γ|w||x|.
//
// |w-v| and |scale·q| are computed when the model is packed, |x| and |x-y| now,
// in float64; each is rounded up by more than float64's and our own float32's
// errors. Rows known to be likely (the head) have eight bits and no direction.
//
// Most rows are of tokens that a small model never learnt to use: they are alike,
// short and far below the likely ones. So the rows that the head does not have are
// bounded together first, in groups of those that have nearly the same length beside
// the direction and along it: w·x <= along·(direction·x) + |w - along·direction||x|
// with the group's largest. If that puts all of them far below, and their
// exponentials add up to little, the decision is tried with the head's rows alone, and
// the screen's weights are not even read; what this cannot prove, the screen decides.
//
// For sums over many rows the rows' own bounds are too much: errors do not conspire. With E the
// matrix whose rows are all w-v, sum((w-v)·x)² <= |E|²|x|², and the spectral
// norm |E| (Screen.Limits, bounded from above by a power of EᵀE) is about a
// fifteenth of what the rows' own norms allow. With d the rows' errors and a
// what they are around, 1+d <= exp(d) <= 1+d+k·d² gives
//
//	|sum(exp(a+d)) - sum(exp(a))| <= |exp(a)||d| + k·max(exp(a))·|d|².
//
// # The remainder
//
// What the screen leaves of a row, w - v, is kept on the card with eight bits (Panel):
// w = v + scale₂·q₂ + e. And what eight bits leave of x is taken with eight more:
// x = y + y₂ + r. As before, with all products exact integers,
//
//	|L - along·(direction·x) - (scale·q + scale₂·q₂)·(y+y₂)|
//		<= |e||x| + (|scale·q| + |scale₂·q₂|)|r| + γ|w||x|
//
// where |scale₂·q₂| <= |w-v| + |e|. γ is that of the screen's bound, which holds for fused
// sums as for others: nothing else here is run.c's. On the 15M stand-in the remainder
// leaves 0.005 to 0.015 of a logit where the screen leaves 1.3; γ's part is 0.001, below
// which no bound gets: only run.c's own sums do.
//
// The remainder is a quarter of the exact rows' bytes. Of 18 decisions of 10,374 that
// wanted it, it settled 16. Four bits more, 5 MB on the card, settled one of the other two.
//
// Rows that have to be read one by one are dear: a millisecond each. A decision that
// would read more than a few becomes sparing (type sparing): the head's rows come first
// then, and what these and a few of the others do not settle takes the remainder, and then
// all rows. The usual decision never gets there, and pays nothing for it.
//
// # What follows for the sampler
//
// Division by the temperature is monotone, also rounded, so bounds of L divided
// the same way bound z = L/temperature.
//
// Greedy: the best exact logit is above every other row's upper bound, or equal
// rows have all been scored and the first of them is taken.
//
// Otherwise run.c takes e = expf(z - max), a running float32 sum S of them in
// the vocabulary's order, p = e/S (or e·(1/S), which rounds twice where the division
// rounds once, but is monotone in e and in S as well), and compares running sums of
// p with the coin.
// Once the largest exact z is above every bound, it is max, and e of a scored row
// is known to the bit. For the others, expf and the roundings of z-max and of p
// are off by less than slack = 1e-5 relative to a term that is large enough to
// matter.
//
// What is known of a running float32 sum (type running): rounded addition is
// monotone, so the sum lies between those of lower and of upper bounds. As long
// as it stays between two powers of two it is a multiple of a unit u, and adding
// e adds e rounded to u, whatever the sum is (but for a tie): a scored row adds a
// known amount, one that is not scored adds e within min(e, u/2), and nothing
// at all if its bound is below u/2. Where the power of two itself is uncertain
// every term is off by at most half the larger unit.
// A row with the remainder's bounds adds e rounded to u as well, for an e between the
// two: often that is one number, which a sum's error would never show. That is why no
// better bound of the sum alone would do: if each of 30,000 rows is off by u/2, the
// sum is off by a thousandth, and the decisions that want the remainder want less.
// Rows far below the largest are not looked at one by one: arith.BoundRows adds up
// exponentials that are no smaller than theirs, those above 2^-25 of the largest;
// the others add nothing once the running sum has passed 1/2, as soon as enough
// scored rows have gone by. Rounding at most doubles what they add.
//
// Top-p: run.c orders the rows with p >= cutoff by p, cuts the list after the
// row whose running sum exceeds top-p, and draws from it by coin times that
// sum. Rows whose e is above all bounds of rows not scored have their place in the
// order; equal p keep the vocabulary's order as run.c's do, and a row is
// refused whose e differs from another's by so little that their p may be
// equal. The running sums for the least and the most S bound those for any S
// between, and so the first and the last place where the cut can be. The
// place that the coin picks grows with the cut's, and does not depend on S but
// for it and for roundings: if both ends pick the same row, it is the one. If the
// cut is not in sight, the sum it holds is still between top-p and top-p plus
// the next p, and the coin times that must pick one row. A list that the cutoff ends
// before the cut may hold a little less: by the roundings of n additions, 2nu, which
// is 0.004, and by the cutoff. It is not if the rows whose p is at least the cutoff for
// certain, summed in any order, pass top-p by more than that.
//
// Plain sampling: the running sum before the row, with the upper bounds of all
// rows before that are not scored, is not above the coin; the one with the row,
// with their lower bounds, is.
//
// If the range of S as a whole proves nothing, its halves may, down to single
// numbers, for which run.c's arithmetic is repeated to the bit: all must pick
// the same row. A coin that no range settles costs time, never the right token.
package classifier
