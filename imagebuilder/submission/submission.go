// Package submission gathers what is handed in: the card's image compressed,
// with checksums, a block map, the manifest, a software bill of materials, the
// licences, the test procedures and results, in one folder and one archive.
//
// The same inputs and the same version of xz give the same bytes.
package submission

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/manifest"
	"duostoryteller/imagebuilder/rootfs"
	"duostoryteller/imagebuilder/spdx"
)

// Options are the inputs.
type Options struct {
	Image    string    // the card's image
	Manifest string    // its manifest.json
	Results  string    // a folder with test results; it need not exist
	Version  string    // names the release, e.g. of `git describe`
	Out      string    // the folder in which folder and archive are made
	Time     time.Time // of all files
	Released time.Time // the day that Imager shows
	Title    string    // of the board, for people
	Icon     []byte    // SVG, for Imager
	URL      string    // where the folder will be on the web; "" if only on this PC
	Progress func(what string, done, total int64)

	// Checkpoint is the SHA-256 of the checkpoint that the image must have been
	// made from; "" for any.
	Checkpoint string
}

// Result says what was made.
type Result struct {
	Folder, Archive string
	Image           int64 // bytes of the compressed image
	Bytes           int64 // of the archive
	Results         int   // files of test results
	Firmware        bool  // the card boots a board
}

// baseURL completes where the folder is on the web. Without one its files are named
// without a folder, as in "file:a": Imager wants their whole paths, which the readme
// has put in.
func baseURL(text string) (string, error) {
	if text == "" {
		return "file:", nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%s is no address of a folder on the web: it is written like https://example.org/storyteller/", text)
	}
	return strings.TrimSuffix(u.String(), "/") + "/", nil
}

// Name is the stem of all that belongs to a version.
func Name(version string) string { return "duo-storyteller-" + version }

// Write makes Out/NAME and Out/NAME.zip, replacing earlier ones. It fails,
// and leaves these as they were, if the image is not the manifest's.
func Write(ctx context.Context, o Options) (Result, error) {
	if o.Version == "" || strings.ContainsAny(o.Version, "/ \n") {
		return Result{}, fmt.Errorf("%q cannot be a version: it names a folder", o.Version)
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	text, err := os.ReadFile(o.Manifest)
	if err != nil {
		return Result{}, fmt.Errorf("no manifest (`imagebuilder build` makes it with the image): %w", err)
	}
	var m manifest.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return Result{}, fmt.Errorf("%s: %w", o.Manifest, err)
	}
	if c := checkpointOf(m); o.Checkpoint != "" && c.Hash != "sha256:"+o.Checkpoint {
		return Result{}, fmt.Errorf("%s was made from the checkpoint %s, not from the challenge's: build with that one, or say --any-model", o.Image, strings.TrimSuffix(c.Name+" ("+c.Note+")", " ()"))
	}
	if o.URL, err = baseURL(o.URL); err != nil {
		return Result{}, err
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return Result{}, err
	}
	tmp, err := os.MkdirTemp(o.Out, ".unfinished-")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(tmp)

	name := Name(o.Version)
	s := &submission{Options: o, ctx: ctx, manifest: m, dir: filepath.Join(tmp, name)}
	if err := s.gather(text); err != nil {
		return Result{}, err
	}
	archive := filepath.Join(tmp, name+".zip")
	if err := s.pack(archive); err != nil {
		return Result{}, err
	}
	r := s.result
	r.Folder, r.Archive = filepath.Join(o.Out, name), filepath.Join(o.Out, name+".zip")
	info, err := os.Stat(archive)
	if err != nil {
		return Result{}, err
	}
	r.Bytes = info.Size()
	if err := os.RemoveAll(r.Folder); err != nil {
		return Result{}, err
	}
	return r, errors.Join(os.Rename(s.dir, r.Folder), os.Rename(archive, r.Archive))
}

// submission is one while it is made.
type submission struct {
	Options
	ctx      context.Context
	manifest manifest.Manifest
	dir      string
	result   Result
}

//go:embed readme.md
var readme string

