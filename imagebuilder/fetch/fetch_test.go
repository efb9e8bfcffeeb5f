package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func content() []byte {
	data := make([]byte, 300_000)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

func pinned(data []byte, url string) File {
	sum := sha256.Sum256(data)
	return File{Name: "model.bin", URL: url, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
}

// server serves data with range requests and counts the bytes it sends.
type server struct {
	*httptest.Server
	ranges []string
}

func serve(t *testing.T, data []byte) *server {
	s := new(server)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ranges = append(s.ranges, r.Header.Get("Range"))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}))
	t.Cleanup(s.Close)
	return s
}

func TestGet(t *testing.T) {
	data := content()
	for _, tt := range []struct {
		name string
		part []byte // what an earlier download left
		want string // the range asked for
	}{
		{"afresh", nil, ""},
		{"resumed", data[:100_000], "bytes=100000-"},
		{"part too long", append(bytes.Clone(data), 1), ""},
	} {
		s := serve(t, data)
		dir := filepath.Join(t.TempDir(), "cache")
		if tt.part != nil {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "model.bin.part"), tt.part, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var last int64
		c := &Client{Dir: dir, Progress: func(_ File, done int64) { last = done }}
		name, err := c.Get(t.Context(), pinned(data, s.URL))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got, err := os.ReadFile(name); !bytes.Equal(got, data) || err != nil {
			t.Errorf("%s: got %d bytes, %v; want the %d served", tt.name, len(got), err, len(data))
		}
		if len(s.ranges) != 1 || s.ranges[0] != tt.want {
			t.Errorf("%s: asked for %q; want %q once", tt.name, s.ranges, tt.want)
		}
		if last != int64(len(data)) {
			t.Errorf("%s: progress ended at %d; want %d", tt.name, last, len(data))
		}
		if names, _ := filepath.Glob(filepath.Join(dir, "*.part")); names != nil {
			t.Errorf("%s: %v left behind", tt.name, names)
		}
		if _, err := c.Get(t.Context(), pinned(data, s.URL)); err != nil || len(s.ranges) != 1 {
			t.Errorf("%s: second Get = %v after %d requests; want it from the cache", tt.name, err, len(s.ranges))
		}
	}
}

// TestPartComplete needs no server at all.
func TestPartComplete(t *testing.T) {
	data, dir := content(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "model.bin.part"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Client{Dir: dir}).Get(t.Context(), pinned(data, "http://127.0.0.1:1/")); err != nil {
		t.Error(err)
	}
}

// TestDamagedInCache downloads again what does not match its hash any more.
func TestDamagedInCache(t *testing.T) {
	data, dir := content(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "model.bin"), data[1:], 0o644); err != nil {
		t.Fatal(err)
	}
	name, err := (&Client{Dir: dir}).Get(t.Context(), pinned(data, serve(t, data).URL))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(name); !bytes.Equal(got, data) || err != nil {
		t.Errorf("got %d bytes, %v; want the %d served", len(got), err, len(data))
	}
}

func TestGetFails(t *testing.T) {
	data := content()
	other := bytes.Clone(data)
	other[len(other)-1]++
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "300000")
		w.Write(data[:123_456])
		panic(http.ErrAbortHandler)
	}
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
		part    int64 // bytes left for the next try
	}{
		{"server error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusServiceUnavailable) }, "503", 0},
		{"not found", http.NotFound, "404", 0},
		{"wrong hash", func(w http.ResponseWriter, _ *http.Request) { w.Write(other) }, "SHA-256", -1},
		{"too long", func(w http.ResponseWriter, _ *http.Request) { w.Write(append(other, 1)) }, "larger", -1},
		{"too short", func(w http.ResponseWriter, _ *http.Request) { w.Write(data[:1000]) }, "ended after 1000 of 300000", 1000},
		{"cut off", cut, "after 123456 of 300000", 123_456},
		{"unasked range", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 5-10/300000")
			w.WriteHeader(http.StatusPartialContent)
		}, "not what was asked for", 0},
	} {
		s := httptest.NewServer(tt.handler)
		dir := t.TempDir()
		_, err := (&Client{Dir: dir}).Get(t.Context(), pinned(data, s.URL))
		s.Close()
		if !errors.As(err, new(*Unavailable)) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: Get = %v; want one line with %q, the server's fault", tt.name, err, tt.want)
		}
		if _, err := os.Stat(filepath.Join(dir, "model.bin")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: model.bin is in the cache (%v)", tt.name, err)
		}
		part := int64(-1)
		if info, err := os.Stat(filepath.Join(dir, "model.bin.part")); err == nil {
			part = info.Size()
		}
		if part != tt.part {
			t.Errorf("%s: %d bytes wait for the next try; want %d", tt.name, part, tt.part)
		}
	}
}

