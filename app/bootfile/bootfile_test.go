package bootfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/imagebuilder/fit"

	"github.com/u-root/u-root/pkg/dt"
)

// memory is a file in memory that may fail at a write.
type memory struct {
	data   []byte
	writes int // that succeed; negative: all
}

func (m *memory) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(m.data).ReadAt(p, at)
}

func (m *memory) WriteAt(p []byte, at int64) (int, error) {
	if m.writes == 0 {
		return 0, errors.New("input/output error")
	}
	m.writes--
	return copy(m.data[at:], p), nil
}

// bootSD is a boot.sd as the builder writes it, with the trees of the Duo.
func bootSD(t testing.TB) *memory {
	t.Helper()
	var blob bytes.Buffer
	tree := dt.FDT{Header: dt.Header{Magic: dt.Magic, Version: 17, LastCompVersion: 16}, RootNode: dt.NewNode("")}
	if _, err := tree.Write(&blob); err != nil {
		t.Fatal(err)
	}
	s := fit.Spec{Kernel: []byte("kernel"), KernelLoad: 1, KernelEntry: 1, Ramdisk: []byte("ramdisk")}
	for _, name := range []string{"duo", "duo-amplifier", "duo-host", "duo-host-amplifier"} {
		s.DeviceTrees = append(s.DeviceTrees, fit.DeviceTree{Name: name, Data: blob.Bytes()})
	}
	s.Configurations = []fit.Configuration{{Name: "config-a", DeviceTree: "duo", Default: true}, {Name: "config-b", DeviceTree: "duo"}, {Name: "config-qemu"}}
	var out bytes.Buffer
	if err := fit.Write(&out, s); err != nil {
		t.Fatal(err)
	}
	return &memory{out.Bytes(), -1}
}

// trees returns what the configurations start, by the builder's own reader, which
// checks every image, too.
func trees(t *testing.T, m *memory) string {
	t.Helper()
	f, err := fit.Read(m.data)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range f.Configurations {
		all = append(all, strings.TrimRight(c.DeviceTree, "_"))
	}
	return strings.Join(all, " ")
}

func TestChoose(t *testing.T) {
	m := bootSD(t)
	size := len(m.data)
	for _, step := range []struct {
		name    string
		changed bool
		want    string
	}{
		{"duo", false, "fdt-duo fdt-duo "},
		{"duo-host", true, "fdt-duo-host fdt-duo-host "},
		{"duo-host", false, "fdt-duo-host fdt-duo-host "},
		{"duo-host-amplifier", true, "fdt-duo-host-amplifier fdt-duo-host-amplifier "},
		{"duo", true, "fdt-duo fdt-duo "},
	} {
		changed, err := Choose(m, step.name)
		if err != nil || changed != step.changed {
			t.Errorf("Choose(%q) = %v, %v; want %v", step.name, changed, err, step.changed)
		}
		if got := trees(t, m); got != step.want || len(m.data) != size {
			t.Errorf("after Choose(%q) the trees are %q; want %q", step.name, got, step.want)
		}
	}
}

func TestChooseFails(t *testing.T) {
	m := bootSD(t)
	before := bytes.Clone(m.data)
	if _, err := Choose(m, "duo-other"); err == nil || !strings.Contains(err.Error(), `no device tree "duo-other"`) {
		t.Errorf("Choose of a tree that is not there = %v", err)
	}
	m.writes = 0
	if _, err := Choose(m, "duo-host"); err == nil || !strings.Contains(err.Error(), "input/output error") {
		t.Errorf("Choose on a card that fails = %v", err)
	}
	if !bytes.Equal(m.data, before) {
		t.Error("a choice that failed changed the file")
	}
	// Cut short anywhere, it is refused and stays as it was.
	for n := range len(before) - 1 {
		m := &memory{bytes.Clone(before[:n]), -1}
		if _, err := Choose(m, "duo-host"); err == nil || !bytes.Equal(m.data, before[:n]) {
			t.Fatalf("Choose in the first %d of %d bytes = %v", n, len(before), err)
		}
	}
}

func TestRunning(t *testing.T) {
	dir := t.TempDir()
	if got := Running(dir); got != "" {
		t.Errorf("a machine that is no Duo runs the tree %q", got)
	}
	if err := os.WriteFile(filepath.Join(dir, property), []byte("duo-host\x00"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := Running(dir); got != "duo-host" {
		t.Errorf("Running() = %q", got)
	}
}

// The names in board/milkv-duo/*.dts are those of the files.
func TestTreesSayTheirNames(t *testing.T) {
	files, err := filepath.Glob("../../board/milkv-duo/*.dts")
	if err != nil || len(files) < 4 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".dts")
		if want := property + ` = "` + name + `";`; !strings.Contains(string(text), want) {
			t.Errorf("%s has no line %s", file, want)
		}
	}
}

func FuzzChoose(f *testing.F) {
	f.Add(bootSD(f).data)
	f.Add(binary.BigEndian.AppendUint32(nil, magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := &memory{bytes.Clone(data), -1}
		if _, err := Choose(m, "duo-host"); err != nil {
			return
		}
		if len(m.data) != len(data) {
			t.Errorf("%d bytes became %d", len(data), len(m.data))
		}
		if changed, err := Choose(m, "duo-host"); changed && err == nil {
			t.Error("what was chosen is not there")
		}
	})
}

var _ io.ReaderAt = (*memory)(nil)