// gather makes the folder.
func (s *submission) gather(manifestText []byte) error {
	f, err := os.Open(s.Image)
	if err != nil {
		return fmt.Errorf("no card image (`imagebuilder build` makes one): %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	im, err := card.Open(f, info.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", s.Image, err)
	}
	image := path.Base(s.manifest.Image.File)
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		return err
	}
	sum, packedSum, err := s.compress(f, info.Size(), image+".xz")
	if err != nil {
		return err
	}
	if want := s.manifest.Image.SHA256; sum != want {
		return fmt.Errorf("%s is not the image of %s: SHA-256 %.12s…, not %.12s…: build again", s.Image, s.Manifest, sum, want)
	}
	bmap, err := blockMap(f, info.Size(), im.Used())
	if err != nil {
		return fmt.Errorf("%s: %w", s.Image, err)
	}
	bill, err := spdx.Bill(spdx.Subject{
		Name: Name(s.Version), Version: s.Version, Purpose: "OPERATING-SYSTEM", File: s.manifest.Image.File, SHA256: s.manifest.Image.SHA256,
		Comment: "built with " + strings.Join(s.manifest.BuiltWith, ", "), Hash: fmt.Sprintf("%x", sha256.Sum256(manifestText)), Created: s.Time,
	}, s.manifest.Components)
	if err != nil {
		return err
	}
	files, err := im.Files()
	if err != nil {
		return fmt.Errorf("%s: %w", s.Image, err)
	}
	s.result.Firmware = slices.ContainsFunc(files, func(f card.FileInfo) bool { return f.Name == "fip.bin" })
	if err := s.licences(im); err != nil {
		return fmt.Errorf("%s: licences: %w", s.Image, err)
	}
	if err := s.results(); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	list, err := s.imager(s.URL, packedSum)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := template.Must(template.New("readme").Parse(readme)).Execute(&page, s.page()); err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		image + ".bmap":   bmap,
		image + ".sha256": []byte(sum + "  " + image + "\n"),
		imagerFile:        list,
		iconFile:          s.Icon,
		"manifest.json":   manifestText,
		"sbom.spdx.json":  bill,
		"readme.md":       page.Bytes(),
	} {
		if err := s.put(name, data); err != nil {
			return err
		}
	}
	return s.sums()
}

// page is what the readme speaks of.
func (s *submission) page() any {
	return struct {
		Version, Image string
		Manifest       manifest.Manifest
		Checkpoint     manifest.Component
		MB             int64
		Firmware       bool
		Results        int
		Imager, URL    string
	}{s.Version, path.Base(s.manifest.Image.File), s.manifest, checkpointOf(s.manifest), s.manifest.Image.Size / 1e6, s.result.Firmware, s.result.Results, imagerFile, s.URL}
}

// checkpointOf returns the checkpoint among the parts of an image.
func checkpointOf(m manifest.Manifest) manifest.Component {
	for _, c := range m.Components {
		if c.Kind == "checkpoint" {
			return c
		}
	}
	return manifest.Component{}
}

