package card

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const mib = 1 << 20

// random returns n bytes that differ from seed to seed.
func random(n int, seed uint64) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed)}).Read(data)
	return data
}

func spec(bootSize int64) Spec {
	root := random(3*mib+512, 1)
	clear(root[mib : 2*mib])
	return Spec{
		Layout: Layout{BootStart: 4 * mib, BootSize: bootSize, RootStart: 4*mib + bootSize, RootSize: 4 * mib},
		Label:  "STORY",
		Files: []File{
			{"fip.bin", random(400_000, 2)},
			{"boot.sd", random(4*mib+1, 3)},
			{"storyteller.toml", []byte("prompt = \"Once\"\n")},
			{"results.json", random(512, 4)},
		},
		Root: bytes.NewReader(root), RootSize: int64(len(root)),
		Time: time.Unix(1_700_000_000, 0),
	}
}

func write(t *testing.T, s Spec) (name string, signature uint32) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "card.img")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if signature, err = Write(f, s); err != nil {
		t.Fatal(err)
	}
	return name, signature
}

func open(t *testing.T, name string) *Image {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	im, err := Open(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func TestReadBack(t *testing.T) {
	s := spec(40 * mib)
	name, signature := write(t, s)
	im := open(t, name)
	if im.Signature != signature || signature == 0 {
		t.Errorf("signature = %08x; want %08x, not 0", im.Signature, signature)
	}
	l := s.Layout
	want := fmt.Sprint([]Partition{
		{1, 0x0c, true, l.BootStart, l.BootSize},
		{2, 0x83, false, l.RootStart, l.RootSize},
	})
	if got := fmt.Sprint(im.Partitions); got != want {
		t.Errorf("partitions = %v; want %v", got, want)
	}
	files, err := im.Files()
	if err != nil || len(files) != len(s.Files) {
		t.Errorf("Files = %v, %v; want %d of them", files, err, len(s.Files))
	}
	for _, f := range s.Files {
		if got, err := im.ReadFile(strings.ToUpper(f.Name)); !bytes.Equal(got, f.Data) || err != nil {
			t.Errorf("ReadFile(%s) = %d bytes, %v; want %d bytes as written", f.Name, len(got), err, len(f.Data))
		}
	}
	part, err := im.Partition(2)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(io.LimitReader(part, s.RootSize))
	if err != nil {
		t.Fatal(err)
	}
	root, err := io.ReadAll(io.NewSectionReader(s.Root, 0, s.RootSize))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, root) {
		t.Error("partition 2 differs from the root file system put in")
	}
	if _, err := im.ReadFile("nothing"); err == nil {
		t.Error("ReadFile of a missing file succeeds")
	}
}

// TestSignature: other contents, other card.
func TestSignature(t *testing.T) {
	s := spec(40 * mib)
	_, first := write(t, s)
	s.Files[2].Data = []byte("prompt = \"Twice\"\n")
	if _, second := write(t, s); second == first {
		t.Errorf("signature of other contents = %08x again", second)
	}
}

// tool finds a program; those in sbin are not in everybody's path.
func tool(t *testing.T, name, pkg string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin", "/sbin"} {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p
		}
	}
	t.Skipf("%s is missing: apt-get install %s", name, pkg)
	return ""
}

// TestSizes sweeps FAT sizes, those known to be bad in go-diskfs among them.
func TestSizes(t *testing.T) {
	fsck, mdir := tool(t, "fsck.vfat", "dosfstools"), tool(t, "mdir", "mtools")
	sizes := []int64{34 * mib, 64*mib - 512, 64 * mib, 64*mib + 512, 65 * mib, 129 * mib, 194 * mib, 259 * mib, 300 * mib}
	for _, size := range sizes {
		s := spec(size)
		s.Files = s.Files[:1]
		name, _ := write(t, s)
		im := open(t, name)
		if _, err := im.Files(); err != nil {
			t.Errorf("FAT of %d bytes: Files: %v", size, err)
		}
		part := filepath.Join(t.TempDir(), "fat")
		r, err := im.Partition(1)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(part)
		if err != nil {
			t.Fatal(err)
		}
		if err := copySparse(f, r); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(fsck, "-n", part).CombinedOutput(); err != nil {
			t.Errorf("FAT of %d bytes: fsck.vfat: %v\n%s", size, err, out)
		}
		if out, err := exec.Command(mdir, "-i", part, "::").CombinedOutput(); err != nil || !bytes.Contains(bytes.ToLower(out), []byte("fip")) {
			t.Errorf("FAT of %d bytes: mdir: %v\n%s", size, err, out)
		}
	}
}

func TestSfdisk(t *testing.T) {
	sfdisk := tool(t, "sfdisk", "fdisk")
	name, signature := write(t, spec(40*mib))
	if out, err := exec.Command(sfdisk, "--verify", name).CombinedOutput(); err != nil {
		t.Errorf("sfdisk --verify: %v\n%s", err, out)
	}
	out, err := exec.Command(sfdisk, "--dump", name).CombinedOutput()
	if want := fmt.Sprintf("label-id: 0x%08x", signature); err != nil || !bytes.Contains(out, []byte(want)) {
		t.Errorf("sfdisk --dump = %v\n%s; want %s", err, out, want)
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Spec)
		want   string
	}{
		{"odd start", func(s *Spec) { s.Layout.BootStart = 1000 }, "multiple of 512"},
		{"overlap", func(s *Spec) { s.Layout.RootStart -= 512 }, "overlap"},
		{"root too large", func(s *Spec) { s.RootSize = 4*mib + 1 }, "board.toml"},
		{"FAT too small", func(s *Spec) { s.Layout.BootSize = 16 * mib }, "33 MiB"},
		{"files too large", func(s *Spec) { s.Files[0].Data = make([]byte, 39*mib) }, "room is for"},
		{"directory", func(s *Spec) { s.Files[0].Name = "a/b" }, "root directory"},
		{"empty file", func(s *Spec) { s.Files[0].Data = nil }, "is empty"},
		{"twice", func(s *Spec) { s.Files[0].Name = "BOOT.SD" }, "twice"},
	} {
		s := spec(40 * mib)
		tt.change(&s)
		f, err := os.Create(filepath.Join(t.TempDir(), "card"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Write(f, s); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Write = %v; want an error with %q", tt.name, err, tt.want)
		}
		if info, err := f.Stat(); err != nil || info.Size() != 0 {
			t.Errorf("%s: %d bytes were written, %v; want none", tt.name, info.Size(), err)
		}
		f.Close()
	}
}

