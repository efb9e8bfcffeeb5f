package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// onLinux has a verb that needs Linux and its tools say so on another system, goos.
func onLinux(goos string, cmd *cobra.Command) *cobra.Command {
	if goos != "linux" {
		cmd.RunE = func(cmd *cobra.Command, _ []string) error {
			return fmt.Errorf("'%s' needs Linux and its tools: run it in Debian, or in the container that the repository's Containerfile makes", cmd.CommandPath())
		}
	}
	return cmd
}
