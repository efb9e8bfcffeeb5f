package wholefile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "story.txt")
	for _, text := range []string{"", "Once upon a time", "The end"} {
		if err := Bytes(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if have, err := os.ReadFile(path); string(have) != text || err != nil {
			t.Fatalf("the file has %q, %v; want %q", have, err, text)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o600 != 0o600 || !info.Mode().IsRegular() {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}

	stop := errors.New("the source ended early")
	err := Write(path, func(w io.Writer) error {
		io.WriteString(w, "half")
		return stop
	})
	if !errors.Is(err, stop) || !strings.Contains(err.Error(), path) {
		t.Errorf("a failed write = %v; want its reason and the file's name", err)
	}
	if have, err := os.ReadFile(path); string(have) != "The end" || err != nil {
		t.Errorf("after a failed write the file has %q, %v", have, err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

func TestWriteNowhere(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(folder, "none", "file"), folder} {
		err := Bytes(path, []byte("text"))
		if err == nil || !strings.HasPrefix(err.Error(), "cannot write "+path+": ") || strings.Count(err.Error(), "cannot write") != 1 {
			t.Errorf("Bytes(%s) = %v", path, err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(folder)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
