// Package cachedir knows the folder that keeps downloads and built parts between runs.
package cachedir

import (
	"fmt"
	"os"
	"path/filepath"
)

// Dir returns it: $STORYTELLER_CACHE, else duo-storyteller in the user's cache.
func Dir() (string, error) {
	if dir := os.Getenv("STORYTELLER_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for the cache: %w: set STORYTELLER_CACHE to a folder", err)
	}
	return filepath.Join(dir, "duo-storyteller"), nil
}
