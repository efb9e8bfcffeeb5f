package submission

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/manifest"
	"duostoryteller/imagebuilder/rootfs"
	"duostoryteller/imagebuilder/spdx"

	"github.com/ulikunitz/xz"
)

const mib = 1 << 20

func noise(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// built is what a build leaves: a small card with its manifest.
func built(t *testing.T, files ...card.File) Options {
	t.Helper()
	dir, at := t.TempDir(), time.Unix(1_700_000_000, 0)
	tree := new(rootfs.Tree)
	check(t, tree.Add(
		rootfs.Bytes("/usr/share/licences/example.org/mod/LICENCE", 0o644, []byte("do what you like")),
		rootfs.Bytes("/usr/share/doc/libthing/copyright", 0o644, []byte("© thing")),
		rootfs.Bytes("/usr/share/storyteller/model.bin", 0o644, noise(mib)),
	))
	root, err := os.Create(filepath.Join(dir, "root"))
	check(t, err)
	defer root.Close()
	check(t, tree.Write(root, at, dir))
	info, err := root.Stat()
	check(t, err)
	image, err := os.Create(filepath.Join(dir, "storyteller.img"))
	check(t, err)
	defer image.Close()
	_, err = card.Write(image, card.Spec{
		Layout: card.Layout{BootStart: mib, BootSize: 34 * mib, RootStart: 35 * mib, RootSize: 4 * mib}, Label: "STORY",
		Files: append(files, card.File{Name: "boot.sd", Data: noise(100_000)}), Root: root, RootSize: info.Size(), Time: at,
	})
	check(t, err)
	data, err := os.ReadFile(image.Name())
	check(t, err)
	sum := sha256.Sum256(data)
	m := manifest.Manifest{
		Image: manifest.Image{File: "storyteller.img", Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])},
		Board: "test", BuiltWith: []string{"gcc 1", "go1"},
		Components: []manifest.Component{
			{Name: "example.org/Mod", Kind: "go module", Version: "v1.0.0+incompatible", Source: "example.org/Mod", Hash: "h1:abc=", Licence: "MIT AND LGPL"},
			{Name: "go", Kind: "go module", Version: "go1.26.8", Source: "https://go.dev", Licence: "BSD-3-Clause"},
			{Name: "libthing", Kind: "Debian package", Version: "1:2+b1", Source: "thing", Hash: "sha256:" + strings.Repeat("ab", 32), Licence: "LicenseRef-Debian-copyright", Note: "riscv64; more"},
			{Name: "linux", Kind: "kernel", Version: "7", Licence: "GPL-2.0-only WITH Linux-syscall-note"},
			{Name: "a.bin", Kind: "checkpoint", Licence: "NOASSERTION", Note: "a stand-in", Hash: "sha256:" + strings.Repeat("0", 64)},
			{Name: "fip.bin", Kind: "firmware", Licence: "(LicenseRef-vendor's OR MIT)"},
		},
	}
	text, err := m.JSON()
	check(t, err)
	o := Options{Image: image.Name(), Manifest: filepath.Join(dir, "manifest.json"), Results: filepath.Join(dir, "results"),
		Version: "v1.0-3-gabc", Out: filepath.Join(dir, "out"), Time: at}
	check(t, os.WriteFile(o.Manifest, text, 0o644))
	return o
}

func sumOf(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

func read(t *testing.T, elem ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elem...))
	check(t, err)
	return data
}

// unpack unpacks with another program than the one that packed.
func unpack(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := xz.NewReader(bytes.NewReader(data))
	check(t, err)
	plain, err := io.ReadAll(z)
	check(t, err)
	return plain
}

// TestCheckpoint hands in no other model than the one that is asked for.
func TestCheckpoint(t *testing.T) {
	o := built(t)
	o.Checkpoint = strings.Repeat("1", 64)
	if _, err := Write(t.Context(), o); err == nil || !strings.Contains(err.Error(), "a.bin (a stand-in)") || strings.Contains(err.Error(), "\n") {
		t.Errorf("Write of another checkpoint = %v; want one line that names it", err)
	}
	o.Checkpoint = strings.Repeat("0", 64)
	if _, err := Write(t.Context(), o); err != nil {
		t.Error(err)
	}
}

