package firmware

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/fetch"
)

// fat16 is a card as the official ones are: a FAT16 partition from sector 1 on,
// a Linux behind it.
func fat16(name string, file []byte) []byte {
	const sectors, clusterSectors, tableSectors, rootEntries = 16384, 2, 32, 512
	le := binary.LittleEndian
	part := make([]byte, sectors*512)
	copy(part, "\xeb\x3c\x90mkfs.fat")
	le.PutUint16(part[11:], 512)
	part[13] = clusterSectors
	le.PutUint16(part[14:], 1) // reserved
	part[16] = 2               // tables
	le.PutUint16(part[17:], rootEntries)
	le.PutUint16(part[19:], sectors)
	part[21] = 0xf8
	le.PutUint16(part[22:], tableSectors)
	copy(part[54:], "FAT16   ")
	part[510], part[511] = 0x55, 0xaa
	clusters := (len(file) + clusterSectors*512 - 1) / (clusterSectors * 512)
	for t := range 2 {
		table := part[(1+t*tableSectors)*512:]
		le.PutUint16(table, 0xfff8)
		le.PutUint16(table[2:], 0xffff)
		for c := range clusters {
			next := uint16(2 + c + 1)
			if c == clusters-1 {
				next = 0xffff
			}
			le.PutUint16(table[2*(2+c):], next)
		}
	}
	root := part[(1+2*tableSectors)*512:]
	copy(root, name)
	root[11] = 0x20
	le.PutUint16(root[26:], 2)
	le.PutUint32(root[28:], uint32(len(file)))
	copy(root[rootEntries*32:], file)

	image := make([]byte, 512, 512+len(part)+4<<20)
	image[446], image[446+4] = 0x80, 0x0c
	le.PutUint32(image[446+8:], 1)
	le.PutUint32(image[446+12:], sectors)
	image[462+4] = 0x83
	le.PutUint32(image[462+8:], 1+sectors)
	le.PutUint32(image[462+12:], 8192)
	image[510], image[511] = 0x55, 0xaa
	return append(append(image, part...), bytes.Repeat([]byte("Linux of the vendor's"), 4<<20/21+1)[:4<<20]...)
}

// fat32 is the same with FAT32.
func fat32(t *testing.T, name string, file []byte) []byte {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "card.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = card.Write(f, card.Spec{
		Layout: card.Layout{BootStart: 512, BootSize: 40 << 20, RootStart: 41 << 20, RootSize: 1 << 20},
		Files:  []card.File{{Name: name, Data: file}},
		Root:   bytes.NewReader(nil), Time: time.Unix(1_700_000_000, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// zipped packs files, given as name and contents in turns.
func zipped(t *testing.T, files ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i].(string))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(files[i+1].([]byte)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// release describes an archive that a server gives out.
func release(archive []byte, url string) Release {
	sum := sha256.Sum256(archive)
	return Release{Version: "v1", File: "duo.img.zip", URL: url + "/duo.img.zip", Size: int64(len(archive)), SHA256: hex.EncodeToString(sum[:])}
}

func TestGet(t *testing.T) {
	fip := synthetic(t, uboot, lzmaMagic)
	for _, tt := range []struct {
		name    string
		archive []byte
		want    string // in the error; "" for none
	}{
		{"FAT16", zipped(t, "milkv-duo.img", fat16("FIP     BIN", fip)), ""},
		{"FAT32", zipped(t, "readme.txt", []byte("hello"), "images/milkv-duo.IMG", fat32(t, "fip.bin", fip)), ""},
		{"no fip.bin", zipped(t, "milkv-duo.img", fat16("OTHER   BIN", fip)), "no file fip.bin"},
		{"damaged fip.bin", zipped(t, "milkv-duo.img", fat16("FIP     BIN", append(bytes.Clone(fip[:len(fip)-1]), ^fip[len(fip)-1]))), "fip.bin is damaged"},
		{"two images", zipped(t, "a.img", fip, "b.img", fip), "2 card images"},
		{"no image", zipped(t, "readme.txt", []byte("hello")), "0 card images"},
		{"no card", zipped(t, "a.img", bytes.Repeat([]byte("noise"), 1000)), "no master boot record"},
		{"cut short", zipped(t, "a.img", fat16("FIP     BIN", fip)[:1<<20]), "truncated"},
		{"no zip", []byte("not a zip archive at all"), "zip"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			requests := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests++
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(tt.archive))
			}))
			defer s.Close()
			d, r := Downloader{Cache: t.TempDir()}, release(tt.archive, s.URL)
			name, err := d.Get(t.Context(), r)
			if left, _ := filepath.Glob(filepath.Join(d.Cache, "*", ".[nu]*-*")); left != nil {
				t.Errorf("left behind: %v", left)
			}
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("Get = %v; want one line with %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(name); !bytes.Equal(got, fip) || err != nil {
				t.Errorf("got %d bytes, %v; want the %d on the card", len(got), err, len(fip))
			}
			if again, err := d.Get(t.Context(), r); again != name || err != nil || requests != 1 {
				t.Errorf("second Get = %s, %v after %d requests; want it from the cache", again, err, requests)
			}
			// What was damaged in the cache is fetched again.
			if err := os.WriteFile(name, fip[:len(fip)/2], 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Get(t.Context(), r); err != nil || requests != 2 {
				t.Errorf("Get of a damaged one = %v after %d requests; want a second download", err, requests)
			}
		})
	}
}

