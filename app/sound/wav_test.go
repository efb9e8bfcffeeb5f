package sound

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestWAV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "story.wav")
	w, err := CreateWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	want := sine(16000, 440, 1000)
	for part := range slices.Chunk(want, 999) {
		if err := w.Write(context.Background(), 16000, part); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file has its name before it is finished")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header := "RIFF\x24\x7d\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data\x00\x7d\x00\x00"
	if string(b[:44]) != header {
		t.Errorf("header %q; want %q", b[:44], header)
	}
	got := make([]int16, len(b[44:])/2)
	for i := range got {
		got[i] = int16(binary.LittleEndian.Uint16(b[44+2*i:]))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d samples that differ from the %d written", len(got), len(want))
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*.wav*")); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

func TestWAVErrors(t *testing.T) {
	for _, path := range []string{"/nowhere/story.wav", "/dev/full", t.TempDir()} {
		if _, err := CreateWAV(path); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("CreateWAV(%s): %v; want one line", path, err)
		}
	}
}

// fullDisk takes room bytes.
type fullDisk struct {
	*os.File
	room int
}

func (d *fullDisk) Write(b []byte) (int, error) {
	if len(b) > d.room {
		n, _ := d.File.Write(b[:d.room])
		d.room = 0
		return n, &os.PathError{Op: "write", Path: "temporary", Err: syscall.ENOSPC}
	}
	d.room -= len(b)
	return d.File.Write(b)
}

// A full disk is one error; the file then holds what fitted.
func TestWAVFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "story.wav")
	w, err := CreateWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	f := w.file.(*os.File)
	disk := &fullDisk{f, 64001}
	w.file = disk
	var errs []error
	for range 5 {
		if err := w.Write(context.Background(), 16000, sine(16000, 440, 1000)); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "no space left on device; the sound in it ends after 2.0 s") || !errors.Is(errs[0], syscall.ENOSPC) {
		t.Errorf("errors %v; want one, of a full disk after 2.0 s", errs)
	}
	disk.room = wavHeader // rewriting a block needs no new one
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(path)
	if n := binary.LittleEndian.Uint32(b[40:]); n != 64000 {
		t.Errorf("the header says %d bytes; want 64000", n)
	}
}
