package card

import (
	"bytes"
	"os"
	"testing"
)

// TestUsed writes the used stretches alone over noise: whoever reads the card
// must not see the difference.
func TestUsed(t *testing.T) {
	s := spec(40 * mib)
	name, _ := write(t, s)
	image, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	im := open(t, name)
	worn := random(len(image), 9)
	var sum, end int64
	for _, e := range im.Used() {
		if e.Start%BlockSize != 0 || e.Start <= end && end != 0 || e.Start+e.Size > im.Size {
			t.Fatalf("extent %+v after byte %d of %d", e, end, im.Size)
		}
		copy(worn[e.Start:], image[e.Start:e.Start+e.Size])
		sum, end = sum+e.Size, e.Start+e.Size
	}
	if least, most := int64(9*mib), im.Size/2; sum < least || sum > most {
		t.Errorf("used %d bytes; want %d to %d", sum, least, most)
	}
	again, err := Open(bytes.NewReader(worn), int64(len(worn)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Files {
		if got, err := again.ReadFile(f.Name); !bytes.Equal(got, f.Data) || err != nil {
			t.Errorf("ReadFile(%s) = %d bytes, %v; want %d bytes as written", f.Name, len(got), err, len(f.Data))
		}
	}
	fat, err := again.openFAT()
	if err != nil {
		t.Fatal(err)
	}
	before, err := im.openFAT()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(fat.table, before.table) {
		t.Error("the allocation table differs")
	}
	l := s.Layout
	if !bytes.Equal(worn[l.RootStart:l.RootStart+l.RootSize], image[l.RootStart:l.RootStart+l.RootSize]) {
		t.Error("a partition of an unknown kind is not written whole")
	}
}
