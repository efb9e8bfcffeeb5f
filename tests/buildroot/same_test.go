package buildroot

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duostoryteller/imagebuilder/cachedir"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/fit"
	"duostoryteller/imagebuilder/manifest"
	"duostoryteller/imagebuilder/rootfs"
)

// things are what one route's card has: what it is -> what it is like.
type things map[string]string

// An allowance is a difference that may be between the cards.
type allowance struct{ pattern, reason string }

// allowances reads the list of them: a line has a pattern as path.Match takes it
// and a reason, with a tab between. Other lines are comments and headings.
func allowances(text string) (all []allowance, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		pattern, reason, _ := strings.Cut(line, "\t")
		reason = strings.TrimSpace(reason)
		if _, err := path.Match(pattern, ""); err != nil || reason == "" {
			return nil, fmt.Errorf("%q is no pattern with a reason after a tab", line)
		}
		all = append(all, allowance{pattern, reason})
	}
	return all, nil
}

// compare returns what is not the same, without what is allowed, and the
// allowances that nothing needed.
func compare(image, buildroot things, allowed []allowance) (differences, idle []string) {
	used := make([]bool, len(allowed))
	both := maps.Clone(image)
	maps.Copy(both, buildroot)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		a, inImage := image[name]
		b, inBuildroot := buildroot[name]
		if a == b && inImage == inBuildroot {
			continue
		}
		fits := slices.IndexFunc(allowed, func(w allowance) bool {
			ok, _ := path.Match(w.pattern, name)
			return ok
		})
		switch {
		case fits >= 0:
			used[fits] = true
		case !inImage:
			differences = append(differences, fmt.Sprintf("only Buildroot's card has %s: %s", name, b))
		case !inBuildroot:
			differences = append(differences, fmt.Sprintf("Buildroot's card lacks %s: %s", name, a))
		default:
			differences = append(differences, fmt.Sprintf("%s is %s, with Buildroot %s", name, a, b))
		}
	}
	for i, w := range allowed {
		if !used[i] {
			idle = append(idle, w.pattern)
		}
	}
	return differences, idle
}

// components lists a manifest. Hashes are told of data only: two compilers make
// two programs.
func components(text []byte) (things, error) {
	var m manifest.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	all := things{"board": m.Board, "version": m.Version}
	for _, c := range m.Components {
		is := []string{c.Licence}
		if c.Version != "" {
			is = append(is, "version "+c.Version)
		}
		switch c.Kind {
		case "go module", "checkpoint", "tokenizer", "packed checkpoint", "firmware":
			is = append(is, c.Hash)
		}
		all["component/"+c.Kind+"/"+strings.ReplaceAll(c.Name, "/", ":")] = strings.Join(is, ", ")
	}
	return all, nil
}

// program describes a file's machine code; "" for one that has none.
func program(data []byte) string {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return ""
	}
	defer f.Close()
	how := "static"
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			how = "dynamic"
		}
	}
	return fmt.Sprintf("%s program for %v", how, f.Machine)
}

func describe(data []byte) string {
	if what := program(data); what != "" {
		return what
	}
	return fmt.Sprintf("%d bytes, %.8x", len(data), sha256.Sum256(data))
}

// files lists a root file system.
func files(root fs.FS) (things, error) {
	all := things{}
	err := fs.WalkDir(root, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		switch {
		case e.IsDir():
			all["file/"+name] = "folder"
		case e.Type()&fs.ModeSymlink != 0:
			to, err := fs.ReadLink(root, name)
			if err != nil {
				return err
			}
			all["file/"+name] = "link to " + to
		default:
			data, err := fs.ReadFile(root, name)
			if err != nil {
				return err
			}
			all["file/"+name] = describe(data)
		}
		return nil
	})
	return all, err
}

// options lists what is on in a kernel's configuration. An option that is off is
// in the file or not, as what it depends on is there or not.
func options(text []byte) things {
	all := things{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && line[0] != '#' && value != "n" {
			all["option/"+name] = value
		}
	}
	return all
}

