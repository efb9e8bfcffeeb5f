// Package packed is the checkpoint format of the board: everything that an
// engine would otherwise compute from a llama2.c checkpoint when it starts, in
// the order and the layout in which it is used.
//
// # File
//
// Little-endian. A header of one page, then sections, each on a page of its
// own; where they lie follows from the header's shape alone, so a reader
// computes it and compares.
//
//	0   "DUOSTORY"
//	8   version, 6
//	12  the seven integers of a llama2.c header
//	40  hot: how many rows of the classifier are kept in memory
//	44  7, or 4 if there are no fast layers: bits a weight for the fast engine
//	48  number of sections
//	52  length and CRC-32C of each section: uint64, uint32
//	…   CRC-32C of all that comes before
//
// The sections, float32 unless said otherwise:
//
//	final   the last norm's weights (dim), then the hot rows' numbers, int32,
//	        ascending
//	hot     the hot rows (hot, dim)
//	fast    one a layer: both norms' weights, then the query, key and value
//	        matrices as one, the output matrix, w1 and w3 as one, w2, seven bits
//	        a weight: scales of the rows, then the rows by arith.PackI8
//	layer   one a layer: the same as float32, each matrix by arith.PackF32
//	screen  a classifier.Screen: direction, limits, groups; along, scale and
//	        error of each row; the rows by arith.PackI4
//	head    a classifier.Head of them: scale, error and norm; arith.PackI8
//	draft   one a layer: the same once more, four bits a weight: scales of the
//	        rows, then the rows by arith.PackI4
//	rows    the classifier as it is (vocab, dim), behind each row its CRC-32C,
//	        begun with the row's number: a row of elsewhere is no right one
//	embed   the token embedding as it is, if the classifier is not the same;
//	        likewise
//	remainder  the classifier's Panels, if not all rows are hot: scale and error of
//	        each row; the rows by arith.PackI8; CRC-32C, begun with the panel's number
//
// The exact engine keeps all but fast, rows, embed and remainder in memory, the fast engine
// all but layer, draft, rows, embed and remainder, or all but layer, rows, embed and remainder
// if there is no fast; a row or a panel of the last three is read when it is wanted, and
// checked. Where there is no memory for the float32 layers the exact engine does not keep
// them either: a [Pass] reads them from the file, a megabyte at a time, each time that it
// takes positions through them. The fast engine then takes the draft's layers, and where not
// even these fit reads the last ones of them from the file for each pass. The KV cache is
// for no more positions than there is memory for. [Settle] decides that.
//
// Nothing in a file depends on how a sum is rounded: it serves every llama.Arithmetic.
package packed
