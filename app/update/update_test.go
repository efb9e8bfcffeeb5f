package update

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMark(t *testing.T) {
	dir := t.TempDir()
	if got := ReadMark(dir); got != (Mark{}) {
		t.Errorf("ReadMark() where there is none = %v", got)
	}
	want := Mark{Works, Identity{41 << 20, 0x1a2b3c4d, 5}}
	if err := want.Write(dir); err != nil {
		t.Fatal(err)
	}
	if got := ReadMark(dir); got != want {
		t.Errorf("ReadMark() = %v; want %v", got, want)
	}
	for _, text := range []string{"", "works", "works: ", "works: 5 bytes of 2026-01-01 12:00:00", "dances: " + want.Identity.String(),
		"works: -5 bytes, CRC-32C 00000001, list 00000002", want.String() + " and more"} {
		if got := ParseMark([]byte(text)); got != (Mark{}) {
			t.Errorf("ParseMark(%q) = %v; want that of a new update", text, got)
		}
	}
}

func TestNext(t *testing.T) {
	id := Identity{100, 1, 2}
	for _, tt := range []struct {
		mark State
		was  Identity
		want Course
	}{
		{New, Identity{}, Try},
		{Trying, id, Fail}, {Works, id, Use}, {Failed, id, Leave}, {Off, id, Leave},
		// Another one, also of the same size, is new whatever became of the last.
		{Trying, Identity{100, 9, 2}, Try}, {Works, Identity{100, 9, 2}, Try}, {Failed, Identity{100, 9, 2}, Try}, {Off, Identity{100, 9, 2}, Try},
		{Works, Identity{99, 1, 2}, Try},
	} {
		if got := Next(Mark{tt.mark, tt.was}, id); got != tt.want {
			t.Errorf("Next(%v %v, %v) = %v; want %v", tt.mark, tt.was, id, got, tt.want)
		}
	}
}

func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), File)
	whole := make([]byte, 8<<10)
	binary.LittleEndian.PutUint32(whole[1024:], 0xe0f5e1e2)
	whole[1024+12] = 12
	binary.LittleEndian.PutUint32(whole[1024+36:], 2)
	other := make([]byte, 8<<10)
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"whole", whole, ""}, {"in part", whole[:5<<10], "5120 of 8192 bytes"}, {"nothing", nil, "no update"}, {"another file", other, "no update"},
	} {
		if err := os.WriteFile(path, tt.data, 0o644); err != nil {
			t.Fatal(err)
		}
		err := Check(path)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Check() = %v; want %q", tt.name, err, tt.want)
		}
	}
}

func FuzzParseMark(f *testing.F) {
	f.Add([]byte("works: 5 bytes, CRC-32C 00000001, list 00000002\r\n"))
	f.Add([]byte("trying: 5 bytes of 2026-01-01 12:00:00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m := ParseMark(text)
		if again := ParseMark([]byte(m.String())); again != m {
			t.Errorf("%q read as %v, and again as %v", text, m, again)
		}
	})
}
