// Package modelcache keeps the packed form of checkpoints in the user's cache
// folder, so that a PC packs each only once. An entry is named by the SHA-256 of
// its checkpoint and by the version of the packed form; the entries used longest ago
// are removed when all together are larger than a bound. Any number of processes may
// use a cache at the same time.
package modelcache

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"duostoryteller/app/filelock"
	"duostoryteller/app/llama/packed"
)

// Bound is how many bytes the entries may have together: some ten of the 15M model.
const Bound = 1 << 30

// ErrBusy says that another process is making the entry.
var ErrBusy = errors.New("another process is packing this checkpoint")

// ErrOff says that there is to be no cache.
var ErrOff = errors.New("STORYTELLER_CACHE=off: packed checkpoints are not kept")

// Cache is a folder of packed checkpoints.
type Cache struct {
	dir   string
	bound int64
}

// Open returns the cache in the folder that the environment variable
// STORYTELLER_CACHE names, or the user's cache if it is unset or empty; ErrOff if it is off.
func Open() (*Cache, error) {
	switch dir := os.Getenv("STORYTELLER_CACHE"); dir {
	case "off":
		return nil, ErrOff
	case "":
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("no folder for packed checkpoints: %w", err)
		}
		return &Cache{filepath.Join(user, "duo-storyteller", "checkpoints"), Bound}, nil
	default:
		return &Cache{dir, Bound}, nil
	}
}

const (
	suffix     = ".packed"
	unfinished = ".part" // behind suffix
	link       = ".file" // of symbolic links to entries
	beginning  = 64 << 10
	chunk      = 4 << 20 // is hashed as one piece: processors share them
)

// Find returns the path of the entry of the checkpoint at path and notes that it was
// used; "" if there is none. It reads the whole checkpoint only if there is one of a
// checkpoint that begins the same.
func (c *Cache) Find(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	defer f.Close()
	first, err := firstKey(f)
	if err != nil {
		return "", fmt.Errorf("checkpoint %s: %w", path, err)
	}
	alike, err := filepath.Glob(filepath.Join(c.dir, first+"*"+ending()))
	if err != nil || len(alike) == 0 {
		return "", err
	}
	known, err := c.known(f)
	if err != nil {
		return "", err
	}
	name, err := os.Readlink(known)
	if err != nil {
		if name, err = c.name(f); err != nil {
			return "", err
		}
		_ = os.Symlink(name, known) // without it, the file is read again next time
	}
	entry := filepath.Join(c.dir, name)
	now := time.Now()
	if os.Chtimes(entry, now, now) != nil {
		return "", nil
	}
	return entry, nil
}

// known is the path of a symbolic link that says what the entry of this very file is
// called: as long as it is the same file, and nobody wrote to it, its contents are
// those that were hashed.
func (c *Cache) known(f *os.File) (string, error) {
	file, err := identity(f)
	if err != nil {
		return "", fmt.Errorf("checkpoint %s: %w", f.Name(), err)
	}
	hash := sha256.New()
	fmt.Fprintln(hash, file, packed.Version)
	return filepath.Join(c.dir, hex.EncodeToString(hash.Sum(nil)[:16])+link), nil
}

// ending is how the names of this version's entries end.
func ending() string { return fmt.Sprintf("-%d%s", packed.Version, suffix) }

// name is that of a checkpoint's entry.
func (c *Cache) name(f *os.File) (string, error) {
	first, err := firstKey(f)
	var whole string
	if err == nil {
		whole, err = wholeKey(f)
	}
	if err != nil {
		return "", fmt.Errorf("checkpoint %s: %w", f.Name(), err)
	}
	return first + "-" + whole + ending(), nil
}

// firstKey is of a file's first 64 KB and its size.
func firstKey(f *os.File) (string, error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	fmt.Fprintln(hash, info.Size())
	if _, err := io.Copy(hash, io.NewSectionReader(f, 0, beginning)); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)[:8]), nil
}

