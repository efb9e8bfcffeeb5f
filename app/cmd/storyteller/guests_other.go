//go:build !linux

package main

import "context"

// serveSSH gives no shell: it is for the board.
func serveSSH(ctx context.Context, keys string, s *slot, note func(string)) {
	note("no ssh: it is the board's")
}
