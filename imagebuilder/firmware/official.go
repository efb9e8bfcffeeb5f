package firmware

import (
	"archive/zip"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"duostoryteller/app/wholefile"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/fetch"
	"duostoryteller/imagebuilder/flock"

	"github.com/BurntSushi/toml"
)

// OfficialFile is the table of official images in a board's folder.
const OfficialFile = "firmware.toml"

// Official is the vendor's images of a board.
type Official struct {
	Default string    `toml:"default"` // a version
	Images  []Release `toml:"image"`
}

// Release is one image: a zip archive with the image of a card in it.
type Release struct {
	Version string `toml:"version"`
	File    string `toml:"file"`
	URL     string `toml:"url"`
	Size    int64  `toml:"size"`
	SHA256  string `toml:"sha256"`
}

// ReadOfficial reads the table in a board's folder.
func ReadOfficial(dir string) (*Official, error) {
	name := filepath.Join(dir, OfficialFile)
	o := new(Official)
	meta, err := toml.DecodeFile(name, o)
	if err != nil {
		return nil, fmt.Errorf("firmware: %s: %s", name, strings.TrimPrefix(err.Error(), "toml: "))
	}
	for _, key := range meta.Undecoded() {
		return nil, fmt.Errorf("firmware: %s: unknown key %s", name, key)
	}
	for _, r := range o.Images {
		if sum, err := hex.DecodeString(r.SHA256); err != nil || len(sum) != 32 || r.Version == "" || r.File == "" || r.File != filepath.Base(r.File) || r.URL == "" || r.Size <= 0 {
			return nil, fmt.Errorf("firmware: %s: image %q: version, file, url, size and sha256 (64 hexadecimal digits) are wanted", name, r.Version)
		}
	}
	if _, err := o.Release(o.Default); err != nil {
		return nil, fmt.Errorf("firmware: %s: default: %w", name, err)
	}
	return o, nil
}

// Release returns the image of a version, which may be written without its "v".
func (o *Official) Release(version string) (Release, error) {
	var known []string
	for _, r := range o.Images {
		if strings.TrimPrefix(strings.ToLower(version), "v") == strings.TrimPrefix(r.Version, "v") {
			return r, nil
		}
		known = append(known, r.Version)
	}
	return Release{}, fmt.Errorf("there is no official image %q: known are %s", version, strings.Join(known, ", "))
}

// Downloader fetches fip.bin files.
type Downloader struct {
	Cache string // the builder's cache
	// Progress, if not nil, is told how far a download is, in bytes.
	Progress func(what string, done, total int64)
	Log      io.Writer // says whom the downloader waits for; nil: nowhere
}

// name is that of a release's fip.bin in the cache.
func (d Downloader) name(r Release) string {
	return filepath.Join(d.Cache, "firmware", fmt.Sprintf("fip-%s-%.16s.bin", r.Version, r.SHA256))
}

// Cached returns the path of a whole fip.bin that Get has brought into the cache: that
// of the default release, else of another; "" where there is none. It needs no network.
func (d Downloader) Cached(o *Official) string {
	releases := o.Images
	if r, err := o.Release(o.Default); err == nil {
		releases = append([]Release{r}, releases...)
	}
	for _, r := range releases {
		if _, _, err := Load(d.name(r)); err == nil {
			return d.name(r)
		}
	}
	return ""
}

// Get returns the path of the release's fip.bin in the cache. When it is not
// there, Get downloads the image, takes fip.bin out of it, checks it and removes
// the image. An image that the network does not give is a [*fetch.Unavailable].
func (d Downloader) Get(ctx context.Context, r Release) (string, error) {
	name := d.name(r)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return "", err
	}
	// The image goes once fip.bin is there: not before another build has read it.
	unlock, err := flock.Acquire(ctx, filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".lock"), d.Log)
	if err != nil {
		return "", err
	}
	defer unlock()
	switch _, _, err := Load(name); {
	case err == nil:
		return name, nil
	case errors.Is(err, fs.ErrNotExist):
	default: // damaged: again
		if err := os.Remove(name); err != nil {
			return "", err
		}
	}
	client := &fetch.Client{Dir: filepath.Join(d.Cache, "download"), Log: d.Log}
	if d.Progress != nil {
		client.Progress = func(f fetch.File, done int64) { d.Progress(f.Name, done, f.Size) }
	}
	image, err := client.Get(ctx, fetch.File{Name: r.File, URL: r.URL, Size: r.Size, SHA256: r.SHA256})
	if err != nil {
		return "", err
	}
	data, err := fromZip(ctx, image, filepath.Dir(image))
	if err == nil {
		_, err = Parse(data)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", image, err)
	}
	if err := wholefile.Bytes(name, data); err != nil {
		return "", err
	}
	return name, os.Remove(image) // 70 MB for a file of 400 KB
}

// maxBoot bounds the first partition of an image inside an archive, which is
// unpacked into a file: the official ones end at 128 MiB.
const maxBoot = 1 << 30

// fromZip returns the fip.bin on the card whose image is in a zip archive. It
// unpacks into the folder tmp, the system's own if that is "".
func fromZip(ctx context.Context, name, tmp string) ([]byte, error) {
	archive, err := zip.OpenReader(name)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	var images []*zip.File
	for _, f := range archive.File {
		if base := filepath.Base(f.Name); strings.EqualFold(filepath.Ext(base), ".img") && !strings.HasPrefix(base, ".") && f.Mode().IsRegular() {
			images = append(images, f) // "._" files are a Mac's notes
		}
	}
	if len(images) != 1 {
		return nil, fmt.Errorf("the archive has %d card images (.img), not one", len(images))
	}
	r, err := images[0].Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	// Only as much as the FAT partition reaches to: the rest, the vendor's Linux,
	// is several times that.
	head := make([]byte, 512)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("%s: %w", images[0].Name, err)
	}
	im, err := card.Open(strings.NewReader(string(head)), int64(images[0].UncompressedSize64))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", images[0].Name, err)
	}
	boot := im.Partitions[0]
	end := boot.Start + boot.Size
	if boot.Number != 1 || end > maxBoot {
		return nil, fmt.Errorf("%s: its first partition ends at byte %d: this is no image of a Duo's card", images[0].Name, end)
	}
	out, err := os.CreateTemp(tmp, ".unpack-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	if _, err := out.Write(head); err != nil {
		return nil, err
	}
	for at := int64(len(head)); at < end && err == nil; {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var n int64
		n, err = io.CopyN(out, r, min(1<<20, end-at))
		at += n
	}
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", images[0].Name, err)
	}
	if im, err = card.Open(out, int64(images[0].UncompressedSize64)); err != nil {
		return nil, err
	}
	return readFrom(im)
}
