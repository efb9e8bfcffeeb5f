//go:build !linux

package packed

func adviseHuge([]byte) {}
