package linux

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestParseConfig(t *testing.T) {
	const text = "# a comment\n\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"x=y # z\"\nCONFIG_D=n\n  CONFIG_E=0x10  \n"
	got, err := parseConfig("f", text)
	if err != nil {
		t.Fatal(err)
	}
	want := []symbol{{"CONFIG_A", "y", "f:3"}, {"CONFIG_B", "", "f:4"}, {"CONFIG_C", `"x=y # z"`, "f:5"}, {"CONFIG_D", "", "f:6"}, {"CONFIG_E", "0x10", "f:7"}}
	if !slices.Equal(got, want) {
		t.Errorf("parseConfig() = %v; want %v", got, want)
	}
	for _, bad := range []string{"CONFIG_A", "CONFIG_A=", "A=y", "CONFIG_A =y", "y"} {
		if _, err := parseConfig("f", bad); err == nil || !strings.Contains(err.Error(), "f:1") {
			t.Errorf("parseConfig(%q) = %v; want an error with its line", bad, err)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add("CONFIG_A=y\n# CONFIG_B is not set\n")
	f.Fuzz(func(t *testing.T, text string) {
		symbols, err := parseConfig("f", text)
		if err != nil {
			return
		}
		again, err := parseConfig("f", string(fragmentText(symbols)))
		if err != nil || len(again) != len(symbols) {
			t.Fatalf("parseConfig() of what it read = %v, %v; want %v", again, err, symbols)
		}
		for i := range symbols {
			if again[i].String() != symbols[i].String() {
				t.Errorf("symbol %d = %v; want %v", i, again[i], symbols[i])
			}
		}
	})
}

func TestReadFragments(t *testing.T) {
	a := write(t, "a", "CONFIG_A=y\n# CONFIG_B is not set\n")
	b := write(t, "b", "CONFIG_C=1\nCONFIG_A=y\n")
	got, err := readFragments([]string{a, b})
	if err != nil {
		t.Fatal(err)
	}
	if want := "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=1\n"; string(fragmentText(got)) != want {
		t.Errorf("readFragments() = %q; want %q", fragmentText(got), want)
	}
	c := write(t, "c", "CONFIG_B=y\n")
	if _, err := readFragments([]string{a, c}); err == nil || !strings.Contains(err.Error(), "CONFIG_B") {
		t.Errorf("readFragments() of a contradiction = %v", err)
	}
}

func TestCheckConfig(t *testing.T) {
	want, err := parseConfig("fragment", "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=1\n# CONFIG_D is not set\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		config string
		lost   []string // in the error; nil: no error
	}{
		{"CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=1\nCONFIG_X=y\n", nil},
		{"CONFIG_A=y\n# CONFIG_B is not set\n", []string{"CONFIG_C=1"}},
		{"CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=2\n", []string{"# CONFIG_B is not set", "CONFIG_C=1", "fragment:3", "CONFIG_C=2"}},
	} {
		err := checkConfig(write(t, ".config", tt.config), want)
		if (err == nil) != (tt.lost == nil) {
			t.Errorf("checkConfig(%q) = %v; want loss of %q", tt.config, err, tt.lost)
		}
		for _, l := range tt.lost {
			if err != nil && !strings.Contains(err.Error(), l) {
				t.Errorf("checkConfig(%q) = %v; lacks %q", tt.config, err, l)
			}
		}
	}
}

func TestCheckVersion(t *testing.T) {
	for _, tt := range []struct {
		makefile, want string // of the error; empty: none
	}{
		{"VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 4\n", ""},
		{"VERSION = 8\nPATCHLEVEL = 0\n", ""},
		{"VERSION = 7\nPATCHLEVEL = 2\n", "needs 7.3"},
		{"VERSION = 6\nPATCHLEVEL = 18\n", "needs 7.3"},
		{"all:\n\techo\n", "names no kernel version"},
		{"VERSION = x\n", "no number"},
	} {
		if err := checkVersion(tt.makefile); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("checkVersion(%q) = %v; want %q", tt.makefile, err, tt.want)
		}
	}
}

func TestArchiveSource(t *testing.T) {
	name := write(t, "linux.tar", "hello\n")
	const sum = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
	if s, err := ArchiveSource(name, strings.ToUpper(sum)); err != nil || s.SHA256 != sum || s.Path != name {
		t.Errorf("ArchiveSource() = %+v, %v", s, err)
	}
	for _, tt := range []struct{ name, sum, want string }{
		{name, strings.Repeat("0", 64), "SHA-256 is " + sum},
		{name, "", "its SHA-256 is wanted"},
		{name + "x", sum, "no such file"},
	} {
		if _, err := ArchiveSource(tt.name, tt.sum); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ArchiveSource(%q, %q) = %v; want %q", tt.name, tt.sum, err, tt.want)
		}
	}
}

