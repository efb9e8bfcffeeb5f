// Package manual turns a program's commands into pages for man(1).
//
// A released program does not have it: what lays out the pages would be a third of a
// megabyte of the board's memory. A program that is built with the tag manpages has
// the hidden verb man, and package release runs that once.
package manual

import (
	"duostoryteller/app/version"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// Command returns the verb that writes a page for each command of its program into a
// folder. The pages' date is SOURCE_DATE_EPOCH, in seconds since 1970.
func Command() *cobra.Command {
	return &cobra.Command{
		Use:    "man FOLDER",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.Root().DisableAutoGenTag = true // it has the day of the build
			return doc.GenManTree(cmd.Root(), &doc.GenManHeader{
				Section: "1", Source: "Duo Storyteller " + version.Number, Manual: "Duo Storyteller",
			}, args[0])
		},
	}
}
