package rootfs

import (
	"crypto/sha256"
	"os"
	"syscall"
	"testing"
)

func TestReproducible(t *testing.T) {
	sum := func(umask int) [32]byte {
		defer syscall.Umask(syscall.Umask(umask))
		data, err := os.ReadFile(image(t, sample(t)))
		if err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(data)
	}
	if got, want := sum(0o077), sum(0o002); got != want {
		t.Errorf("two images of the same files differ: %x and %x", got, want)
	}
}
