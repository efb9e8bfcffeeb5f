package initramfs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestMake(t *testing.T) {
	program := bytes.Repeat([]byte("init"), 1001)
	archive := Make(append(program, '!')) // a length that is no multiple of four
	if !bytes.Equal(archive, Make(append(program, '!'))) {
		t.Error("made twice, the bytes differ")
	}
	if len(archive)%4 != 0 || !bytes.HasPrefix(archive, []byte("07070100000001000081ED")) || !bytes.Contains(archive, []byte("00000FA5")) {
		t.Errorf("the archive has %d bytes and begins %.110q", len(archive), archive)
	}
	if _, err := exec.LookPath("cpio"); err != nil {
		t.Skip("cpio is not installed; that the kernel reads the archive is tested by every boot")
	}
	dir := t.TempDir()
	cmd := exec.Command("cpio", "-i", "--quiet")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(archive)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cpio: %v: %s", err, text)
	}
	info, err := os.Stat(filepath.Join(dir, "init"))
	if err != nil || info.Mode() != 0o755 {
		t.Errorf("cpio unpacked %v, %v; want an executable file", info, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "init")); !strings.HasSuffix(string(got), "init!") || len(got) != len(program)+1 {
		t.Errorf("cpio unpacked %d bytes, %v", len(got), err)
	}
}