func TestOpenRefuses(t *testing.T) {
	name, _ := write(t, spec(40*mib))
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "empty"},
		{"short", good[:100], "no card"},
		{"zeros", make([]byte, mib), "no master boot record"},
		{"no partitions", append(make([]byte, 510), 0x55, 0xaa), "no partitions"},
		{"truncated", good[:len(good)-1], "truncated"},
	} {
		if _, err := Open(bytes.NewReader(tt.data), int64(len(tt.data))); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Open = %v; want an error with %q", tt.name, err, tt.want)
		}
	}
}

// TestFAT16 reads the kind of FAT that official images seem to carry.
func TestFAT16(t *testing.T) {
	mkfs, mcopy := tool(t, "mkfs.vfat", "dosfstools"), tool(t, "mcopy", "mtools")
	part := filepath.Join(t.TempDir(), "fat16")
	want := random(300_000, 9)
	src := filepath.Join(t.TempDir(), "fip.bin")
	if err := os.WriteFile(src, want, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(part, make([]byte, 32*mib), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range []*exec.Cmd{exec.Command(mkfs, "-F", "16", part), exec.Command(mcopy, "-i", part, src, "::")} {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	}
	data, err := os.ReadFile(part)
	if err != nil {
		t.Fatal(err)
	}
	fat, err := newFAT(io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data))))
	if err != nil {
		t.Fatal(err)
	}
	files, err := fat.files()
	if err != nil || len(files) != 1 || files[0].Name != "fip.bin" {
		t.Fatalf("files = %v, %v; want fip.bin", files, err)
	}
	if got, err := fat.chain(files[0].cluster, files[0].Size); !bytes.Equal(got, want) || err != nil {
		t.Errorf("fip.bin = %d bytes, %v; want %d bytes as copied", len(got), err, len(want))
	}
}

// allocated is the memory that f takes, all in all, in bytes.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestLoopingRoot reads a card of 4 GB whose root directory's chain of clusters leads
// back to itself: an error, in little memory.
func TestLoopingRoot(t *testing.T) {
	const clusterSectors, clusters, tableSectors = 128, 70_000, 547
	name := filepath.Join(t.TempDir(), "looping")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const sectors = 1 + tableSectors + clusters*clusterSectors
	le := binary.LittleEndian
	boot := make([]byte, 2*sector)
	le.PutUint16(boot[11:], sector)
	boot[13] = clusterSectors
	le.PutUint16(boot[14:], 1) // reserved
	boot[16] = 1               // table
	le.PutUint32(boot[32:], sectors)
	le.PutUint32(boot[36:], tableSectors)
	le.PutUint32(boot[44:], 2) // the root directory
	boot[510], boot[511] = 0x55, 0xaa
	le.PutUint32(boot[sector+2*4:], 2)
	if _, err := f.WriteAt(boot, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(sectors * sector); err != nil {
		t.Fatal(err)
	}
	fat, err := newFAT(io.NewSectionReader(f, 0, sectors*sector))
	if err != nil {
		t.Fatal(err)
	}
	n := allocated(func() { _, err = fat.files() })
	if err == nil || !strings.Contains(err.Error(), "chain is broken") || n > 100<<20 {
		t.Errorf("files = %v, in %d bytes of memory; want that the chain is broken, in little", err, n)
	}
}

func TestWriteFails(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "card"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := Write(f, spec(40*mib)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Write to a closed file = %v; want %v", err, fs.ErrClosed)
	}
}

// FuzzFAT reads broken FAT16 and FAT32 file systems: an error, never a hang,
// a panic or more memory than the image has.
func FuzzFAT(f *testing.F) {
	boot := make([]byte, sector)
	copy(boot[11:], []byte{0, 2, 1, 1, 0, 1, 32, 0, 0, 32, 0, 32, 0}) // 16-bit, 8192 sectors
	boot[510], boot[511] = 0x55, 0xaa
	f.Add(boot, []byte("FIP     BIN \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x02\x00\x00"), []byte{0, 0, 0, 0, 2, 0})
	f.Fuzz(func(t *testing.T, boot, dir, table []byte) {
		const size = 4 * mib
		data := make([]byte, size)
		copy(data, boot[:min(len(boot), sector)])
		copy(data[sector:], table[:min(len(table), 32*sector)])
		copy(data[33*sector:], dir[:min(len(dir), 16*sector)])
		fat, err := newFAT(io.NewSectionReader(bytes.NewReader(data), 0, size))
		if err != nil {
			return
		}
		files, _ := fat.files()
		for _, file := range files {
			got, err := fat.chain(file.cluster, file.Size)
			if err == nil && int64(len(got)) != file.Size {
				t.Errorf("%s has %d bytes; want %d", file.Name, len(got), file.Size)
			}
		}
	})
}
