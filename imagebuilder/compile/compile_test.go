package compile

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestParseSystem(t *testing.T) {
	for text, want := range map[string]string{
		"linux/amd64": "linux/amd64", "windows/arm64": "windows/arm64",
		"linux": "", "linux/": "", "/amd64": "", "linux/amd64/v2": "", "../x/y": "", `a\b/c`: "",
	} {
		got, err := ParseSystem(text)
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("ParseSystem(%q) = %v, %v; want %q", text, got, err, want)
		}
	}
	if got := (System{"windows", "arm64"}).Exe(); got != ".exe" {
		t.Errorf("a program's name for Windows ends in %q", got)
	}
}

// TestProgram has a line of the compiler's for what cannot be compiled.
func TestProgram(t *testing.T) {
	for _, tt := range []struct{ system, pkg, want string }{
		{"linux/amd64", "./app/cmd/nothing", "./app/cmd/nothing does not compile for linux/amd64"},
		{"beos/ppc", "./app/cmd/shell", "beos/ppc"},
	} {
		system, err := ParseSystem(tt.system)
		if err != nil {
			t.Fatal(err)
		}
		err = Program(t.Context(), Options{Source: "../..", System: system}, tt.pkg, filepath.Join(t.TempDir(), "x"))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s for %s: %v; want one line with %q", tt.pkg, tt.system, err, tt.want)
		}
	}
}