// wholeKey is of all its contents: the SHA-256 of the SHA-256 of each 4 MB.
func wholeKey(f *os.File) (string, error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	sums := make([][sha256.Size]byte, (info.Size()+chunk-1)/chunk)
	failed := make([]error, min(runtime.GOMAXPROCS(0), len(sums)))
	var group sync.WaitGroup
	for worker := range failed {
		group.Go(func() {
			buffer := make([]byte, 256<<10)
			for i := worker; i < len(sums); i += len(failed) {
				hash := sha256.New()
				part := io.NewSectionReader(f, int64(i)*chunk, chunk)
				// Without the wrappers, other ways to copy would be taken, with small buffers.
				if _, err := io.CopyBuffer(struct{ io.Writer }{hash}, struct{ io.Reader }{part}, buffer); err != nil {
					failed[worker] = err
					return
				}
				sums[i] = [sha256.Size]byte(hash.Sum(nil))
			}
		})
	}
	group.Wait()
	if err := errors.Join(failed...); err != nil {
		return "", err
	}
	all := sha256.New()
	for _, sum := range sums {
		all.Write(sum[:])
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

// Add makes an entry of the checkpoint at path, of the given size, by what write
// writes, and removes old ones. It returns the entry's path; the one that is there
// already, if there is one; ErrBusy while another process makes it.
func (c *Cache) Add(path string, size int64, write func(io.Writer) error) (string, error) {
	entry, err := c.add(path, size, write)
	if err != nil && !errors.Is(err, ErrBusy) {
		err = fmt.Errorf("the packed form of %s cannot be kept for the next time: %w", path, err)
	}
	return entry, err
}

func (c *Cache) add(path string, size int64, write func(io.Writer) error) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	name, err := c.name(f)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return "", err
	}
	entry := filepath.Join(c.dir, name)
	part, err := lock(entry + unfinished)
	if err != nil {
		return "", err
	}
	defer part.Close() // and with it the lock
	if _, err := os.Stat(entry); err == nil {
		return entry, os.Remove(part.Name())
	}
	if err := fill(part, size, write); err != nil {
		return "", errors.Join(err, os.Remove(part.Name()))
	}
	if runtime.GOOS == "windows" { // which renames no open file
		part.Close()
	}
	if err := os.Rename(part.Name(), entry); err != nil {
		return "", err
	}
	return entry, c.prune(name)
}

// lock opens the file at path and takes its lock, which only one process can have.
// Whoever has it writes the file; what a process left that was ended is written over.
func lock(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		ours, err := filelock.Try(f)
		if err == nil && !ours {
			err = ErrBusy
		}
		if err == nil {
			var mine, there os.FileInfo
			if mine, err = f.Stat(); err == nil {
				there, err = os.Stat(path)
			}
			if err == nil && os.SameFile(mine, there) {
				return f, nil
			}
			if err == nil || errors.Is(err, fs.ErrNotExist) { // renamed or removed before we had the lock
				f.Close()
				continue
			}
		}
		f.Close()
		return nil, err
	}
}

// fill writes a file. It finds out first whether there is room for it: a disk that is
// full need not cost the work.
func fill(f *os.File, size int64, write func(io.Writer) error) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	if err := reserve(f, size); err != nil {
		return err
	}
	if err := write(f); err != nil {
		return err
	}
	end, err := f.Seek(0, io.SeekCurrent)
	if err == nil {
		err = f.Truncate(end)
	}
	if err == nil {
		err = f.Sync()
	}
	return err
}

// prune removes what processes left unfinished, and the entries used longest ago, but
// never the one called keep, until the rest is within the bound.
func (c *Cache) prune(keep string) error {
	list, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	var entries []fs.FileInfo
	var size int64
	for _, e := range list {
		switch {
		case strings.HasSuffix(e.Name(), suffix+unfinished):
			if f, err := lock(filepath.Join(c.dir, e.Name())); err == nil {
				err := os.Remove(f.Name())
				f.Close()
				if err != nil {
					return err
				}
			}
		case strings.HasSuffix(e.Name(), link):
			path := filepath.Join(c.dir, e.Name())
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) { // its entry has gone
				if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
			}
		case strings.HasSuffix(e.Name(), suffix):
			if info, err := e.Info(); err == nil {
				entries = append(entries, info)
				size += info.Size()
			}
		}
	}
	slices.SortFunc(entries, func(a, b fs.FileInfo) int { return cmp.Compare(a.ModTime().UnixNano(), b.ModTime().UnixNano()) })
	for _, e := range entries {
		if size <= c.bound || e.Name() == keep {
			continue
		}
		if err := os.Remove(filepath.Join(c.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		size -= e.Size()
	}
	return nil
}