// TestGetTogether has several builds want the same firmware at the same time.
func TestGetTogether(t *testing.T) {
	archive := zipped(t, "duo.img", fat16("FIP     BIN", synthetic(t, uboot, lzmaMagic)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(archive))
	}))
	defer s.Close()
	for range 5 {
		d := Downloader{Cache: t.TempDir()}
		var builds sync.WaitGroup
		for range 4 {
			builds.Go(func() {
				name, err := d.Get(t.Context(), release(archive, s.URL))
				if err == nil {
					_, _, err = Load(name)
				}
				if err != nil {
					t.Errorf("Get beside others: %v", err)
				}
			})
		}
		builds.Wait()
	}
}

// TestGetBrokenOff takes a download up where the last one ended.
func TestGetBrokenOff(t *testing.T) {
	archive := zipped(t, "duo.img", fat16("FIP     BIN", synthetic(t, uboot, lzmaMagic)))
	half, broken := len(archive)/2, true
	var ranges []string
	var mu sync.Mutex // a broken request's handler may still run when Get has returned
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		ranges = append(ranges, r.Header.Get("Range"))
		if broken {
			if r.Header.Get("Range") != "" {
				panic(http.ErrAbortHandler)
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(archive)))
			w.Write(archive[:half])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(archive))
	}))
	defer s.Close()
	d := Downloader{Cache: t.TempDir()}
	if _, err := d.Get(t.Context(), release(archive, s.URL)); !errors.As(err, new(*fetch.Unavailable)) {
		t.Fatalf("Get of half an archive = %v; want %T", err, new(fetch.Unavailable))
	}
	mu.Lock()
	broken, ranges = false, nil
	mu.Unlock()
	if _, err := d.Get(t.Context(), release(archive, s.URL)); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := fmt.Sprintf("bytes=%d-", half); len(ranges) != 1 || ranges[0] != want {
		t.Errorf("the second Get asked for %q; want %q", ranges, want)
	}
}

// TestGetOther is given another archive than the table names.
func TestGetOther(t *testing.T) {
	archive := zipped(t, "duo.img", fat16("FIP     BIN", synthetic(t, uboot, lzmaMagic)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(archive))
	}))
	defer s.Close()
	r := release(archive, s.URL)
	r.SHA256 = strings.Repeat("0", 64)
	d := Downloader{Cache: t.TempDir()}
	if _, err := d.Get(t.Context(), r); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("Get = %v; want an error about the SHA-256", err)
	}
	if left, _ := filepath.Glob(filepath.Join(d.Cache, "*", "[^.]*")); left != nil {
		t.Errorf("the cache has %v; want nothing", left)
	}
}

