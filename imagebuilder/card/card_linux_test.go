package card

import (
	"bytes"
	"os"
	"syscall"
	"testing"
)

func TestReproducible(t *testing.T) {
	data := func(umask int, clock string) []byte {
		defer syscall.Umask(syscall.Umask(umask))
		t.Setenv("SOURCE_DATE_EPOCH", clock) // go-diskfs reads it in place of the clock
		name, _ := write(t, spec(40*mib))
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if !bytes.Equal(data(0o077, "1000000000"), data(0o002, "1500000000")) {
		t.Error("two cards of the same files differ")
	}
}

func TestSparse(t *testing.T) {
	name, _ := write(t, spec(64*mib))
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	got := info.Sys().(*syscall.Stat_t).Blocks * 512
	if limit := info.Size() / 3; got > limit {
		t.Errorf("the card takes %d bytes on disk; want at most %d of %d", got, limit, info.Size())
	}
}
