package owner

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/sums"
	"duostoryteller/app/version"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/manifest"
	"duostoryteller/imagebuilder/rootfs"
)

const mib = 1 << 20

var built = time.Unix(1_700_000_000, 0).UTC()

const settings = "# how bold\n#temperature = 1.0\n\n#engine = \"exact\"\n#steps = 256\n"

// build writes a card as imagebuilder/build does, and its manifest.
func build(t *testing.T, dir string, files []card.File, parts manifest.Manifest) string {
	t.Helper()
	list(&parts, files, Changes{FIPVersion: "U-Boot 2021.10"})
	text, err := parts.Parts()
	if err != nil {
		t.Fatal(err)
	}
	tree := new(rootfs.Tree)
	if err := tree.Add(rootfs.MountPoints()...); err != nil {
		t.Fatal(err)
	}
	err = tree.Add(rootfs.Bytes("/bin/storyteller", 0o755, bytes.Repeat([]byte("program "), 9000)), rootfs.Symlink("/bin/ls", "sh"),
		rootfs.Bytes("/usr/share/storyteller/model.packed", 0o644, bytes.Repeat([]byte("weights "), 50_000)), rootfs.Bytes(version.Parts, 0o644, text))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := rootfs.Sums(tree)
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Add(sum); err != nil {
		t.Fatal(err)
	}
	root, err := os.Create(filepath.Join(t.TempDir(), "root"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := tree.Write(root, built, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	info, err := root.Stat()
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(dir, "card.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	signature, err := card.Write(out, card.Spec{
		Layout: card.Layout{BootStart: mib, BootSize: 40 * mib, RootStart: 42 * mib, RootSize: 2 * mib},
		Label:  "STORYTELLER", Files: files, Root: root, RootSize: info.Size(), Time: built,
	})
	if err != nil {
		t.Fatal(err)
	}
	if parts.Image, err = describe(out, signature, text); err != nil {
		t.Fatal(err)
	}
	text, err = parts.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return out.Name()
}

func original() ([]card.File, manifest.Manifest) {
	files := []card.File{
		{Name: "boot.sd", Data: bytes.Repeat([]byte("kernel "), 5000)},
		{Name: settingsFile, Data: []byte(settings)},
		{Name: wordsFile, Data: []byte("thing: dragon\n")},
		{Name: "START-HERE.html", Data: []byte("<p>here")},
	}
	return files, manifest.Manifest{Version: "0.9.0", Board: "milkv-duo", BuiltWith: []string{"go1.26.8"}, Components: []manifest.Component{
		{Name: "linux", Kind: "kernel", Licence: "GPL-2.0-only", Hash: "sha256:00"},
	}}
}

// fitted fits the image at path and returns what was written, with its manifest.
func fitted(t *testing.T, path string, c Changes) (name string, text []byte) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "card.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	m, err := Image(f, info.Size(), c, out, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if text, err = m.JSON(); err != nil {
		t.Fatal(err)
	}
	return out.Name(), text
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Fitting makes the card, and the manifest, that a build with the same files makes.
func TestAsBuilt(t *testing.T) {
	files, parts := original()
	plain := build(t, t.TempDir(), files, parts)
	c := Changes{FIP: bytes.Repeat([]byte("firmware "), 3000), FIPVersion: "U-Boot 2021.10", Words: []byte("thing: boat train\nboy: Jack\n"),
		Settings: []Setting{{"engine", "fast"}, {"temperature", "0.5"}, {"prompt", `The "old" boat`}}, Keys: []byte("ssh-ed25519 AAAA me\n")}

	files = append([]card.File{{Name: firmwareFile, Data: c.FIP}}, files...)
	files[2].Data = []byte("# how bold\ntemperature = 0.5\n\nengine = \"fast\"\n#steps = 256\nprompt = \"The \\\"old\\\" boat\"\n")
	files[3].Data = c.Words
	files = append(files, card.File{Name: keysFile, Data: c.Keys})
	dir := t.TempDir()
	want := build(t, dir, files, parts)

	got, text := fitted(t, plain, c)
	if !bytes.Equal(read(t, got), read(t, want)) {
		t.Error("the fitted card is not the one that is built with the same files")
	}
	if w := read(t, filepath.Join(dir, "manifest.json")); !bytes.Equal(text, w) {
		t.Errorf("its manifest is\n%s\nwant\n%s", text, w)
	}
	again, text2 := fitted(t, got, c)
	if !bytes.Equal(read(t, again), read(t, want)) || !bytes.Equal(text, text2) {
		t.Error("fitting a second time changes the card or its manifest")
	}
	check(t, got)
}

// check holds the lists on a card against the card.
func check(t *testing.T, name string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	im, err := card.Open(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	p, err := im.Partition(2)
	if err != nil {
		t.Fatal(err)
	}
	root, err := rootfs.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	if faults := sums.Damaged(root, func(string) bool { return true }); len(faults) > 0 {
		t.Errorf("the board would say %v", faults)
	}
	r, err := root.Open(version.Parts[1:])
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var m manifest.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, c := range m.Components {
		kinds = append(kinds, c.Kind+" "+c.Name)
	}
	want := []string{"file in the FAT partition START-HERE.html", "file in the FAT partition authorized_keys", "file in the FAT partition boot.sd",
		"file in the FAT partition storyteller.toml", "file in the FAT partition words.txt", "firmware fip.bin", "kernel linux"}
	if !slices.Equal(kinds, want) {
		t.Errorf("the list of parts has %q; want %q", kinds, want)
	}
}

// Nothing asked for changes nothing.
func TestUnchanged(t *testing.T) {
	files, parts := original()
	dir := t.TempDir()
	plain := build(t, dir, files, parts)
	got, text := fitted(t, plain, Changes{})
	if !bytes.Equal(read(t, got), read(t, plain)) || !bytes.Equal(text, read(t, filepath.Join(dir, "manifest.json"))) {
		t.Error("the card or its manifest is another")
	}
}

// What is damaged, or not ours, is not made to look right.
func TestRefuses(t *testing.T) {
	files, parts := original()
	plain := build(t, t.TempDir(), files, parts)
	good := read(t, plain)
	at := bytes.LastIndex(good, []byte("weights weights"))
	damaged := slices.Clone(good)
	damaged[at] ^= 1
	foreign := slices.Clone(good)
	clear(foreign[42*mib:])
	for name, tt := range map[string]struct {
		image []byte
		c     Changes
		want  string
	}{
		"damaged":       {damaged, Changes{}, "damaged"},
		"another root":  {foreign, Changes{}, "none of this project's"},
		"no card":       {make([]byte, 4096), Changes{}, "boot record"},
		"truncated":     {good[:41*mib], Changes{}, "truncated"},
		"bad setting":   {good, Changes{Settings: []Setting{{"engine", "steam"}}}, "engine=steam"},
		"too large":     {good, Changes{FIP: make([]byte, 60*mib)}, "FAT partition"},
		"other setting": {good, Changes{Settings: []Setting{{"colour", "red"}}}, "colour"},
	} {
		out, err := os.Create(filepath.Join(t.TempDir(), "out.img"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Image(bytes.NewReader(tt.image), int64(len(tt.image)), tt.c, out, t.TempDir())
		out.Close()
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want one line with %q", name, err, tt.want)
		}
	}
}

func TestSet(t *testing.T) {
	for _, tt := range []struct {
		file, setting, want string
	}{
		{settings, "engine=fast", strings.Replace(settings, `#engine = "exact"`, `engine = "fast"`, 1)},
		{settings, `engine="fast"`, strings.Replace(settings, `#engine = "exact"`, `engine = "fast"`, 1)},
		{"engine = \"fast\"\r\n#engine = \"exact\"\r\n", "engine=plain", "engine = \"plain\"\n#engine = \"exact\"\n"},
		{"", "steps = 20", "steps = 20\n"},
		{"seed = 1", "steps=20", "seed = 1\nsteps = 20\n"},
		{settings, "prompt=A boat = a ship", settings + "prompt = \"A boat = a ship\"\n"},
		{"# keep: prompt = x\nsteps = oops\n", "seed=7", "# keep: prompt = x\nsteps = oops\nseed = 7\n"},
	} {
		s, err := ParseSetting(tt.setting)
		if err != nil {
			t.Errorf("%s: %v", tt.setting, err)
			continue
		}
		got, err := Set([]byte(tt.file), []Setting{s})
		if string(got) != tt.want || err != nil {
			t.Errorf("%s of %q = %q, %v; want %q", tt.setting, tt.file, got, err, tt.want)
		}
	}
	for _, bad := range []string{"engine", "=fast", "a b=1", "[x]=1", ""} {
		if s, err := ParseSetting(bad); err == nil {
			t.Errorf("%q = %v; want it refused", bad, s)
		}
	}
}
