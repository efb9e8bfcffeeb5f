//go:build !manpages

package main

import "github.com/spf13/cobra"

// hidden returns no verb: what writes the manual's pages is not on a card.
func hidden() []*cobra.Command { return nil }
