package commands

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/app/update"
)

func TestUpdate(t *testing.T) {
	dir := t.TempDir()
	image := make([]byte, 8<<10) // an EROFS of two blocks
	binary.LittleEndian.PutUint32(image[1024:], 0xe0f5e1e2)
	image[1024+12] = 12
	binary.LittleEndian.PutUint32(image[1024+36:], 2)
	do := func(running bool, in []byte, args ...string) (string, error) {
		var out bytes.Buffer
		err := updater{dir, running}.run(Streams{bytes.NewReader(in), &out, &out}, args)
		return out.String(), err
	}
	state := func() update.State { return update.ReadMark(dir).State }
	file := filepath.Join(dir, update.File)
	if _, err := do(false, nil, "off"); err == nil {
		t.Error("update off without one succeeded")
	}
	if out, err := do(false, image); err != nil || !strings.Contains(out, "next start") {
		t.Errorf("update = %q, %v", out, err)
	}
	if got, err := os.ReadFile(file); !bytes.Equal(got, image) || err != nil {
		t.Errorf("the file has %d bytes, %v; want what was sent", len(got), err)
	}
	works := update.Mark{State: update.Works, Identity: update.Identity{Size: int64(len(image)), Content: 7, List: 8}}
	if err := works.Write(dir); err != nil {
		t.Fatal(err)
	}
	// The one that runs stays as it is.
	if out, err := do(true, image[:100]); err == nil || !strings.Contains(err.Error(), "update off") {
		t.Errorf("update of the system that runs = %q, %v; want a refusal that says what to do", out, err)
	}
	if got, err := os.ReadFile(file); !bytes.Equal(got, image) || err != nil || state() != update.Works {
		t.Errorf("after a refusal: %d bytes, %v, %q", len(got), err, state())
	}
	if _, err := do(true, nil, "off"); err != nil || update.ReadMark(dir) != (update.Mark{State: update.Off, Identity: works.Identity}) {
		t.Errorf("update off: %v, the mark is %v", err, update.ReadMark(dir))
	}
	if _, err := do(false, nil, "on"); err != nil || state() != update.New {
		t.Errorf("update on: %v, it is %q", err, state())
	}
	// A line that is cut leaves no half of an update.
	if _, err := do(false, image[:5000]); err == nil || !strings.Contains(err.Error(), "in part") {
		t.Errorf("half an update: %v; want an error", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if status, _, errs := run("", "update", "dance"); status != 2 || !strings.Contains(errs, "usage") {
		t.Errorf("update dance = %d, %q", status, errs)
	}
}
