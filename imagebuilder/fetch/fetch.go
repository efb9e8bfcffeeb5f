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
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"duostoryteller/imagebuilder/flock"
)

// File is something to download, pinned by its size and hash.
type File struct {
	Name   string // its name in the cache
	URL    string
	Size   int64
	SHA256 string // lower-case hexadecimal; "" takes any contents of that size
}

// Client downloads into the directory Dir. It is safe for use by several
// processes at once.
type Client struct {
	Dir  string
	HTTP *http.Client // nil for one that gives up on silent servers, see NewTransport
	// Progress, if not nil, is told how far a download is; done starts at
	// what an earlier one had left.
	Progress func(f File, done int64)
	Log      io.Writer // says whom the client waits for; nil: nowhere
}

// Unavailable is the error of a file that the network does not give: nobody
// answers, or not with that file. Other errors are this machine's own.
type Unavailable struct {
	URL string
	Err error
}

func (e *Unavailable) Error() string { return fmt.Sprintf("download of %s: %v", e.URL, e.Err) }
func (e *Unavailable) Unwrap() error { return e.Err }

// How long a server may be silent: a person who has no network should know soon.
const (
	connectLimit = 15 * time.Second // names included
	answerLimit  = 30 * time.Second
	silenceLimit = 30 * time.Second // in the middle of a file
)

// maxAttempts bounds how often a download that breaks off is taken up again.
const maxAttempts = 8

// NewTransport returns a transport that gives up on silent servers within a minute.
func NewTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: connectLimit}).DialContext
	t.TLSHandshakeTimeout = connectLimit
	t.ResponseHeaderTimeout = answerLimit
	return t
}

// Get returns the path of f in the cache and downloads it before when it is
// not there. The file appears under its name only complete and with the right
// hash; what has arrived of it waits beside it as NAME.part. A download that
// breaks off is taken up again as long as each attempt brings something.
func (c *Client) Get(ctx context.Context, f File) (string, error) {
	name := filepath.Join(c.Dir, f.Name)
	if have, err := c.has(f); have || err != nil {
		return name, err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := flock.Acquire(ctx, filepath.Join(c.Dir, "."+f.Name+".lock"), c.Log)
	if err != nil {
		return "", err
	}
	defer unlock()
	if have, err := c.has(f); have || err != nil { // whoever had the lock was downloading it
		return name, err
	}
	part := name + ".part"
	if err := c.download(ctx, f, part); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("download of %s: %w", f.URL, ctx.Err())
		}
		return "", err
	}
	return name, os.Rename(part, name)
}

// has tells whether the cache has the file, whole and right.
func (c *Client) has(f File) (bool, error) {
	sum, size, err := Sum(filepath.Join(c.Dir, f.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && (f.SHA256 == "" || sum == f.SHA256) && size == f.Size, err
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
	for attempt := 1; have < f.Size; attempt++ {
		at, err := c.receive(ctx, f, out, h, have)
		if err != nil && (attempt == maxAttempts || at <= have || ctx.Err() != nil || errors.As(err, new(wrongError)) || !errors.As(err, new(*Unavailable))) {
			return err
		}
		have = at
	}
	if got := hex.EncodeToString(h.Sum(nil)); f.SHA256 != "" && got != f.SHA256 {
		return &Unavailable{f.URL, wrongError{fmt.Errorf("its SHA-256 is %s, expected %s: it was removed, try again", got, f.SHA256)}}
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
// adds it to h. It returns how many bytes are there then.
func (c *Client) receive(ctx context.Context, f File, out partFile, h hash.Hash, have int64) (int64, error) {
	failed := func(err error) error { return &Unavailable{f.URL, err} }
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	if err != nil {
		return have, failed(err)
	}
	// The transport would ask for gzip by itself, and unpack archives that a server says
	// are so encoded.
	req.Header.Set("Accept-Encoding", "identity")
	if have > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(have, 10)+"-")
	}
	client := c.HTTP
	if client == nil {
		transport := NewTransport()
		defer transport.CloseIdleConnections()
		client = &http.Client{Transport: transport}
	}
	resp, err := client.Do(req)
	if err != nil {
		if inner := errors.Unwrap(err); inner != nil { // without the method and a second URL
			err = inner
		}
		return have, failed(err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusOK: // all of it, whatever was asked for
		have = 0
	case resp.StatusCode == http.StatusPartialContent && have > 0 &&
		strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
	case resp.StatusCode == http.StatusPartialContent:
		return have, failed(fmt.Errorf("the server sent %q, not what was asked for", resp.Header.Get("Content-Range")))
	default:
		return have, failed(fmt.Errorf("the server answered %s", resp.Status))
	}
	if have == 0 {
		h.Reset()
	}
	if err := out.Truncate(have); err != nil {
		return have, err
	}
	if _, err := out.Seek(have, io.SeekStart); err != nil {
		return have, err
	}
	silence := time.AfterFunc(silenceLimit, func() { cancel(fmt.Errorf("the server was silent for %v", silenceLimit)) })
	defer silence.Stop()
	if c.Progress != nil {
		c.Progress(f, have)
	}
	body := &progressReader{Reader: resp.Body, report: func(n int64) {
		silence.Reset(silenceLimit)
		if c.Progress != nil {
			c.Progress(f, have+n)
		}
	}}
	to := &errorWriter{Writer: out}
	// One byte more than expected is enough to know that it is another file.
	n, err := io.Copy(io.MultiWriter(to, h), io.LimitReader(body, f.Size-have+1))
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	at := have + n
	switch {
	case to.err != nil:
		return at, fmt.Errorf("download of %s: %w", f.URL, to.err)
	case at > f.Size:
		return at, failed(wrongError{fmt.Errorf("it is larger than the expected %d bytes", f.Size)})
	case err != nil:
		return at, failed(fmt.Errorf("%w after %d of %d bytes; the next try goes on from there", err, at, f.Size))
	case at < f.Size:
		return at, failed(fmt.Errorf("it ended after %d of %d bytes; the next try goes on from there", at, f.Size))
	}
	return at, nil
}

// errorWriter tells the disk's errors from the network's.
type errorWriter struct {
	io.Writer
	err error
}

func (w *errorWriter) Write(p []byte) (n int, err error) {
	n, w.err = w.Writer.Write(p)
	return n, w.err
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
