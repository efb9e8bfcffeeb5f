package web

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"
)

// Download is a file that the page offers to be downloaded from elsewhere.
type Download struct {
	File string
	URL  string
	Size int64 // bytes
}

// MB is its size in megabytes.
func (d Download) MB() string { return fmt.Sprintf("%.1f MB", float64(d.Size)/1e6) }

// Demo returns the files of a page that no board answers but a script demo.js, which is
// not among them: what page.js asks for and follows goes to its constant storyteller, with
// the methods ask and events, like fetch and EventSource. The names are for a folder of any
// server; version is shown. The page offers a larger model, made of these downloads.
func Demo(version string, model []Download) (map[string][]byte, error) {
	all, err := languages()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for i, language := range all {
		setup := map[string]any{"languages": all}
		names := []string{language + ".html"}
		if i == 0 {
			names = append(names, "index.html")
		}
		for _, name := range names {
			// The first page leads who reads another language better to theirs.
			setup := maps.Clone(setup)
			setup["pick"] = name == "index.html"
			if files[name], err = makePage(language, all, []string{"exact"}, shown{Version: version, Demo: model}, setup); err != nil {
				return nil, fmt.Errorf("the page in the language %s: %w", language, err)
			}
		}
	}
	err = fs.WalkDir(assets, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(name, ".html") || path.Dir(name) == labelFiles {
			return err
		}
		files[name], err = assets.ReadFile(name)
		return err
	})
	return files, err
}