// put writes a file of the folder.
func (s *submission) put(name string, data []byte) error {
	file := filepath.Join(s.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

// xzOptions make of the card's image what any program that writes cards unpacks.
// Most of the image is float32: lc, lp and pb tell the compressor that what a byte
// is like depends on its place in four, which makes it a tenth smaller. The
// dictionary spans the model, parts of which are in it twice. One thread, so that
// the number of processors cannot change the bytes.
var xzOptions = []string{"--compress", "--stdout", "--format=xz", "--check=crc64", "--threads=1", "--no-adjust", "--lzma2=preset=6,dict=96MiB,lc=2,lp=2,pb=2"}

// compress writes the image as an xz file and returns the SHA-256 of both.
func (s *submission) compress(image io.ReaderAt, size int64, name string) (sum, packedSum string, err error) {
	program, err := exec.LookPath("xz")
	if err != nil {
		return "", "", errors.New("the program xz is missing: apt-get install xz-utils")
	}
	out, err := os.Create(filepath.Join(s.dir, name))
	if err != nil {
		return "", "", err
	}
	defer out.Close()
	h, packed := sha256.New(), sha256.New()
	cmd := exec.CommandContext(s.ctx, program, xzOptions...)
	cmd.Env = append(os.Environ(), "XZ_DEFAULTS=", "XZ_OPT=") // the user's would change the bytes
	var complaint bytes.Buffer
	cmd.Stdin = &progressReader{io.TeeReader(io.NewSectionReader(image, 0, size), h), 0, func(done int64) { s.Progress("compressing", done, size) }}
	cmd.Stdout, cmd.Stderr = io.MultiWriter(out, packed), &complaint
	if err := cmd.Run(); err != nil {
		if s.ctx.Err() != nil {
			return "", "", s.ctx.Err()
		}
		return "", "", fmt.Errorf("%s cannot be compressed: %w: %s", s.Image, err, strings.TrimSpace(complaint.String()))
	}
	s.result.Image, err = out.Seek(0, io.SeekCurrent)
	return hex.EncodeToString(h.Sum(nil)), hex.EncodeToString(packed.Sum(nil)), errors.Join(err, out.Close())
}

// progressReader tells how much was read.
type progressReader struct {
	r    io.Reader
	done int64
	tell func(done int64)
}

func (p *progressReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.done += int64(n)
	p.tell(p.done)
	return n, err
}

// licences copies the licences that the card carries.
func (s *submission) licences(im *card.Image) error {
	part, err := im.Partition(2)
	if err != nil {
		return err
	}
	root, err := rootfs.Open(part)
	if err != nil {
		return err
	}
	for from, to := range map[string]string{"usr/share/licences": "licences", "usr/share/doc": "licences/debian"} {
		err := fs.WalkDir(root, from, func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && name == from {
				return fs.SkipDir
			}
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := fs.ReadFile(root, name)
			if err != nil {
				return err
			}
			return s.put(to+strings.TrimPrefix(name, from), data)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// results copies the folder of test results, if there is one.
func (s *submission) results() error {
	if s.Results == "" {
		return nil
	}
	return filepath.WalkDir(s.Results, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == s.Results {
			return filepath.SkipAll
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		under, err := filepath.Rel(s.Results, name)
		if err != nil {
			return err
		}
		s.result.Results++
		return s.put("results/"+filepath.ToSlash(under), data)
	})
}

// files lists the folder's files in order, by their names with slashes.
func (s *submission) files() (names []string, err error) {
	err = fs.WalkDir(os.DirFS(s.dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names = append(names, name)
		}
		return err
	})
	slices.Sort(names)
	return names, err
}

// sums writes SHA256SUMS, as sha256sum(1) checks them.
func (s *submission) sums() error {
	names, err := s.files()
	if err != nil {
		return err
	}
	var list strings.Builder
	for _, name := range names {
		f, err := os.Open(filepath.Join(s.dir, name))
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		fmt.Fprintf(&list, "%x  %s\n", h.Sum(nil), name)
	}
	return s.put("SHA256SUMS", []byte(list.String()))
}

// pack writes the folder as one archive, which any PC opens, and gives its files
// their time.
func (s *submission) pack(archive string) error {
	names, err := s.files()
	if err != nil {
		return err
	}
	out, err := os.Create(archive)
	if err != nil {
		return err
	}
	defer out.Close()
	z := zip.NewWriter(out)
	for i, name := range names {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		if err := s.packFile(z, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.Progress("packing", int64(i+1), int64(len(names)))
	}
	return errors.Join(z.Close(), out.Close())
}

func (s *submission) packFile(z *zip.Writer, name string) error {
	f, err := os.Open(filepath.Join(s.dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	header := &zip.FileHeader{Name: Name(s.Version) + "/" + name, Method: zip.Deflate, Modified: s.Time.UTC()}
	header.SetMode(0o644)
	if path.Ext(name) == ".xz" {
		header.Method = zip.Store // smaller it will not become
	}
	w, err := z.CreateHeader(header)
	if err == nil {
		_, err = io.Copy(w, f)
	}
	return errors.Join(err, os.Chtimes(f.Name(), s.Time, s.Time))
}
