package voices

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"duostoryteller/app/voice/child"
	"duostoryteller/imagebuilder/cachedir"
	"duostoryteller/imagebuilder/inputs"
)

// build makes the voices in a cache of their own, or skips where that cannot be.
func build(t *testing.T, cache string) *Result {
	t.Helper()
	if testing.Short() {
		t.Skip("fetches 60 MB of packages: not with -short")
	}
	if _, err := exec.LookPath(Compiler); err != nil {
		t.Skip("the voices need a compiler: apt-get install gcc-riscv64-linux-gnu")
	}
	lock, err := inputs.Read("../../" + inputs.File)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Build(context.Background(), Options{CacheDir: cache, Locked: &inputs.Store{Lock: lock, Cache: cache}})
	if err != nil {
		t.Skipf("the voices need Debian's packages: %v", err)
	}
	return r
}

func cacheDir(t *testing.T) string {
	t.Helper()
	dir, err := cachedir.Dir()
	if err != nil {
		t.Skip(err)
	}
	return dir
}

// unpack writes the result's files below dir.
func unpack(t *testing.T, r *Result, dir string) map[string][32]byte {
	t.Helper()
	sums := make(map[string][32]byte)
	for _, f := range r.Files {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		in.Close()
		if err != nil || int64(len(text)) != f.Size {
			t.Fatalf("%s: %d bytes, %v; want %d", f.Path, len(text), err, f.Size)
		}
		sums[f.Path] = sha256.Sum256(text)
		to := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, f.Mode); err != nil {
			t.Fatal(err)
		}
	}
	return sums
}

// The riscv64 programs speak, under QEMU's user emulation.
func TestBuild(t *testing.T) {
	r := build(t, cacheDir(t))
	dir := t.TempDir()
	sums := unpack(t, r, dir)
	var total int64
	for _, f := range r.Files {
		total += f.Size
	}
	if total > 26<<20 {
		t.Errorf("%d bytes in all; want at most 26 MB", total)
	}
	for _, p := range []string{"libc6-dev", "flite1-dev", "libespeak-ng-dev"} {
		if _, ok := sums["/usr/share/doc/"+p+"/copyright"]; !ok {
			t.Errorf("the licence of %s is missing", p)
		}
	}
	qemu, err := exec.LookPath("qemu-riscv64-static")
	if err != nil {
		if qemu, err = exec.LookPath("qemu-riscv64"); err != nil {
			t.Skip("speaking needs user emulation: apt-get install qemu-user-static")
		}
	}
	text := "Once upon a time, there was a little girl named Lily."
	req := []byte("SAY1\xe8\x03\x00\x00\xe8\x03\x00\x00\xe8\x03\x00\x00")
	req = append(binary.LittleEndian.AppendUint32(req, uint32(len(text))), text...)
	for _, c := range r.Components {
		if c.Name == child.Recogniser().File() {
			hears(t, qemu, filepath.Join(dir, "usr/lib/storyteller/hearing"))
			continue
		}
		cmd := exec.Command(qemu, filepath.Join(dir, "usr/lib/storyteller/voices", c.Name))
		cmd.Stdin = bytes.NewReader(req)
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if !bytes.HasPrefix(out, []byte("RATE\x04\x00\x00\x00")) || len(out) < 16 || string(out[len(out)-16:len(out)-12]) != "END " {
			t.Errorf("%s: %d bytes that do not begin with RATE and end with END", c.Name, len(out))
			continue
		}
		hz := binary.LittleEndian.Uint32(out[8:])
		if seconds := float64(len(out)) / 2 / float64(hz); seconds < 2 || seconds > 5 {
			t.Errorf("%s: %.1f s for 11 words; want 2 to 5", c.Name, seconds)
		}
	}
}

// hears has the recogniser decode a second of silence.
func hears(t *testing.T, qemu, dir string) {
	t.Helper()
	grammar, dictionary, fillers := filepath.Join(dir, "test.gram"), filepath.Join(dir, "test.dict"), filepath.Join(dir, "en-us/noisedict")
	for path, text := range map[string]string{
		grammar:    "#JSGF V1.0;\ngrammar test;\npublic <test> = [hello] dragon;\n",
		dictionary: "hello HH AH L OW\ndragon D R AE G AH N\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(qemu, filepath.Join(dir, "recogniser"), filepath.Join(dir, "en-us"), dictionary, fillers, grammar)
	cmd.Stdin = bytes.NewReader(append([]byte("PCM \x00\x7d\x00\x00"), make([]byte, 32000)...))
	out, err := cmd.Output()
	if err != nil || len(out) < 16 || string(out[len(out)-16:len(out)-12]) != "END " {
		t.Errorf("recogniser: %v, %q; want END at the end", err, out)
	}
}

// The same inputs give the same bytes.
func TestReproducible(t *testing.T) {
	first := unpack(t, build(t, cacheDir(t)), t.TempDir())
	// The second build shares the packages, not what was built from them.
	cache := t.TempDir()
	for _, d := range []string{"apt", "pool"} {
		if err := os.Symlink(filepath.Join(cacheDir(t), d), filepath.Join(cache, d)); err != nil {
			t.Fatal(err)
		}
	}
	second := unpack(t, build(t, cache), t.TempDir())
	if len(first) != len(second) {
		t.Errorf("%d files, then %d", len(first), len(second))
	}
	for name, sum := range first {
		if second[name] != sum {
			t.Errorf("%s differs from build to build", name)
		}
	}
}
