//go:build !linux

package packed

import "os"

func adviseHuge([]byte) {}

func adviseRead(*os.File, int64, int64) {}

func adviseRows(*os.File) {}

func openDirect(string) *os.File { return nil }