// TestBreaksOff serves a file whose connection ends again and again.
func TestBreaksOff(t *testing.T) {
	data := content()
	for _, tt := range []struct {
		name     string
		each     int // bytes that a request brings before it breaks off
		requests int
		whole    bool
	}{
		{"now and then", 120_000, 3, true},
		{"all the time", 1000, maxAttempts, false},
		{"before the first byte", 0, 1, false},
	} {
		s := serve(t, data)
		s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.ranges = append(s.ranges, r.Header.Get("Range"))
			http.ServeContent(&breaking{w, tt.each}, r, "", time.Time{}, bytes.NewReader(data))
		})
		name, err := (&Client{Dir: t.TempDir()}).Get(t.Context(), pinned(data, s.URL))
		if (err == nil) != tt.whole || len(s.ranges) != tt.requests {
			t.Errorf("%s: Get = %v after requests %q; want success: %v, after %d", tt.name, err, s.ranges, tt.whole, tt.requests)
		}
		if got, _ := os.ReadFile(name); tt.whole && !bytes.Equal(got, data) {
			t.Errorf("%s: got %d bytes; want the %d served", tt.name, len(got), len(data))
		}
	}
}

// breaking ends the connection after a number of bytes.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	n, err := b.ResponseWriter.Write(p[:min(len(p), b.left)])
	if b.left -= n; n < len(p) {
		b.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// TestTogether has several clients fetch one file: one downloads, the others
// find it in the cache.
func TestTogether(t *testing.T) {
	data := content()
	s := serve(t, data)
	c := &Client{Dir: t.TempDir()}
	done := make(chan error)
	const clients = 4
	for range clients {
		go func() {
			_, err := c.Get(t.Context(), pinned(data, s.URL))
			done <- err
		}()
	}
	for range clients {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if len(s.ranges) != 1 {
		t.Errorf("%d requests; want 1", len(s.ranges))
	}
}

func TestInterrupted(t *testing.T) {
	data := content()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := &Client{Dir: t.TempDir(), Progress: func(_ File, done int64) {
		if done > 0 {
			cancel()
		}
	}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(data[:1000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer s.Close()
	if _, err := c.Get(ctx, pinned(data, s.URL)); !errors.Is(err, context.Canceled) {
		t.Errorf("Get = %v; want %v", err, context.Canceled)
	}
}

// fullDisk has room for n bytes.
type fullDisk struct{ n int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if n := min(len(p), d.n); n < len(p) {
		d.n = 0
		return n, syscall.ENOSPC
	}
	d.n -= len(p)
	return len(p), nil
}

func (d *fullDisk) Seek(offset int64, _ int) (int64, error) { return offset, nil }
func (d *fullDisk) Truncate(int64) error                    { return nil }

func TestFullDisk(t *testing.T) {
	data := content()
	f := pinned(data, serve(t, data).URL)
	_, err := new(Client).receive(t.Context(), f, &fullDisk{100_000}, sha256.New(), 0)
	if !errors.Is(err, syscall.ENOSPC) || errors.As(err, new(*Unavailable)) {
		t.Errorf("receive = %v; want %v, and not the network's fault", err, syscall.ENOSPC)
	}
}

// TestEncoded downloads an archive from a server that calls its packing an encoding of
// the transfer, as some do: what is pinned is the archive, not what it unpacks to.
func TestEncoded(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(bytes.Repeat([]byte("Once upon a time. "), 10_000))
	z.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(packed.Bytes())
	}))
	defer s.Close()
	name, err := (&Client{Dir: t.TempDir()}).Get(t.Context(), pinned(packed.Bytes(), s.URL))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(name); !bytes.Equal(got, packed.Bytes()) || err != nil {
		t.Errorf("got %d bytes, %v; want the %d of the archive", len(got), err, packed.Len())
	}
}