// readCard reads the card in a folder, with the configuration of its kernel, which
// is beside that kernel's Image or two folders above, below one of the patterns.
func readCard(dir string, kernels ...string) (things, error) {
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return nil, err
	}
	all, err := components(text)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(dir, "storyteller.img"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	im, err := card.Open(f, info.Size())
	if err != nil {
		return nil, err
	}
	_, boot, err := im.Contents()
	if err != nil {
		return nil, err
	}
	for _, file := range boot {
		if file.Name != "boot.sd" {
			all["boot/"+file.Name] = describe(file.Data)
			continue
		}
		tree, err := fit.Read(file.Data)
		if err != nil {
			return nil, err
		}
		for _, c := range tree.Configurations {
			all["configuration/"+c.Name] = fmt.Sprintf("%s %s %s", c.Kernel, c.DeviceTree, c.Ramdisk)
		}
		for _, part := range tree.Images {
			data, err := part.Unpack()
			if err != nil {
				return nil, err
			}
			if part.Type == "flat_dt" {
				all["image/"+part.Name] = describe(data)
				continue
			}
			all["image/"+part.Name] = fmt.Sprintf("%s at %#x", part.Type, part.Load)
			if part.Type != "kernel" { // the first root's init is a program
				continue
			}
			text, err := configOf(data, kernels)
			if err != nil {
				return nil, err
			}
			maps.Copy(all, options(text))
		}
	}
	part, err := im.Partition(2)
	if err != nil {
		return nil, err
	}
	root, err := rootfs.Open(part)
	if err != nil {
		return nil, err
	}
	inRoot, err := files(root)
	maps.Copy(all, inRoot)
	return all, err
}

// configOf finds the configuration beside the file that is this kernel.
func configOf(kernel []byte, patterns []string) ([]byte, error) {
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			image, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			if !bytes.Equal(image, kernel) {
				continue
			}
			for _, config := range []string{"config", "../../../.config"} {
				if text, err := os.ReadFile(filepath.Join(filepath.Dir(name), config)); err == nil {
					return text, nil
				}
			}
		}
	}
	return nil, fmt.Errorf("the card's kernel is none of %q with a configuration beside it", patterns)
}

// TestSameCard compares the cards of the two routes. CARDS has the folder that
// make image wrote to, and Buildroot's output folder.
func TestSameCard(t *testing.T) {
	dirs := strings.Fields(os.Getenv("CARDS"))
	if len(dirs) == 0 {
		t.Skip("no two cards to compare: CARDS='out BUILDROOT/output' names them")
	}
	if len(dirs) != 2 {
		t.Fatalf("CARDS=%q names %d folders, not make image's and Buildroot's", os.Getenv("CARDS"), len(dirs))
	}
	cache, err := cachedir.Dir()
	if err != nil {
		t.Fatal(err)
	}
	image, err := readCard(dirs[0], filepath.Join(cache, "linux", "*", "Image"))
	if err != nil {
		t.Fatal(err)
	}
	buildroot, err := readCard(filepath.Join(dirs[1], "images"), filepath.Join(dirs[1], "build", "linux-*", "arch", "riscv", "boot", "Image"))
	if err != nil {
		t.Fatal(err)
	}
	allowed, err := allowances(read(t, "differences.txt"))
	if err != nil {
		t.Fatal(err)
	}
	differences, idle := compare(image, buildroot, allowed)
	for _, d := range differences {
		t.Error(d)
	}
	for _, pattern := range idle {
		t.Errorf("differences.txt allows %s, in which the cards are the same", pattern)
	}
	t.Logf("%d things compared", len(image))
}