func TestWrite(t *testing.T) {
	o := built(t)
	check(t, os.MkdirAll(filepath.Join(o.Results, "plots"), 0o755))
	check(t, os.WriteFile(filepath.Join(o.Results, "plots", "a.svg"), []byte("<svg/>"), 0o600))
	check(t, os.MkdirAll(filepath.Join(o.Out, Name(o.Version)), 0o755)) // an earlier one
	check(t, os.WriteFile(filepath.Join(o.Out, Name(o.Version), "stale"), nil, 0o644))
	r, err := Write(t.Context(), o)
	check(t, err)
	want := []string{
		"SHA256SUMS", "icon.svg", "licences/debian/libthing/copyright", "licences/example.org/mod/LICENCE", "manifest.json", "readme.md",
		"results/plots/a.svg", "sbom.spdx.json", "storyteller.img.bmap", "storyteller.img.sha256", "storyteller.img.xz", "storyteller.rpi-imager-manifest",
	}
	var got []string
	archive, err := zip.OpenReader(r.Archive)
	check(t, err)
	defer archive.Close()
	for _, f := range archive.File {
		name, ok := strings.CutPrefix(f.Name, "duo-storyteller-v1.0-3-gabc/")
		if !ok || f.Mode() != 0o644 || !f.Modified.Equal(o.Time) {
			t.Errorf("archive has %+v", f.FileHeader)
		}
		got = append(got, name)
		content, err := f.Open()
		check(t, err)
		data, err := io.ReadAll(content)
		check(t, errors.Join(err, content.Close()))
		if !bytes.Equal(data, read(t, r.Folder, name)) {
			t.Errorf("%s: archive and folder differ", name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("archive = %q; want %q", got, want)
	}
	image := read(t, o.Image)
	if !bytes.Equal(unpack(t, read(t, r.Folder, "storyteller.img.xz")), image) {
		t.Error("the compressed image unpacks to another one")
	}
	sums := 0
	for line := range strings.Lines(string(read(t, r.Folder, "SHA256SUMS"))) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if got := fmt.Sprintf("%x", sha256.Sum256(read(t, r.Folder, name))); got != sum {
			t.Errorf("SHA256SUMS: %s = %s; want %s", name, sum, got)
		}
		sums++
	}
	if sums != len(want)-1 {
		t.Errorf("SHA256SUMS has %d files; want all %d others", sums, len(want)-1)
	}
	text := string(read(t, r.Folder, "readme.md"))
	for _, phrase := range []string{"no `fip.bin`", "`results/`", "a.bin (a stand-in)", "gcc 1, go1", "`suites --short`", "macOS", "Windows"} {
		if !strings.Contains(text, phrase) {
			t.Errorf("readme.md lacks %q", phrase)
		}
	}
	if r.Firmware || r.Results != 1 {
		t.Errorf("Write() = %+v; want no firmware and 1 result", r)
	}
	left, err := os.ReadDir(o.Out)
	check(t, err)
	if len(left) != 2 {
		t.Errorf("%v in the output folder; want the folder and the archive", left)
	}
}

func TestFirmware(t *testing.T) {
	r, err := Write(t.Context(), built(t, card.File{Name: "fip.bin", Data: noise(1000)}))
	check(t, err)
	if text := string(read(t, r.Folder, "readme.md")); !r.Firmware || strings.Contains(text, "no `fip.bin`") || strings.Contains(text, "`results/`") {
		t.Errorf("Write() = %+v, readme:\n%s\nwant firmware, and results not mentioned", r, text)
	}
}

func TestReproducible(t *testing.T) {
	a, b := built(t), built(t)
	first, err := Write(t.Context(), a)
	check(t, err)
	second, err := Write(t.Context(), b)
	check(t, err)
	if !bytes.Equal(read(t, first.Archive), read(t, second.Archive)) {
		t.Error("two archives of the same image differ")
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		spoil      func(*testing.T, *Options)
	}{
		{"other image", "build again", func(_ *testing.T, o *Options) {
			data, _ := os.ReadFile(o.Image)
			data[2*mib] ^= 1
			os.WriteFile(o.Image, data, 0o644)
		}},
		{"no image", "imagebuilder build", func(_ *testing.T, o *Options) { os.Remove(o.Image) }},
		{"no manifest", "imagebuilder build", func(_ *testing.T, o *Options) { os.Remove(o.Manifest) }},
		{"broken manifest", "manifest.json", func(_ *testing.T, o *Options) { os.WriteFile(o.Manifest, []byte("{"), 0o644) }},
		{"no card", "not a card image", func(_ *testing.T, o *Options) { os.WriteFile(o.Image, noise(mib), 0o644) }},
		{"no xz", "apt-get install xz-utils", func(t *testing.T, _ *Options) { t.Setenv("PATH", t.TempDir()) }},
		{"address", "no address of a folder", func(_ *testing.T, o *Options) { o.URL = "example.org" }},
		{"version", "cannot be a version", func(_ *testing.T, o *Options) { o.Version = "../x" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := built(t)
			tt.spoil(t, &o)
			_, err := Write(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Write() = %v; want one line with %q", err, tt.want)
			}
			if left, _ := os.ReadDir(o.Out); len(left) > 0 {
				t.Errorf("it left %v", left)
			}
		})
	}
	o := built(t)
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(string, int64, int64) { cancel() }
	if _, err := Write(ctx, o); err == nil {
		t.Error("an interrupted Write() = nil; want an error")
	}
	if left, _ := os.ReadDir(o.Out); len(left) > 0 {
		t.Errorf("interrupted, it left %v", left)
	}
}

// TestBlockMap makes the card again from the blocks that the map names.
func TestBlockMap(t *testing.T) {
	o := built(t)
	r, err := Write(t.Context(), o)
	check(t, err)
	text, image := read(t, r.Folder, "storyteller.img.bmap"), read(t, o.Image)
	var m struct {
		ImageSize, BlockSize, BlocksCount, MappedBlocksCount int64
		BmapFileChecksum                                     string
		Ranges                                               []struct {
			Sum   string `xml:"chksum,attr"`
			Where string `xml:",chardata"`
		} `xml:"BlockMap>Range"`
	}
	numbers := regexp.MustCompile(`> (\S+) <`).ReplaceAll(text, []byte(">$1<"))
	check(t, xml.Unmarshal(numbers, &m))
	if m.ImageSize != int64(len(image)) || m.BlocksCount*m.BlockSize < m.ImageSize {
		t.Errorf("block map = %+v; want an image of %d bytes", m, len(image))
	}
	var mapped int64
	for _, e := range m.Ranges {
		var first, last int64
		if n, _ := fmt.Sscanf(e.Where, "%d-%d", &first, &last); n == 1 {
			last = first
		}
		mapped += last - first + 1
		stretch := image[first*m.BlockSize : min((last+1)*m.BlockSize, m.ImageSize)]
		if got := fmt.Sprintf("%x", sha256.Sum256(stretch)); got != e.Sum {
			t.Errorf("blocks %s: checksum %s; want %s", e.Where, e.Sum, got)
		}
	}
	if mapped != m.MappedBlocksCount || mapped == 0 || mapped > m.BlocksCount/2 {
		t.Errorf("%d blocks in ranges, %d stated, of %d", mapped, m.MappedBlocksCount, m.BlocksCount)
	}
	zeros := bytes.Replace(text, []byte(m.BmapFileChecksum), bytes.Repeat([]byte("0"), 64), 1)
	if got := fmt.Sprintf("%x", sha256.Sum256(zeros)); got != m.BmapFileChecksum {
		t.Errorf("the map's own checksum = %s; want %s", m.BmapFileChecksum, got)
	}
}

// TestBill checks what SPDX 2.3 demands of a document.
func TestBill(t *testing.T) {
	o := built(t)
	r, err := Write(t.Context(), o)
	check(t, err)
	var d spdx.Document
	check(t, json.Unmarshal(read(t, r.Folder, "sbom.spdx.json"), &d))
	if d.SPDXVersion != "SPDX-2.3" || d.DataLicense != "CC0-1.0" || d.CreationInfo.Created != "2023-11-14T22:13:20Z" || !strings.HasPrefix(d.DocumentNamespace, "https://") {
		t.Errorf("document = %+v", d)
	}
	ids := map[string]bool{"SPDXRef-DOCUMENT": true}
	contained := map[string]int{}
	for _, rel := range d.Relationships {
		contained[rel.Related]++
	}
	extracted := map[string]bool{}
	for _, e := range d.Extracted {
		extracted[e.ID] = true
	}
	declared := map[string]string{}
	urls := map[string]string{}
	for _, p := range d.Packages {
		if !regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`).MatchString(p.SPDXID) || ids[p.SPDXID] || contained[p.SPDXID] != 1 {
			t.Errorf("package %s: SPDXID %s is malformed, not unique or not in one relationship", p.Name, p.SPDXID)
		}
		ids[p.SPDXID] = true
		if p.Name == "" || p.DownloadLocation == "" || p.LicenceConcluded == "" || p.LicenceDeclared == "" || p.Copyright == "" || p.FilesAnalyzed {
			t.Errorf("package %+v lacks a field", p)
		}
		for _, ref := range regexp.MustCompile(`LicenseRef-[^\s()]+`).FindAllString(p.LicenceDeclared, -1) {
			if !extracted[ref] {
				t.Errorf("package %s: %s is explained nowhere", p.Name, ref)
			}
		}
		declared[p.Name] = p.LicenceDeclared
		for _, e := range p.Refs {
			urls[p.Name] = e.Locator
		}
	}
	for name, want := range map[string]string{
		"example.org/Mod": "MIT AND LicenseRef-LGPL", "linux": "GPL-2.0-only WITH Linux-syscall-note",
		"fip.bin": "(LicenseRef-vendor-s OR MIT)", "a.bin": "NOASSERTION",
	} {
		if declared[name] != want {
			t.Errorf("licence of %s = %q; want %q", name, declared[name], want)
		}
	}
	for name, want := range map[string]string{
		"example.org/Mod": "pkg:golang/example.org/mod@v1.0.0%2Bincompatible", "go": "pkg:golang/stdlib@1.26.8", "libthing": "pkg:deb/debian/libthing@1:2%2Bb1?arch=riscv64",
	} {
		if urls[name] != want {
			t.Errorf("package URL of %s = %q; want %q", name, urls[name], want)
		}
	}
}
