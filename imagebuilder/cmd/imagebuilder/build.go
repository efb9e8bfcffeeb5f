package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func buildCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "build",
		GroupID: groupMake,
		Short:   "Build the card image",
		Example: "  imagebuilder build --fip fip.bin",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.New("build: not there yet")
		},
	}
}