// fakeTools puts a directory before PATH where every tool is a shell script:
// make plays the kernel's make and builds nothing.
func fakeTools(t *testing.T, makeScript string) {
	t.Helper()
	for _, tool := range []string{"sh", "tar", "patch", "cat", "cp", "mkdir", "chmod"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is missing", tool)
		}
	}
	dir := t.TempDir()
	for _, tool := range tools {
		script := "echo " + tool.name + " 1.0\n"
		switch tool.name {
		case "make":
			script = makeScript
		case "tar", "patch":
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, tool.name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, cross+"ld"), []byte("#!/bin/sh\necho ld 1.0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// kernelMake answers allnoconfig with the fragment itself and Image with a file.
const kernelMake = `
for a; do case $a in O=*) out=${a#O=};; KCONFIG_ALLCONFIG=*) cp "${a#*=}" "$out/.config";; esac; done
[ -z "$MAKEFLAGS" ] || { echo "error: MAKEFLAGS came through"; exit 1; }
case $* in *Image)
	echo "  CC      init/main.o"; echo "  AS      lib/x.o"; echo "  LD      vmlinux"
	mkdir -p "$out/arch/riscv/boot" "$out/include/config"
	echo image > "$out/arch/riscv/boot/Image"; echo 7.3.4-test > "$out/include/config/kernel.release"
	mkdir -p "$out/scripts/dtc"
	echo '#!/bin/sh
		while [ "$1" != -o ]; do shift; done; cat > "$2"' > "$out/scripts/dtc/dtc"
	chmod +x "$out/scripts/dtc/dtc";;
esac`

// sourceArchive is a tar archive of a tree that has a kernel's Makefile.
func sourceArchive(t *testing.T) Source {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "linux-7.3"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "linux-7.3/Makefile"), []byte("VERSION = 7\nPATCHLEVEL = 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "linux.tar")
	if out, err := exec.Command("tar", "-C", dir, "-cf", name, "linux-7.3").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	out, err := exec.Command("sha256sum", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ArchiveSource(name, string(out[:64]))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBuild(t *testing.T) {
	t.Setenv("MAKEFLAGS", "-j99")
	fakeTools(t, kernelMake)
	fragment := write(t, "kernel.fragment", "CONFIG_A=y\n")
	done := 0
	o := Options{Source: sourceArchive(t), Fragments: []string{fragment}, DTS: []string{write(t, "duo.dts", "/dts-v1/;")}, CacheDir: t.TempDir(),
		Progress: func(n, about int) { done = n }}
	k, err := Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if k.Cached || k.Release != "7.3.4-test" || done != 2 || k.Compiler != cross+"gcc 1.0" {
		t.Errorf("Build() = %+v, %d objects", k, done)
	}
	if got, err := os.ReadFile(k.Image); err != nil || string(got) != "image\n" {
		t.Errorf("Image = %q, %v", got, err)
	}
	// What the preprocessor says is what dtc gets.
	if got, err := os.ReadFile(k.DTBs["duo"]); err != nil || string(got) != cross+"gcc 1.0\n" {
		t.Errorf("device tree = %q, %v", got, err)
	}
	again, err := Build(t.Context(), o)
	if err != nil || !again.Cached || again.Image != k.Image {
		t.Errorf("Build() again = %+v, %v; want the cached one", again, err)
	}
	if err := os.WriteFile(fragment, []byte("CONFIG_A=y\nCONFIG_B=y\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if other, err := Build(t.Context(), o); err != nil || other.Cached || other.Key == k.Key {
		t.Errorf("Build() with another fragment = %+v, %v; want a new one", other, err)
	}
}

// A patch makes another tree, and one that does not fit makes none.
func TestPatch(t *testing.T) {
	fakeTools(t, kernelMake)
	o := Options{Source: sourceArchive(t), Fragments: []string{write(t, "kernel.fragment", "CONFIG_A=y\n")}, CacheDir: t.TempDir()}
	plain, err := Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.Patches = []string{write(t, "new.patch", "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+hello\n")}
	patched, err := Build(t.Context(), o)
	if err != nil || patched.Cached || patched.Key == plain.Key {
		t.Fatalf("Build() with a patch = %+v, %v; want another kernel", patched, err)
	}
	found, err := filepath.Glob(filepath.Join(o.CacheDir, "linux/source-*/new"))
	if err != nil || len(found) != 1 {
		t.Errorf("the patch's file is in %v, %v; want one tree of the two", found, err)
	}
	o.Patches = []string{write(t, "unfit.patch", "--- a/Makefile\n+++ b/Makefile\n@@ -1 +1 @@\n-VERSION = 9\n+VERSION = 10\n")}
	if _, err := Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), "unfit.patch does not fit this kernel") || strings.Contains(err.Error(), "\n") {
		t.Errorf("Build() with a patch that does not fit = %v; want one line", err)
	}
	if left, _ := filepath.Glob(filepath.Join(o.CacheDir, "linux/.*")); len(left) != 0 {
		t.Errorf("Build() left %v behind", left)
	}
}

func TestBuildFails(t *testing.T) {
	for _, tt := range []struct{ name, cache, script, want string }{
		{"compiler error", "", kernelMake + "\ncase $* in *Image) echo 'a.c:1: error: no'; exit 2;; esac", "a.c:1: error: no"},
		{"lost symbol", "", kernelMake + "\ncase $* in *allnoconfig) echo 'CONFIG_B=y' > $out/.config;; esac", "did not keep CONFIG_A=y"},
		{"space in the cache's name", "a cache", kernelMake, "STORYTELLER_CACHE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fakeTools(t, tt.script)
			o := Options{Source: sourceArchive(t), Fragments: []string{write(t, "kernel.fragment", "CONFIG_A=y\n")}, CacheDir: filepath.Join(t.TempDir(), tt.cache)}
			_, err := Build(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Build() = %v; want one line with %q", err, tt.want)
			}
			if left, _ := filepath.Glob(filepath.Join(o.CacheDir, "linux/.*")); len(left) != 0 {
				t.Errorf("Build() left %v behind", left)
			}
		})
	}
}

func TestMissingTools(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Build(t.Context(), Options{})
	if err == nil || !strings.Contains(err.Error(), "apt-get install gcc-riscv64-linux-gnu make gcc libc6-dev patch bc bison flex") || strings.Contains(err.Error(), "\n") {
		t.Errorf("Build() without tools = %v", err)
	}
}
