package voices

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// ForCard builds the programs with the compiler cc, whose options may follow, against
// the libraries that it finds, and lays them out below dir as a card has them, with
// the data that they read. That is in root, the folder of those libraries, where the
// libraries' own makefiles put it. Programs whose files without names are left out;
// it fails when another one cannot be built.
func ForCard(ctx context.Context, cc, root, dir string, without []string) error {
	left := slices.Clone(without)
	for _, p := range programs() {
		if i := slices.Index(left, p.File()); i >= 0 {
			left = slices.Delete(left, i, i+1)
			continue
		}
		to := filepath.Join(dir, Folder(p))
		if err := os.MkdirAll(to, 0o755); err != nil {
			return fmt.Errorf("voices: %w", err)
		}
		if _, err := p.BuildNative(ctx, cc, to); err != nil {
			return fmt.Errorf("voices: %w", err)
		}
		from, files := filepath.Join(root, "usr/share"), []string(nil)
		switch p.File() {
		case "voice-espeak":
			from, to, files = filepath.Join(from, "espeak-ng-data"), filepath.Join(to, "espeak-ng-data"), englishData
		case "recogniser":
			from, files = filepath.Join(from, "pocketsphinx/model/en-us"), hearingData
		}
		for _, f := range files {
			if err := copyFile(filepath.Join(from, f), filepath.Join(to, f)); err != nil {
				return err
			}
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("voices: there is no program %s to be left out", left[0])
	}
	return nil
}
