package fit

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/u-root/u-root/pkg/dt"
)

// tree is a small valid device tree blob.
func tree(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	f := dt.FDT{Header: dt.Header{Magic: dt.Magic, Version: 17, LastCompVersion: 16},
		RootNode: dt.NewNode("", dt.WithProperty(dt.PropertyString("model", "test")))}
	if _, err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// kernel is n bytes that neither compress to nothing nor not at all.
func kernel(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(20))
	}
	return b
}

func spec(t testing.TB) Spec {
	return Spec{
		Description: "test",
		Kernel:      kernel(300_000),
		KernelLoad:  0x80200000,
		KernelEntry: 0x80200000,
		Ramdisk:     kernel(5000),
		DeviceTrees: []DeviceTree{{"duo", tree(t)}},
		Configurations: []Configuration{
			{Name: "config-a", DeviceTree: "duo", Default: true},
			{Name: "config-b"},
		},
	}
}

func write(t testing.TB, s Spec) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWriteRead(t *testing.T) {
	s := spec(t)
	text := write(t, s)
	if !bytes.Equal(text, write(t, s)) {
		t.Error("Write() gave other bytes the second time")
	}
	f, err := Read(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Images) != 3 || len(f.Configurations) != 2 || f.Default != "config-a" || f.Description != "test" {
		t.Fatalf("Read() = %d images, %d configurations, default %q, %q", len(f.Images), len(f.Configurations), f.Default, f.Description)
	}
	if r := f.Images[2]; r.Type != "ramdisk" || r.Compression != "none" || !bytes.Equal(r.Data, s.Ramdisk) || f.Configurations[1].Ramdisk != r.Name {
		t.Errorf("ramdisk = %s, %s, %d bytes; configuration %+v", r.Type, r.Compression, len(r.Data), f.Configurations[1])
	}
	k := f.Images[0]
	if k.Type != "kernel" || k.Compression != "lzma" || k.Load != s.KernelLoad || k.Entry != s.KernelEntry {
		t.Errorf("kernel = %s, %s, %#x, %#x", k.Type, k.Compression, k.Load, k.Entry)
	}
	if got, err := k.Unpack(); err != nil || !bytes.Equal(got, s.Kernel) {
		t.Errorf("kernel unpacked: %d bytes, %v; want the %d that went in", len(got), err, len(s.Kernel))
	}
	if got, err := f.Images[1].Unpack(); err != nil || !bytes.Equal(got, s.DeviceTrees[0].Data) {
		t.Errorf("device tree = %d bytes, %v", len(got), err)
	}
	if got, ok := f.Configuration("config-a"); !ok || got != (Setting{"config-a", "kernel-1", "fdt-duo", "ramdisk-1"}) {
		t.Errorf("Configuration(config-a) = %+v, %v", got, ok)
	}
	if got, ok := f.Configuration("config-b"); !ok || got != (Setting{"config-b", "kernel-1", "", "ramdisk-1"}) {
		t.Errorf("Configuration(config-b) = %+v, %v", got, ok)
	}
	if _, ok := f.Configuration("config-c"); ok {
		t.Error("Configuration() found one that is not there")
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		change     func(*Spec)
	}{
		{"no kernel", "empty", func(s *Spec) { s.Kernel = nil }},
		{"no tree", "no device tree blob", func(s *Spec) { s.DeviceTrees[0].Data = []byte("/dts-v1/;") }},
		{"missing tree", "not there", func(s *Spec) { s.Configurations[1].DeviceTree = "x" }},
		{"two defaults", "2 configurations", func(s *Spec) { s.Configurations[1].Default = true }},
		{"too large", "more than U-Boot has room for", func(s *Spec) { s.MaxSize = 10_000 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := spec(t)
			tt.change(&s)
			var b bytes.Buffer
			if err := Write(&b, s); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Write() = %v; want %q", err, tt.want)
			}
			if b.Len() != 0 {
				t.Errorf("Write() left %d bytes", b.Len())
			}
		})
	}
}

func TestReadDamaged(t *testing.T) {
	text := write(t, spec(t))
	for _, n := range []int{0, 3, 39, 40, len(text) / 2, len(text) - 1} {
		if _, err := Read(text[:n]); err == nil {
			t.Errorf("Read() of the first %d of %d bytes succeeded", n, len(text))
		}
	}
	f, err := Read(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, im := range f.Images {
		at := bytes.Index(text, im.Data)
		bad := bytes.Clone(text)
		bad[at+len(im.Data)/2] ^= 1
		if _, err := Read(bad); err == nil || !strings.Contains(err.Error(), im.Name) {
			t.Errorf("Read() with a flipped bit in %s = %v", im.Name, err)
		}
	}
	if _, err := Read(tree(t)); err == nil {
		t.Error("Read() took a plain device tree")
	}
}

// TestAlignment: wherever the kernel ends, device trees begin at multiples of 8.
func TestAlignment(t *testing.T) {
	padded := 0
	for n := range 40 {
		s := spec(t)
		s.Kernel = kernel(1000 + 3*n)
		s.DeviceTrees = append(s.DeviceTrees, DeviceTree{"other", append(tree(t), "rest"...)})
		text := write(t, s)
		for _, d := range s.DeviceTrees {
			if at := bytes.LastIndex(text, d.Data); at%8 != 0 {
				t.Errorf("kernel of %d bytes: device tree %s at %d", len(s.Kernel), d.Name, at)
			}
		}
		if bytes.Contains(text, []byte("padding")) {
			padded++
		}
		if _, err := Read(text); err != nil {
			t.Error(err)
		}
	}
	if padded == 0 {
		t.Error("no case needed padding: the test shows nothing")
	}
}

// TestTools asks other programs of the format's owners.
func TestTools(t *testing.T) {
	text := write(t, spec(t))
	name := filepath.Join(t.TempDir(), "boot.sd")
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Run("mkimage", func(t *testing.T) {
		out := tool(t, "u-boot-tools", "mkimage", "-l", name)
		for _, want := range []string{"Default Configuration: 'config-a'", "Compression:  lzma compressed", "0x80200000", "sha256", "fdt-duo"} {
			if !strings.Contains(out, want) {
				t.Errorf("mkimage -l lacks %q:\n%s", want, out)
			}
		}
	})
	kernelFile := filepath.Join(t.TempDir(), "kernel.lzma")
	t.Run("dumpimage", func(t *testing.T) {
		tool(t, "u-boot-tools", "dumpimage", "-T", "flat_dt", "-p", "0", "-o", kernelFile, name)
		tool(t, "xz-utils", "xz", "--format=lzma", "-d", kernelFile)
		if got, err := os.ReadFile(strings.TrimSuffix(kernelFile, ".lzma")); err != nil || !bytes.Equal(got, kernel(300_000)) {
			t.Errorf("dumpimage and xz give %d bytes, %v; want the kernel", len(got), err)
		}
	})
	t.Run("dtc", func(t *testing.T) {
		tool(t, "device-tree-compiler", "dtc", "-q", "-I", "dtb", "-O", "dts", "-o", os.DevNull, name)
	})
}

func tool(t *testing.T, pkg, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skipf("%s is missing: apt-get install %s", name, pkg)
	}
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func FuzzRead(f *testing.F) {
	s := spec(f)
	s.Kernel = kernel(100)
	f.Add(write(f, s))
	f.Add(tree(f))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Read(text)
		if err != nil {
			return
		}
		for _, im := range got.Images {
			im.Unpack()
		}
	})
}
