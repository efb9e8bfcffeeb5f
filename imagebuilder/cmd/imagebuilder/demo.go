package main

import (
	"fmt"

	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/demo"

	"github.com/spf13/cobra"
)

func demoCommand() *cobra.Command {
	var o demo.Options
	cmd := &cobra.Command{
		Use:     "demo",
		GroupID: groupMake,
		Short:   "Make the storyteller for a browser",
		Long: `Demo makes a folder of static files for any web server: the board's page, and the
storyteller as WebAssembly, which tells by the small model that is built in. A visitor
may drop the files of stories15M on the page, which the browser then keeps.

What is asked and told does not leave the browser. After the first visit it works without
a network, if its address begins with https or is localhost.`,
		Example: "  imagebuilder demo\n  python3 -m http.server -d out/demo",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Source, err = repository(); err != nil {
				return err
			}
			b, err := board.Load(o.Source+"/board", "milkv-duo")
			if err != nil {
				return err
			}
			o.Large = [2]board.File{b.Model, b.Tokenizer}
			size, err := demo.Make(cmd.Context(), o)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %.1f MB, and %.1f MB of the built-in model\n", o.Into, float64(size.Page)/1e6, float64(size.Model)/1e6)
			return nil
		},
	}
	cmd.Flags().StringVarP(&o.Into, "output", "o", "out/demo", "folder for the files")
	return cmd
}
