package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"duostoryteller/app/hearing"
	"duostoryteller/app/sshd"
	"duostoryteller/app/textfile"
	"duostoryteller/app/wholefile"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/firmware"
	"duostoryteller/imagebuilder/fit"
	"duostoryteller/imagebuilder/owner"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"
)

func fitCommand() *cobra.Command {
	var output, fip, words, model string
	var settings, keys []string
	cmd := &cobra.Command{
		Use:     "fit IMAGE [flags]",
		GroupID: groupMake,
		Short:   "Fit a finished image to its owner, without building it",
		Long: `Fit changes a copy of a card image: it puts the vendor's firmware on it, another list
of words, settings of storyteller.toml and public keys for a shell. Nothing is
compiled, so it works on every system. IMAGE stays as it is.

The copy is IMAGE's name with -fitted, or that of --output; its manifest is beside
it. The card's list of parts, its checksums and the manifest are made anew: with --fip
alone it is, to the byte, the card that 'imagebuilder build --fip' makes. Fitting twice
is fitting once.

The vendor's fip.bin comes from Milk-V's official image for the board, as it is
downloaded (.zip or unpacked), or from a fip.bin that is there.

Another model needs the reference stories that the card's suites compare with, made
by 'imagebuilder build --model'.`,
		Example: `  imagebuilder fit storyteller.img --fip milkv-duo-sd.img
  imagebuilder fit storyteller.img --set engine=fast --set "prompt=The little boat"
  imagebuilder fit storyteller.img --words words.txt --key id_ed25519.pub -o mine.img`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if model != "" {
				return usageError{errors.New("--model is for 'imagebuilder build': the card's suites need reference stories of the new model")}
			}
			var c owner.Changes
			for _, s := range settings {
				setting, err := owner.ParseSetting(s)
				if err != nil {
					return usageError{fmt.Errorf("--set: %w", err)}
				}
				c.Settings = append(c.Settings, setting)
			}
			if c.Words, err = readWords(words); err != nil {
				return err
			}
			if c.Keys, err = readKeys(keys); err != nil {
				return err
			}
			var asks []string
			if fip != "" {
				data, im, err := firmware.Load(fip)
				if err != nil {
					return err
				}
				c.FIP, c.FIPVersion, asks = data, im.UBoot, im.Configurations
			}
			if output == "" {
				output = strings.TrimSuffix(args[0], ".img") + "-fitted.img"
			}
			return fitImage(cmd.OutOrStdout(), args[0], output, c, asks)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&output, "output", "o", "", "the fitted image (default IMAGE's name with -fitted)")
	f.StringVar(&fip, "fip", "", "the vendor's fip.bin, or an official image that has it")
	f.StringVar(&words, "words", "", "list of words for stories that are asked for by voice, in place of words.txt")
	f.StringArrayVar(&settings, "set", nil, "a setting of storyteller.toml, as engine=fast; may be given again")
	f.StringArrayVar(&keys, "key", nil, "file with public keys; who holds one gets a shell by ssh; may be given again")
	f.StringVar(&model, "model", "", "not possible here: see 'imagebuilder build'")
	return cmd
}

// readWords reads a list of words that the card understands as a whole.
func readWords(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	text, err := textfile.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if _, problems := hearing.ParseWords(text); len(problems) > 0 {
		more := ""
		if n := len(problems) - 1; n > 0 {
			more = fmt.Sprintf(" (%d more like that)", n)
		}
		return nil, fmt.Errorf("%s, %s%s", name, problems[0], more)
	}
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("%s is empty", name)
	}
	return []byte(text), nil
}

// readKeys joins the public keys of files. What the board would leave out, such as a weak
// key, or one with an option that it would have to obey, is an error.
func readKeys(names []string) ([]byte, error) {
	var all []byte
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if bytes.Contains(data, []byte("PRIVATE KEY")) {
			return nil, fmt.Errorf("%s is a private key: give the file beside it that ends in .pub", name)
		}
		text, err := textfile.Decode(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if _, problems := sshd.ParseKeys(text); len(problems) > 0 {
			return nil, fmt.Errorf("%s, by the board: %s", name, problems[0])
		}
		for rest := []byte(text); len(rest) > 0; {
			key, comment, _, more, err := ssh.ParseAuthorizedKey(rest)
			if err != nil { // remarks
				break
			}
			all = append(all, bytes.TrimSpace(ssh.MarshalAuthorizedKey(key))...)
			if comment != "" {
				all = append(all, " "+comment...)
			}
			all = append(all, '\n')
			rest = more
		}
	}
	if len(names) > 0 && len(all) == 0 {
		return nil, fmt.Errorf("%s has no key", strings.Join(names, ", "))
	}
	if _, problems := sshd.ParseKeys(string(all)); len(problems) > 0 {
		return nil, fmt.Errorf("%s, together, by the board: %s", strings.Join(names, ", "), problems[0])
	}
	return all, nil
}

// fitImage writes the fitted image and its manifest. Both appear when they are whole.
func fitImage(w io.Writer, name, output string, c owner.Changes, asks []string) (err error) {
	image, err := os.Open(name)
	if err != nil {
		return err
	}
	defer image.Close()
	info, err := image.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(output); err == nil && os.SameFile(info, there) {
		return usageError{fmt.Errorf("%s stays as it is: give the fitted image another name with --output", name)}
	}
	if err := bootable(w, image, info.Size(), asks); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	scratch, err := os.MkdirTemp(filepath.Dir(output), ".fit-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	out, err := os.Create(filepath.Join(scratch, filepath.Base(output)))
	if err != nil {
		return err
	}
	defer out.Close()
	m, err := owner.Image(image, info.Size(), c, out, scratch)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	text, err := m.JSON()
	if err != nil {
		return err
	}
	list := strings.TrimSuffix(output, ".img") + ".manifest.json"
	if err := errors.Join(out.Sync(), out.Close(), image.Close()); err != nil {
		return err
	}
	if err := os.Rename(out.Name(), output); err != nil {
		return err
	}
	if err := wholefile.Bytes(list, text); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s, %d bytes, SHA-256 %s\n%s has its parts\n", output, m.Image.Size, m.Image.SHA256, list)
	return nil
}

// bootable warns of firmware that asks boot.sd for what is not in it.
func bootable(w io.Writer, image io.ReaderAt, size int64, asks []string) error {
	if len(asks) == 0 {
		return nil
	}
	im, err := card.Open(image, size)
	if err != nil {
		return err
	}
	boot, err := im.ReadFile("boot.sd")
	if err != nil {
		return err
	}
	tree, err := fit.Read(boot)
	if err != nil {
		return err
	}
	for _, name := range asks {
		if !slices.ContainsFunc(tree.Configurations, func(c fit.Setting) bool { return c.Name == name }) {
			fmt.Fprintf(w, "Warning: this fip.bin's U-Boot asks boot.sd for %s, which is not in it: the card will not boot.\n", name)
		}
	}
	return nil
}
