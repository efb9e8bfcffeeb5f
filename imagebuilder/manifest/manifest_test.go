package manifest

import (
	"os"
	"os/exec"
	"path/filepath"
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
