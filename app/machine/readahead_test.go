package machine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSetReadAhead(t *testing.T) {
	blocks := t.TempDir()
	disk := filepath.Join(blocks, "mmcblk0", "queue")
	if err := os.MkdirAll(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(disk, "read_ahead_kb")
	if err := os.WriteFile(file, []byte("16\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	restore, err := setReadAhead(blocks, UsualReadAhead)
	if got, _ := os.ReadFile(file); string(got) != "128" || err != nil {
		t.Errorf("%s has %q, %v; want 128", file, got, err)
	}
	restore()
	if got, _ := os.ReadFile(file); string(got) != "16" {
		t.Errorf("then %s has %q; want 16 again", file, got)
	}
}
