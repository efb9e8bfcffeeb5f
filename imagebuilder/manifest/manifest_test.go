package manifest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestIdentify(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"Apache License\n   Version 2.0, January 2004", "Apache-2.0"},
		{"Licensed under the Apache License, Version 2.0", "Apache-2.0"},
		{"Permission is hereby granted, free of charge, to any\nperson obtaining a copy", "MIT"},
		{"Redistributions in binary form must reproduce ... Neither the name of X", "BSD-3-Clause"},
		{"Redistributions in binary form must reproduce ...", "BSD-2-Clause"},
		{"Mozilla Public License Version 2.0", "MPL-2.0"},
		{"GNU GENERAL PUBLIC LICENSE Version 2, June 1991 ... use the GNU Lesser General Public License instead", "GPL-2.0"},
		{"GNU LESSER GENERAL PUBLIC LICENSE Version 2.1 ... the ordinary GNU General Public License, version 2, instead", "LGPL"},
		{"Mozilla Public License Version 2.0 ... means either the GNU General Public License, Version 2.0", "MPL-2.0"},
		{"all rights reserved", ""},
	} {
		if got := Identify(tt.text); got != tt.want {
			t.Errorf("Identify(%.30q) = %q; want %q", tt.text, got, tt.want)
		}
	}
}

func TestLicence(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Licence(dir); err == nil {
		t.Error("Licence of an empty folder = nil; want an error")
	}
	for name, text := range map[string]string{
		"LICENSE": "Apache License Version 2.0", "LICENSE.mit": "Permission is hereby granted, free of charge, to any person obtaining a copy",
		"readme": "Mozilla Public License Version 2.0",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, _, err := Licence(dir); got != "Apache-2.0 AND MIT" || err != nil {
		t.Errorf("Licence = %q, %v; want both", got, err)
	}
}

// TestModules covers every module that is linked into the board's programs.
func TestModules(t *testing.T) {
	bin := t.TempDir()
	cmd := exec.Command("go", "build", "-o", bin, "duostoryteller/app/cmd/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=riscv64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	programs, err := filepath.Glob(filepath.Join(bin, "*"))
	if err != nil || len(programs) < 2 {
		t.Fatalf("programs = %v, %v; want init and storyteller", programs, err)
	}
	modules, err := Modules(t.Context(), ".", programs...)
	if err != nil {
		t.Fatal(err)
	}
	if len(modules) < 2 {
		t.Errorf("Modules = %v; want Go and at least one module", modules)
	}
	for _, m := range modules {
		if m.Licence == "" || m.Version == "" || m.Name != "go" && (!strings.HasPrefix(m.Hash, "h1:") || len(m.LicenceText) == 0) {
			t.Errorf("module %+v lacks something", m.Component)
		}
	}
}

func TestJSON(t *testing.T) {
	a := Component{Name: "a", Kind: "k", Licence: "MIT"}
	b := Component{Name: "b", Kind: "k", Licence: "MIT"}
	one, err := Manifest{Components: []Component{a, b}}.JSON()
	if err != nil {
		t.Fatal(err)
	}
	two, err := Manifest{Components: []Component{b, a}}.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if string(one) != string(two) {
		t.Errorf("order matters:\n%s%s", one, two)
	}
	if _, err := (Manifest{Components: []Component{{Name: "a", Kind: "k"}}}).JSON(); err == nil {
		t.Error("JSON of a component without licence = nil; want an error")
	}
}

// TestRepository checks that what the project states of itself is there: its licence,
// and beside each file under another one that licence's text.
func TestRepository(t *testing.T) {
	const repository = "../.."
	if id, _, err := Licence(repository); err != nil || id != "Apache-2.0" {
		t.Errorf("the repository's licence = %q, %v; want Apache-2.0", id, err)
	}
	line := regexp.MustCompile(`SPDX-License-Identifier: ([^\n*]+)`)
	err := filepath.WalkDir(filepath.Join(repository, "board"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Base(filepath.Dir(name)) == "LICENSES" {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		ids := line.FindStringSubmatch(string(text[:min(len(text), 2000)]))
		ext := filepath.Ext(name)
		// What tells QEMU's build of the machine is named in LICENSES/readme.md instead.
		gpl := ext == ".patch" && filepath.Base(name) != "qemu.patch" || ext == ".c" || ext == ".h" || ext == ".inc"
		switch {
		case gpl && (ids == nil || strings.TrimSpace(ids[1]) != "GPL-2.0-or-later"):
			t.Errorf("%s becomes part of the kernel or of QEMU: its first lines must have SPDX-License-Identifier: GPL-2.0-or-later", name)
		case ext == ".dts" && ids == nil:
			t.Errorf("%s states no licence", name)
		}
		if ids == nil {
			return nil
		}
		for id := range strings.SplitSeq(strings.TrimSpace(ids[1]), " OR ") {
			id = strings.TrimSuffix(strings.TrimSuffix(id, "-only"), "-or-later")
			if _, err := os.Stat(filepath.Join(repository, "board", "LICENSES", id+".txt")); err != nil {
				t.Errorf("%s is under %s, whose text is missing: %v", name, id, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
