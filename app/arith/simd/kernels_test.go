package simd

import (
	"bytes"
	"testing"
)

// TestNumbers: LEB128 as the specification's examples and limits have it.
func TestNumbers(t *testing.T) {
	for n, want := range map[int][]byte{0: {0}, 127: {0x7f}, 128: {0x80, 1}, 0xba: {0xba, 1}, 624485: {0xe5, 0x8e, 0x26}} {
		if got := unsigned(n); !bytes.Equal(got, want) {
			t.Errorf("unsigned(%d) = %x; want %x", n, got, want)
		}
	}
	for n, want := range map[int][]byte{0: {0}, 63: {0x3f}, 64: {0xc0, 0}, -1: {0x7f}, -64: {0x40}, -65: {0xbf, 0x7f}, 0xffff: {0xff, 0xff, 3}, -123456: {0xc0, 0xbb, 0x78}} {
		if got := signed(n); !bytes.Equal(got, want) {
			t.Errorf("signed(%d) = %x; want %x", n, got, want)
		}
	}
}

// TestInterleave: the lanes that each interleaving takes, by their bytes.
func TestInterleave(t *testing.T) {
	for _, test := range []struct {
		size  int
		upper bool
		want  []byte
	}{
		{8, false, []byte{0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23}},
		{4, true, []byte{8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31}},
		{2, false, []byte{0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23}},
	} {
		got := interleave(test.size, test.upper, nil, nil)
		if want := append([]byte{0xfd, 13}, test.want...); !bytes.Equal(got, want) {
			t.Errorf("interleave(%d, %v) = %v; want %v", test.size, test.upper, got, want)
		}
	}
}

// TestModule: the same bytes each time. Package tests/demo runs them.
func TestModule(t *testing.T) {
	if a, b := Module(), Module(); !bytes.Equal(a, b) || !bytes.HasPrefix(a, []byte("\x00asm\x01\x00\x00\x00")) {
		t.Errorf("Module() = %x, then %x", a, b)
	}
}