// TestLoadZip reads an official image as it was downloaded by hand.
func TestLoadZip(t *testing.T) {
	fip := synthetic(t, uboot, lzmaMagic)
	name := filepath.Join(t.TempDir(), "duo.img.zip")
	if err := os.WriteFile(name, zipped(t, "duo.img", fat16("FIP     BIN", fip)), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, im, err := Load(name); err != nil || !bytes.Equal(got, fip) || im.UBoot == "" {
		t.Errorf("Load = %d bytes, %v; want the %d on the card", len(got), err, len(fip))
	}
}

// TestLoadHuge is given a card whose fip.bin is said to be as large as the whole card.
func TestLoadHuge(t *testing.T) {
	image := fat32(t, "fip.bin", make([]byte, maxFIP+1))
	name := filepath.Join(t.TempDir(), "duo.img")
	if err := os.WriteFile(name, image, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(name); err == nil || !strings.Contains(err.Error(), "none has more than") {
		t.Errorf("Load = %v; want an error about its size", err)
	}
}

// TestOfficial reads the repository's own table.
func TestOfficial(t *testing.T) {
	o, err := ReadOfficial("../../board/milkv-duo")
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{"v1.1.4": "v1.1.4", "1.1.3": "v1.1.3", "V2.0.1": "v2.0.1", o.Default: "v1.1.4"} {
		if r, err := o.Release(version); r.Version != want || err != nil {
			t.Errorf("Release(%q) = %q, %v; want %q", version, r.Version, err, want)
		}
	}
	if _, err := o.Release("v9"); err == nil || !strings.Contains(err.Error(), "v1.1.4, v1.1.3, v2.0.1") {
		t.Errorf("Release of an unknown version = %v; want the known ones named", err)
	}
}

func TestReadOfficialRefuses(t *testing.T) {
	good, err := os.ReadFile("../../board/milkv-duo/" + OfficialFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ from, to string }{
		{`default = "v1.1.4"`, `default = "v7"`}, {"sha256", "sha265"}, {"71_229_335", "0"}, {"271a", "271"}, {`"milkv-duo-sd-v1.1.4.img.zip"`, `"../x.zip"`}, {"=", ":"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, OfficialFile), bytes.Replace(good, []byte(tt.from), []byte(tt.to), 1), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadOfficial(dir); err == nil || !strings.Contains(err.Error(), OfficialFile) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q in place of %q: %v; want one line that names the file", tt.to, tt.from, err)
		}
	}
}

// TestCached: what Get brought is found again, the default release's first, and what is
// damaged is not.
func TestCached(t *testing.T) {
	archive := zipped(t, "milkv-duo.img", fat16("FIP     BIN", synthetic(t, uboot, lzmaMagic)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(archive))
	}))
	defer s.Close()
	old, usual := release(archive, s.URL), release(archive, s.URL)
	old.Version, usual.Version = "v0", "v1"
	o := &Official{Default: usual.Version, Images: []Release{old, usual}}
	d := Downloader{Cache: t.TempDir()}
	if got := d.Cached(o); got != "" {
		t.Errorf("Cached() of an empty cache = %q", got)
	}
	var names [2]string
	for i, r := range o.Images {
		var err error
		if names[i], err = d.Get(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if got := d.Cached(o); got != names[i] { // the default one comes second, and goes first
			t.Errorf("Cached() with %s = %q; want %q", r.Version, got, names[i])
		}
	}
	if err := os.Truncate(names[1], 1000); err != nil {
		t.Fatal(err)
	}
	if got := d.Cached(o); got != names[0] {
		t.Errorf("Cached() with a damaged %s = %q; want %q", names[1], got, names[0])
	}
}
