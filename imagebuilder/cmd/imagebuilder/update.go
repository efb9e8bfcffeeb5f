package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"duostoryteller/app/wholefile"
	"duostoryteller/imagebuilder/cachedir"
	"duostoryteller/imagebuilder/fatcheck"
	"duostoryteller/imagebuilder/inputs"
	"duostoryteller/imagebuilder/linux"
	"duostoryteller/imagebuilder/twin"
	"duostoryteller/imagebuilder/voices"

	"github.com/spf13/cobra"
)

// cardNeeds is what a card is made from.
func cardNeeds() []inputs.Need {
	return slices.Concat(linux.Needs(), voices.Needs(), fatcheck.Needs())
}

// toolNeeds is what tests and emulators are made from.
func toolNeeds() []inputs.Need {
	return append(twin.Needs(),
		inputs.Need{Suite: "bullseye", Arch: "amd64", Name: "qemu-user-static"}, // the last of Debian's with vector 0.7.1
		inputs.Need{Suite: "bookworm", Arch: "amd64", Name: "qemu-user-static"},
	)
}

// locked opens the repository's locked inputs.
func locked(source, cache, mirror string, progress func(string, int64, int64), log io.Writer) (*inputs.Store, error) {
	lock, err := inputs.Read(filepath.Join(source, inputs.File))
	if err != nil {
		return nil, err
	}
	return &inputs.Store{Lock: lock, Cache: cache, Mirror: mirror, Progress: progress, Log: log}, nil
}

func updateCommand() *cobra.Command {
	var mirror string
	cmd := &cobra.Command{
		Use:     "update [NAME...]",
		GroupID: groupMake,
		Short:   "Renew the locked inputs: kernel source and Debian packages",
		Long: `Update asks Debian's signed lists for the newest versions of what a card is made
from, fetches these, writes ` + inputs.File + `, and prints what changed. With
names it renews only these packages. Nothing else renews the file: a build takes
what it names, so the same commit gives the same card.`,
		Example: `  imagebuilder update
  imagebuilder update 'linux-source-[7-9].*' dosfstools`,
		Args: usageArgs(func(_ *cobra.Command, args []string) error {
			for _, name := range args {
				if !slices.ContainsFunc(slices.Concat(cardNeeds(), toolNeeds()), func(n inputs.Need) bool { return n.Name == name }) {
					return fmt.Errorf("nothing here is made from %s", name)
				}
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			source, err := repository()
			if err != nil {
				return err
			}
			cache, err := cachedir.Dir()
			if err != nil {
				return err
			}
			file := filepath.Join(source, inputs.File)
			old, err := inputs.Read(file)
			if errors.Is(err, fs.ErrNotExist) {
				old, err = new(inputs.Lock), nil
			}
			if err != nil {
				return err
			}
			store := &inputs.Store{Lock: old, Cache: cache, Mirror: mirror, Log: cmd.ErrOrStderr()}
			if progress := newProgress(cmd.ErrOrStderr()); progress != nil {
				store.Progress = progress.report
				defer progress.finish()
			}
			lock, err := store.Update(cmd.Context(), slices.Concat(cardNeeds(), toolNeeds()), args)
			if err != nil {
				return err
			}
			changes := lock.Changes(old)
			for _, line := range changes {
				fmt.Fprintln(cmd.OutOrStdout(), line)
			}
			if len(changes) == 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: nothing has changed\n", inputs.File)
				return nil
			}
			return wholefile.Bytes(file, lock.Text())
		},
	}
	cmd.Flags().StringVar(&mirror, "debian-mirror", "", "Debian mirror (default: the one in this machine's apt sources)")
	return cmd
}
