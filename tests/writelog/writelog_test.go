package writelog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// log builds a log's file.
func log(entries ...Entry) []byte {
	le := binary.LittleEndian
	sector := func(values ...uint64) []byte {
		b := make([]byte, Sector)
		for i, v := range values {
			le.PutUint64(b[8*i:], v)
		}
		return b
	}
	out := sector(magic, version, uint64(len(entries)), Sector)
	for _, e := range entries {
		flags := uint64(0)
		if e.Flush {
			flags = flagFlush
		}
		out = append(out, sector(uint64(e.Offset/Sector), uint64(len(e.Data)/Sector), flags, 0)...)
		out = append(out, e.Data...)
	}
	return out
}

func write(sector int, content ...byte) Entry {
	e := Entry{Offset: int64(sector) * Sector}
	for _, c := range content {
		e.Data = append(e.Data, bytes.Repeat([]byte{c}, Sector)...)
	}
	return e
}

// disk is a card of five sectors, read by their first bytes.
type disk []byte

func (d disk) WriteAt(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, errors.New("a write of nothing")
	}
	return copy(d[off:], p), nil
}

func (d disk) String() string {
	var b []byte
	for i := 0; i < len(d); i += Sector {
		b = append(b, d[i])
	}
	return string(b)
}

func newDisk() disk { return bytes.Repeat([]byte("-"), 5*Sector) }

func TestReplay(t *testing.T) {
	l, err := Read(bytes.NewReader(log(write(0, 'a'), write(1, 'b'), Entry{Flush: true}, write(2, 'c', 'd'), write(0, 'e'))))
	if err != nil || len(l) != 5 {
		t.Fatalf("Read() = %d entries, %v", len(l), err)
	}
	for _, tt := range []struct {
		after, torn int
		want        string
	}{
		{0, 0, "-----"}, {1, 0, "a----"}, {2, 0, "ab---"}, {3, 0, "ab---"}, {3, 1, "abc--"}, {4, 0, "abcd-"}, {5, 0, "ebcd-"}, {5, 1, "ebcd-"},
	} {
		d := newDisk()
		if err := l.Replay(d, l.InOrder(tt.after, tt.torn)); err != nil || d.String() != tt.want {
			t.Errorf("cut after %d, %d sectors torn: %s, %v; want %s", tt.after, tt.torn, d, err, tt.want)
		}
	}
	var seen []string
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		d := newDisk()
		if err := l.Replay(d, l.Reordered(5, r)); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, d.String())
	}
	slices.Sort(seen)
	if seen, want := slices.Compact(seen), []string{"ab---", "abcd-", "eb---", "ebcd-"}; !slices.Equal(seen, want) {
		t.Errorf("reordered: %q; want each of %q", seen, want)
	}
}

func TestDamaged(t *testing.T) {
	whole := log(write(0, 'a'), write(1, 'b'))
	bad := slices.Clone(whole)
	bad[0]++
	long := slices.Clone(whole)
	binary.LittleEndian.PutUint64(long[Sector+8:], 1<<40)
	for _, tt := range []struct {
		file []byte
		want string
	}{
		{nil, "superblock"}, {bad, "superblock"}, {whole[:len(whole)-1], "data of entry 1"}, {whole[:3*Sector], "entry 1 of 2"}, {long, "entry 0 is damaged"},
	} {
		if _, err := Read(bytes.NewReader(tt.file)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Read() = %v; want an error with %q", err, tt.want)
		}
	}
}
