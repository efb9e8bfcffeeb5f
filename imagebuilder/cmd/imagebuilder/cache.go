package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// cacheDir returns the folder that keeps downloads and built parts between
// runs: $STORYTELLER_CACHE, else duo-storyteller in the user's cache.
func cacheDir() (string, error) {
	if dir := os.Getenv("STORYTELLER_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for the cache: %w: set STORYTELLER_CACHE to a folder", err)
	}
	return filepath.Join(dir, "duo-storyteller"), nil
}
