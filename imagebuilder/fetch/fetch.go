// Package fetch downloads files of known size and hash into the builder's
// cache. A download that was cut off is taken up where it ended.
package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// File is something to download, pinned by its size and hash.
type File struct {
	Name   string // its name in the cache
	URL    string
	Size   int64
	SHA256 string // lower-case hexadecimal
}

// Client downloads into the directory Dir.
type Client struct {
	Dir  string
	HTTP *http.Client // nil for one that gives up on silent servers
	// Progress, if not nil, is told how far a download is; done starts at
	// what an earlier one had left.
	Progress func(f File, done int64)
}

// Get returns the path of f in the cache and downloads it before when it is
// not there. The file appears under its name only complete and with the right
// hash; what has arrived of it waits beside it as NAME.part.
func (c *Client) Get(ctx context.Context, f File) (string, error) {
	name := filepath.Join(c.Dir, f.Name)
	if sum, size, err := Sum(name); err == nil && sum == f.SHA256 && size == f.Size {
		return name, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return "", err
	}
	part := name + ".part"
	if err := c.download(ctx, f, part); err != nil {
		return "", fmt.Errorf("download of %s: %w", f.URL, err)
	}
	return name, os.Rename(part, name)
}

// Sum returns the SHA-256, in lower-case hexadecimal, and the size of a file.
func Sum(name string) (sum string, size int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// download completes the file part and checks it. A part that turns out wrong
// is removed; one that is only incomplete stays for the next time.
func (c *Client) download(ctx context.Context, f File, part string) (err error) {
	out, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, out.Close())
		if errors.As(err, new(wrongError)) {
			os.Remove(part)
		}
	}()
	h := sha256.New()
	have, err := io.Copy(h, out)
	if err != nil {
		return err
	}
	if have > f.Size {
		have = 0
	}
	if have < f.Size {
		if err := c.receive(ctx, f, out, h, have); err != nil {
			return err
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != f.SHA256 {
		return wrongError{fmt.Errorf("its SHA-256 is %s, expected %s: it was removed, try again", got, f.SHA256)}
	}
	return out.Sync()
}

// wrongError says that what has arrived is not what was expected.
type wrongError struct{ error }

// partFile is what receive needs of an *os.File.
type partFile interface {
	io.WriteSeeker
	Truncate(size int64) error
}

// receive appends what is missing behind the first have bytes to out, and
// adds it to h.
func (c *Client) receive(ctx context.Context, f File, out partFile, h hash.Hash, have int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	if err != nil {
		return err
	}
	if have > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(have, 10)+"-")
	}
	client := c.HTTP
	if client == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.ResponseHeaderTimeout = 30 * time.Second
		client = &http.Client{Transport: transport}
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusOK: // all of it, whatever was asked for
		have = 0
	case resp.StatusCode == http.StatusPartialContent && have > 0 &&
		strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
	case resp.StatusCode == http.StatusPartialContent:
		return fmt.Errorf("the server sent %q, not what was asked for", resp.Header.Get("Content-Range"))
	default:
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	if have == 0 {
		h.Reset()
	}
	if err := out.Truncate(have); err != nil {
		return err
	}
	if _, err := out.Seek(have, io.SeekStart); err != nil {
		return err
	}
	body := io.Reader(resp.Body)
	if c.Progress != nil {
		c.Progress(f, have)
		body = &progressReader{body, func(n int64) { c.Progress(f, have+n) }, 0}
	}
	// One byte more than expected is enough to know that it is another file.
	n, err := io.Copy(io.MultiWriter(out, h), io.LimitReader(body, f.Size-have+1))
	switch {
	case have+n > f.Size:
		return wrongError{fmt.Errorf("it is larger than the expected %d bytes", f.Size)}
	case err != nil:
		return fmt.Errorf("%w after %d of %d bytes; the next try goes on from there", err, have+n, f.Size)
	case have+n < f.Size:
		return fmt.Errorf("it ended after %d of %d bytes; the next try goes on from there", have+n, f.Size)
	}
	return nil
}

type progressReader struct {
	io.Reader
	report func(n int64)
	n      int64
}

func (r *progressReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += int64(n)
	r.report(r.n)
	return n, err
}
