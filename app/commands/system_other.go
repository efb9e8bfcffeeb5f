//go:build !linux

package commands

// system returns none: they are those of the board's Linux.
func system() map[string]command { return nil }
