package hearing

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The turn that an utterance has is given back whatever becomes of it, and before
// what was heard is acted on.
func TestTurnGivenBack(t *testing.T) {
	for name, program := range map[string]string{
		"it ends":          "exit 3",
		"it sends garbage": "exec head -c 1000 /dev/zero",
		"it complains":     `printf 'ERR \002\000\000\000no'`,
		"it answers":       `printf 'END \010\000\000\000\000\000\000\000\000\000\000\000'; exec cat >/dev/null`,
		"it is not there":  "",
	} {
		dir := t.TempDir()
		var dictionary strings.Builder
		for _, w := range fixed {
			dictionary.WriteString(w + " X\n")
		}
		files := Files{Program: filepath.Join(dir, "recogniser"), Model: dir, Dictionary: filepath.Join(dir, "dict")}
		err := os.WriteFile(files.Dictionary, []byte(dictionary.String()), 0o644)
		if program != "" {
			err = errors.Join(err, os.WriteFile(files.Program, []byte("#!/bin/sh\n"+program+"\n"), 0o755))
		}
		if err != nil {
			t.Fatal(err)
		}
		ear, err := New(files, Words{})
		if err != nil {
			t.Fatal(err)
		}
		var did []string
		l := Listener{
			Ear: ear,
			Open: func() (Source, error) {
				return NewRecording(Rate, room(rand.New(rand.NewPCG(1, 2)), [][2]float64{{2, 20}, {1.5, 1000}, {2, 20}}...)), nil
			},
			Enter: func() (func(), bool) {
				did = append(did, "enter")
				return func() {
					if ear.run != nil {
						t.Errorf("%s: the recogniser is still there when the turn is given back", name)
					}
					did = append(did, "leave")
				}, true
			},
			Log: func(string) {},
		}
		err = l.Listen(t.Context(), func(Heard) { did = append(did, "heard") })
		want := []string{"enter", "leave"}
		if name == "it answers" {
			want = append(want, "heard")
		}
		if !slices.Equal(did, want) || (err == nil) != (name == "it answers") || errors.Is(err, io.EOF) {
			t.Errorf("%s: %q, %v; want %q", name, did, err, want)
		}
		ear.Close()
	}
}
