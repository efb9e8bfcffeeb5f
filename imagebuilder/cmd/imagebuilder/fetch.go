package main

import (
	"fmt"
	"path/filepath"

	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/fetch"

	"github.com/spf13/cobra"
)

func fetchCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "fetch",
		GroupID: groupMake,
		Short:   "Download the checkpoint and the tokenizer into the cache",
		Long: `Fetch downloads what the board's board.toml names, checks sizes and SHA-256, and
keeps it in the cache, so that a later build needs no network for it. A download
that was cut off goes on where it ended.`,
		Example: "  imagebuilder fetch",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			source, err := repository()
			if err != nil {
				return err
			}
			b, err := board.Load(filepath.Join(source, "board"), name)
			if err != nil {
				return err
			}
			if b.CardOf != "" {
				if b, err = board.Load(filepath.Join(source, "board"), b.CardOf); err != nil {
					return err
				}
			}
			cache, err := cacheDir()
			if err != nil {
				return err
			}
			client := &fetch.Client{Dir: filepath.Join(cache, "download")}
			if progress := newProgress(cmd.ErrOrStderr()); progress != nil {
				client.Progress = func(f fetch.File, done int64) { progress.report(f.Name, done, f.Size) }
				defer progress.finish()
			}
			for _, f := range []board.File{b.Model, b.Tokenizer} {
				path, err := client.Get(cmd.Context(), fetch.File{Name: f.File, URL: f.URL, Size: f.Size, SHA256: f.SHA256})
				if err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "board", "milkv-duo", "board whose files to fetch, a folder of board/")
	return cmd
}