func TestCompare(t *testing.T) {
	allowed, err := allowances(read(t, "differences.txt"))
	if err != nil {
		t.Error(err)
	}
	if len(allowed) > 30 {
		t.Errorf("differences.txt has %d lines; want it short", len(allowed))
	}
	for _, bad := range []string{"component/x", "component/x\t ", "component/[\treason"} {
		if _, err := allowances(bad); err == nil {
			t.Errorf("allowances(%q) did not fail", bad)
		}
	}

	manifestText := func(change func(*manifest.Manifest)) []byte {
		t.Helper()
		m := manifest.Manifest{Version: "0.9.0", Board: "milkv-duo", Components: []manifest.Component{
			{Name: "/sbin/init", Kind: "program", Hash: "sha256:1", Licence: "Apache-2.0"},
			{Name: "tokenizer.bin", Kind: "tokenizer", Hash: "sha256:2", Licence: "MIT"},
			{Name: "voice-kal16", Kind: "voice", Licence: "MIT-CMU"},
		}}
		if change != nil {
			change(&m)
		}
		text, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, tt := range []struct {
		name   string
		change func(*manifest.Manifest)
		want   string // of the one difference; "" for none
	}{
		{"same", nil, ""},
		{"a program's hash", func(m *manifest.Manifest) { m.Components[0].Hash = "sha256:3" }, ""},
		{"a tokenizer's hash", func(m *manifest.Manifest) { m.Components[1].Hash = "sha256:3" }, "component/tokenizer/tokenizer.bin is MIT, sha256:2, with Buildroot MIT, sha256:3"},
		{"a licence", func(m *manifest.Manifest) { m.Components[2].Licence = "GPL-3.0-or-later" }, "component/voice/voice-kal16 is MIT-CMU, with Buildroot GPL-3.0-or-later"},
		{"a version", func(m *manifest.Manifest) { m.Components[0].Version = "2" }, "component/program/:sbin:init is Apache-2.0, with Buildroot Apache-2.0, version 2"},
		{"no voice", func(m *manifest.Manifest) { m.Components = m.Components[:2] }, "Buildroot's card lacks component/voice/voice-kal16: MIT-CMU"},
		{"one more", func(m *manifest.Manifest) {
			m.Components = append(m.Components, manifest.Component{Name: "x", Kind: "voice", Licence: "MIT"})
		}, "only Buildroot's card has component/voice/x: MIT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := components(manifestText(nil))
			if err != nil {
				t.Fatal(err)
			}
			b, err := components(manifestText(tt.change))
			if err != nil {
				t.Fatal(err)
			}
			got, _ := compare(a, b, nil)
			if tt.want == "" && got != nil || tt.want != "" && !slices.Equal(got, []string{tt.want}) {
				t.Errorf("compare() = %q; want %q", got, tt.want)
			}
			got, idle := compare(a, b, []allowance{{"component/*/*", "a test"}, {"option/*", "a test"}})
			if got != nil || !slices.Contains(idle, "option/*") || (tt.want == "") != slices.Contains(idle, "component/*/*") {
				t.Errorf("compare() with allowances = %q, %q", got, idle)
			}
		})
	}

	a, b := options([]byte("CONFIG_A=y\n# CONFIG_B is not set\n# a comment\n\nCONFIG_C=\"x=y\"\n")), options([]byte("CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=\"x=z\"\n"))
	want := []string{"only Buildroot's card has option/CONFIG_B: y", `option/CONFIG_C is "x=y", with Buildroot "x=z"`}
	if got, _ := compare(a, b, nil); !slices.Equal(got, want) {
		t.Errorf("compare() of configurations = %q; want %q", got, want)
	}
}

// TestReadCard: a card is read with everything that is compared.
func TestReadCard(t *testing.T) {
	out := output(t)
	if stderr, err := postImage(t, out); err != nil {
		t.Fatalf("post-image.sh: %v: %s", err, stderr)
	}
	kernel := filepath.Join(out, "build", "linux-7.3.4", "arch", "riscv", "boot", "Image")
	put(t, []byte(read(t, out, "images", "Image")), 0o644, kernel)
	got, err := readCard(filepath.Join(out, "images"), filepath.Join(out, "build", "linux-*", "arch", "riscv", "boot", "Image"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"board":                       "milkv-duo",
		"component/voice/voice-kal16": "MIT-CMU",
		"component/voice/recogniser":  "BSD-2-Clause",
		"file/bin/storyteller":        "static program for EM_RISCV",
		"file/etc/mtab":               "link to ../proc/self/mounts",
		"file/proc":                   "folder",
		"option/CONFIG_EPOLL":         "y",
		"option/CONFIG_AIO":           "",
	} {
		if got[name] != want {
			t.Errorf("%s = %q; want %q", name, got[name], want)
		}
	}
	for _, name := range []string{"boot/storyteller.toml", "configuration/config-qemu"} {
		if got[name] == "" {
			t.Errorf("the card lacks %s", name)
		}
	}
	trees := 0
	for name, is := range got {
		if strings.HasPrefix(name, "image/") && strings.Contains(is, " bytes, ") {
			trees++
		}
	}
	if trees != 4 {
		t.Errorf("the card has %d device trees; want 4", trees)
	}
	put(t, []byte("another"), 0o644, kernel)
	if _, err := readCard(filepath.Join(out, "images"), kernel); err == nil {
		t.Error("a kernel whose configuration is not known passed")
	}
}
