package packed

import "syscall"

// adviseHuge asks for huge pages, which spare the board's small TLB. Without
// them the model is only slower, so a refusal is no error.
func adviseHuge(b []byte) {
	const madvHugepage = 14
	_ = syscall.Madvise(b, madvHugepage)
}
