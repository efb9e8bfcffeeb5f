//go:build !linux

package memory

// adviseHuge does nothing: only Linux asks.
func adviseHuge([]byte) {}
