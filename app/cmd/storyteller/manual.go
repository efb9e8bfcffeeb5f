//go:build manpages

package main

import (
	"duostoryteller/app/manual"

	"github.com/spf13/cobra"
)

// hidden returns the verb that writes the manual's pages; see package manual.
func hidden() []*cobra.Command { return []*cobra.Command{manual.Command()} }
