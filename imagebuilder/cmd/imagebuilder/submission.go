package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"duostoryteller/app/version"
	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/manifest"
	sources "duostoryteller/imagebuilder/source"
	"duostoryteller/imagebuilder/submission"

	"github.com/spf13/cobra"
)

func submissionCommand() *cobra.Command {
	var o submission.Options
	var anyModel bool
	cmd := &cobra.Command{
		Use:     "submission",
		GroupID: groupMake,
		Short:   "Gather what is handed in: image, bill of materials, tests, results",
		Long: `Submission makes out/submission/duo-storyteller-VERSION and an archive of it:
the image compressed, its block map (bmaptool), a repository file for Raspberry Pi
Imager, checksums, the manifest, a software bill of materials (SPDX 2.3), the
licences, how to write the card and how to run the tests, and the test results if
there are any.

--url says where the folder will be on the web: Imager then downloads the image from
there. Without it the repository file is for a folder on a PC; its readme says how.

What is handed in has the challenge's model, stories15M: an image made from another
checkpoint is refused unless --any-model is given.

The version is the image's own, as its manifest has it.
The same image, results and version give the same bytes.`,
		Example: "  imagebuilder build && imagebuilder submission\n  imagebuilder submission --version 1.0",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			source, err := repository()
			if err != nil {
				return err
			}
			out := filepath.Join(source, "out")
			o.Image = cmp.Or(o.Image, filepath.Join(out, "storyteller.img"))
			o.Manifest = cmp.Or(o.Manifest, filepath.Join(filepath.Dir(o.Image), "manifest.json"))
			o.Results = cmp.Or(o.Results, filepath.Join(source, "results"))
			o.Out = cmp.Or(o.Out, filepath.Join(out, "submission"))
			if o.Version == "" {
				o.Version = versionOf(o.Manifest)
			}
			if o.Time, err = sourceDate(); err != nil {
				return err
			}
			o.Released = o.Time
			if version.Of(sources.Commit(cmd.Context(), source)) == o.Version { // else the commit is not the image's
				if o.Released, err = releaseTime(cmd.Context(), source); err != nil {
					return err
				}
			}
			b, err := board.Load(filepath.Join(source, "board"), "milkv-duo")
			if err != nil {
				return err
			}
			o.Title = b.Title
			if o.Icon, err = os.ReadFile(filepath.Join(source, "app", "web", "assets", "icon.svg")); err != nil {
				return err
			}
			if !anyModel {
				o.Checkpoint = b.Model.SHA256
			}
			if progress := newProgress(cmd.ErrOrStderr()); progress != nil {
				o.Progress = progress.report
				defer progress.finish()
			}
			r, err := submission.Write(cmd.Context(), o)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "%s: image %.1f MB compressed, %d files of results\n", r.Folder, float64(r.Image)/1e6, r.Results)
			fmt.Fprintf(w, "%s: %.1f MB\n", r.Archive, float64(r.Bytes)/1e6)
			if !r.Firmware {
				fmt.Fprintln(w, "The image has no fip.bin: it boots no board as it is, and the readme says so.")
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&anyModel, "any-model", false, "take an image whatever checkpoint it was made from")
	f.StringVar(&o.Image, "image", "", "card image (default out/storyteller.img)")
	f.StringVar(&o.Manifest, "manifest", "", "its manifest (default manifest.json beside it)")
	f.StringVar(&o.Results, "results", "", "folder of test results (default results/ of the repository)")
	f.StringVar(&o.URL, "url", "", "where the folder will be on the web, for Raspberry Pi Imager")
	f.StringVar(&o.Version, "version", "", "names the release (default the manifest's)")
	f.StringVarP(&o.Out, "output", "o", "", "folder for it (default out/submission)")
	return cmd
}

// versionOf returns the version that a manifest names; of one that names none, the
// beginning of its SHA-256.
func versionOf(file string) string {
	text, _ := os.ReadFile(file) // what is wrong with it, Write says
	var m manifest.Manifest
	if json.Unmarshal(text, &m) == nil && m.Version != "" {
		return m.Version
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))[:12]
}
