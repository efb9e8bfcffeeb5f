package manifest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A mark is a phrase that only one licence's text has.
type mark struct{ phrase, licence string }

// titles returns the names that licences give themselves. They name each other
// further down, so the first one in a text is its own.
func titles() []mark {
	return []mark{
		{"apache license version 2.0", "Apache-2.0"},
		{"mozilla public license version 2.0", "MPL-2.0"},
		{"gnu lesser general public license", "LGPL"},
		{"gnu general public license version 3", "GPL-3.0"},
		{"gnu general public license version 2", "GPL-2.0"},
	}
}

// phrases returns those of the licences without a title, in the order to look for
// them: a licence that has another one's phrases comes before it.
func phrases() []mark {
	return []mark{
		{"permission is hereby granted, free of charge, to any person obtaining a copy", "MIT"},
		{"permission to use, copy, modify, and/or distribute this software for any purpose", "ISC"},
		{"permission to use, copy, modify, and distribute this software for any purpose", "ISC"},
		{"neither the name of", "BSD-3-Clause"},
		{"redistributions in binary form must reproduce", "BSD-2-Clause"},
	}
}

// Identify returns the SPDX identifier of a licence's text, or "".
func Identify(text string) string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	text = strings.ReplaceAll(text, "license, version", "license version")
	first, id := len(text), ""
	for _, m := range titles() {
		if at := strings.Index(text, m.phrase); at >= 0 && at < first {
			first, id = at, m.licence
		}
	}
	if id != "" {
		return id
	}
	for _, m := range phrases() {
		if strings.Contains(text, m.phrase) {
			return m.licence
		}
	}
	return ""
}

// Licence finds the licence in a source folder: its identifiers, joined by
// " AND " when several files state different ones, and its text.
func Licence(dir string) (id string, text []byte, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", nil, err
	}
	var ids []string
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "COPYING") || !e.Type().IsRegular() {
			continue
		}
		b, err := fs.ReadFile(os.DirFS(dir), e.Name())
		if err != nil {
			return "", nil, err
		}
		if id := Identify(string(b)); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
			text = append(text, b...)
		}
	}
	if ids == nil {
		return "", nil, errors.New("no licence that this program knows in " + filepath.Clean(dir))
	}
	return strings.Join(ids, " AND "), text, nil
}
