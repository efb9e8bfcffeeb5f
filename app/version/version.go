// Package version says from which state of the sources a program was built, and
// on which card it is.
package version

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
)

// Number is the release that the sources belong to; CHANGELOG.md has the same.
const Number = "0.9.0"

// Parts is where the card has the list of its parts (package manifest), beside its own
// model.
const Parts = "/usr/share/storyteller/parts.json"

// commit is set by the linker, which can set nothing but a variable: see LinkerFlag.
var commit string

// LinkerFlag returns what `go build -ldflags` needs for a program that knows its
// commit, as package source names it. The flag is the same for the same commit;
// the go command's own stamp would not be there outside a clone.
func LinkerFlag(commit string) string {
	type here struct{}
	return "-X " + reflect.TypeFor[here]().PkgPath() + ".commit=" + commit
}

// Of joins a commit, "" if unknown, to the number: "0.9.0+0123456789ab".
func Of(commit string) string {
	if commit == "" {
		return Number
	}
	return Number + "+" + commit
}

// Program returns the version of the running program. A program that `go build` made
// in a clone knows its commit, too.
func Program() string {
	if commit != "" {
		return Of(commit)
	}
	stamp := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			stamp[s.Key] = s.Value
		}
	}
	return Of(fromStamp(stamp["vcs.revision"], stamp["vcs.modified"]))
}

// fromStamp makes of the go command's stamp what package source makes of git's answers.
func fromStamp(revision, modified string) string {
	if revision == "" {
		return ""
	}
	return Commit(revision, modified == "true")
}

// digits is how much of a commit's hash a version has. Git's own abbreviation is
// longer in a repository with more commits.
const digits = 12

// Commit abbreviates a commit's hash, and says whether files were changed since.
func Commit(hash string, changed bool) string {
	hash = hash[:min(len(hash), digits)]
	if changed {
		hash += ".changed"
	}
	return hash
}

// Card returns the SHA-256 of the list of the card's parts in hexadecimal digits,
// which the image's manifest names as parts_sha256; "" off the card.
func Card() string {
	list, err := os.ReadFile(Parts)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(list)
	return hex.EncodeToString(sum[:])
}

// Checkpoint returns the file's name and the SHA-256, in hexadecimal digits, of the
// checkpoint that the model at path was made from, as the list of parts beside it has
// them; "" where there is none, as everywhere but on a card.
func Checkpoint(path string) (name, sum string) {
	list, err := os.ReadFile(filepath.Join(filepath.Dir(path), filepath.Base(Parts)))
	if err != nil {
		return "", ""
	}
	return checkpoint(list)
}

// checkpoint reads a list of parts (package manifest).
func checkpoint(list []byte) (name, sum string) {
	var parts struct {
		Components []struct{ Kind, Name, Hash string }
	}
	if json.Unmarshal(list, &parts) != nil {
		return "", ""
	}
	for _, c := range parts.Components {
		if c.Kind == "checkpoint" {
			return c.Name, strings.TrimPrefix(c.Hash, "sha256:")
		}
	}
	return "", ""
}

// Line is what a program prints when it is asked for its version: one line.
func Line(program string) string {
	return strings.Join([]string{program, Text()}, " ")
}

// Text is the version and, on a card, the first digits of the card's own hash.
func Text() string {
	if card := Card(); card != "" {
		return Program() + ", card " + card[:digits]
	}
	return Program()
}
