package buildroot

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/fit"
	"duostoryteller/imagebuilder/rootfs"
	"duostoryteller/tests/testmodel"
)

func put(t *testing.T, data []byte, mode fs.FileMode, elem ...string) {
	t.Helper()
	name := filepath.Join(elem...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, mode); err != nil {
		t.Fatal(err)
	}
}

const release = "7.3.4-storyteller"

// addKernel puts a stand-in for the kernel into Buildroot's output folder, with
// the configuration that the board asks for.
func addKernel(t *testing.T, out string) {
	t.Helper()
	b, err := board.Load(filepath.Join(repository, "board"), "milkv-duo")
	if err != nil {
		t.Fatal(err)
	}
	var config strings.Builder
	for _, name := range b.Kernel.Fragments {
		config.WriteString(read(t, name))
	}
	kernel := "\x00\xffLinux version " + release + " (a@b) (riscv64-buildroot-linux-musl-gcc (Buildroot) 14.3.0, GNU ld (GNU Binutils) 2.44) #1 PREEMPT\n\x00"
	put(t, []byte(kernel), 0o644, out, "images", "Image")
	for _, tree := range b.Kernel.DeviceTrees {
		put(t, emptyTree(), 0o644, out, "images", strings.TrimSuffix(filepath.Base(tree), ".dts")+".dtb")
	}
	build := filepath.Join(out, "build", "linux-7.3.4")
	put(t, []byte(config.String()), 0o644, build, ".config")
	put(t, []byte(release+"\n"), 0o644, build, "include", "config", "kernel.release")
	put(t, []byte("6.18.0\n"), 0o644, out, "build", "linux-6.18", "include", "config", "kernel.release")
}

// emptyTree is the smallest device tree blob (Devicetree Specification 0.4,
// chapter 5).
func emptyTree() []byte {
	const header, reserved, structure = 40, 16, 16
	var b bytes.Buffer
	binary.Write(&b, binary.BigEndian, []uint32{
		0xd00dfeed, header + reserved + structure, header + reserved, header + reserved + structure, header, 17, 16, 0, 0, structure,
		0, 0, 0, 0, // no memory reserved
		1, 0, 2, 9, // begin node "", end node, end
	})
	return b.Bytes()
}

// output makes up what Buildroot leaves: imagebuilder, kernel, target folder.
func output(t *testing.T) string {
	t.Helper()
	out := t.TempDir()
	compile := func(arch, name, pkg string) {
		t.Helper()
		path := filepath.Join(out, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", path, pkg)
		cmd.Dir = repository
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if arch != "" {
			cmd.Env = append(cmd.Env, "GOOS=linux", "GOARCH="+arch)
		}
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", pkg, err, text)
		}
	}
	compile("", "host/bin/imagebuilder", "./imagebuilder/cmd/imagebuilder")
	source := filepath.Join(out, "build", "program.go")
	put(t, []byte("package main\n\nfunc main() { println(\"Once upon a time\") }\n"), 0o644, source)
	compile("riscv64", "target/sbin/init", source)
	compile("riscv64", "target/bin/storyteller", source)
	put(t, []byte("a voice"), 0o755, out, "target/usr/lib/storyteller/voices/voice-kal16")
	put(t, []byte("ears"), 0o755, out, "target/usr/lib/storyteller/hearing/recogniser")
	put(t, []byte("a check"), 0o755, out, "target/sbin/fsck.fat")
	put(t, []byte("duo\n"), 0o644, out, "target/etc/hostname")
	put(t, nil, 0o644, out, "target/dev/log")
	put(t, []byte("not this"), 0o644, out, "target/THIS_IS_NOT_YOUR_ROOT_FILESYSTEM")
	if err := os.Symlink("../proc/self/mounts", filepath.Join(out, "target/etc/mtab")); err != nil {
		t.Fatal(err)
	}
	addKernel(t, out)
	return out
}

// postImage runs the script as Buildroot does.
func postImage(t *testing.T, out string, args ...string) (stderr string, err error) {
	t.Helper()
	model, tokenizer, err := testmodel.Models()[0].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Abs(external)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(path, "board", "storyteller", "post-image.sh")
	images := filepath.Join(out, "images")
	cmd := exec.Command(script, append([]string{images, "--model", model, "--tokenizer", tokenizer}, args...)...)
	cmd.Dir = t.TempDir()
	modules, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	downloads := t.TempDir()
	if err := os.Symlink(strings.TrimSpace(string(modules)), filepath.Join(downloads, "storyteller")); err != nil {
		t.Fatal(err)
	}
	host := filepath.Join(out, "host")
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(host, "bin")+":"+os.Getenv("PATH"), "GOPROXY=off",
		"BR2_EXTERNAL_STORYTELLER_PATH="+path, "BR2_DL_DIR="+downloads, "BASE_DIR="+out,
		"BINARIES_DIR="+images, "HOST_DIR="+host, "TARGET_DIR="+filepath.Join(out, "target"), "STORYTELLER_CACHE="+t.TempDir())
	var text bytes.Buffer
	cmd.Stderr = &text
	err = cmd.Run()
	return text.String(), err
}

// goLicence is where the card has Go's licence.
const goLicence = "usr/share/licences/go/LICENCE"

// checkCard reads the card that was made from Buildroot's output back.
func checkCard(t *testing.T, out string) fs.FS {
	t.Helper()
	f, err := os.Open(filepath.Join(out, "images", "storyteller.img"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	im, err := card.Open(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	boot, err := im.ReadFile("boot.sd")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fit.Read(boot); err != nil {
		t.Error(err)
	}
	part, err := im.Partition(2)
	if err != nil {
		t.Fatal(err)
	}
	root, err := rootfs.Open(part)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sbin/init", "bin/storyteller"} {
		got, err := fs.ReadFile(root, name)
		if want := read(t, out, "target", name); err != nil || string(got) != want {
			t.Errorf("the card's /%s has %d bytes, %v; want Buildroot's with %d", name, len(got), err, len(want))
		}
	}
	for _, name := range []string{"usr/share/storyteller/tokenizer.bin", "usr/share/storyteller/board.toml", goLicence, "proc", "sys", "boot", "dev"} {
		if _, err := fs.Stat(root, name); err != nil {
			t.Error(err)
		}
	}
	if models, err := fs.Glob(root, "usr/share/storyteller/model.*"); len(models) != 1 {
		t.Errorf("the card's models are %v, %v; want one, packed or not", models, err)
	}
	if _, err := fs.Stat(root, "THIS_IS_NOT_YOUR_ROOT_FILESYSTEM"); err == nil {
		t.Error("Buildroot's warning is on the card")
	}
	return root
}

func TestPostImage(t *testing.T) {
	out := output(t)
	if stderr, err := postImage(t, out); err != nil {
		t.Fatalf("post-image.sh: %v: %s", err, stderr)
	}
	root := checkCard(t, out)
	if got, err := fs.ReadFile(root, "etc/hostname"); string(got) != "duo\n" {
		t.Errorf("the card's /etc/hostname = %q, %v; want Buildroot's", got, err)
	}
	if got, err := fs.ReadLink(root, "etc/mtab"); got != "../proc/self/mounts" {
		t.Errorf("the card's /etc/mtab points at %q, %v; want where Buildroot's does", got, err)
	}
	if entries, err := fs.ReadDir(root, "dev"); len(entries) != 0 {
		t.Errorf("the card's /dev has %v, %v; want nothing, the kernel fills it", entries, err)
	}
	manifest := read(t, out, "images", "manifest.json")
	for _, want := range []string{"built by Buildroot", release, "riscv64-buildroot-linux-musl-gcc (Buildroot) 14.3.0", "voice-kal16", "recogniser"} {
		if !strings.Contains(manifest, want) {
			t.Errorf("manifest.json does not say %q", want)
		}
	}

	for _, tt := range []struct {
		name   string
		damage func(t *testing.T) (undo func())
		args   []string
		want   string
	}{
		{"no kernel", replace(out, "images/Image", ""), nil, "images/Image"},
		{"compressed kernel", replace(out, "images/Image", "\x1f\x8b"), nil, "no uncompressed kernel"},
		{"no device tree", replace(out, "images/duo.dtb", ""), nil, "duo.dtb"},
		{"configuration of another kernel", replace(out, "build/linux-7.3.4/include/config/kernel.release", "7.3.4\n"), nil, release},
		{"fragments not kept", replace(out, "build/linux-7.3.4/.config", "CONFIG_EXPERT=y\n"), nil, "CONFIG_EPOLL=y"},
		{"no init", replace(out, "target/sbin/init", ""), nil, "BR2_PACKAGE_STORYTELLER_INIT"},
		{"init of the host", replace(out, "target/sbin/init", read(t, out, "host/bin/imagebuilder")), nil, "64-bit RISC-V"},
		{"init is a script", replace(out, "target/sbin/init", "#!/bin/sh\n"), nil, "no program"},
		{"flags that contradict", replace(out, "target/etc/hostname", "duo\n"), []string{"--no-voice"}, "--from-buildroot"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer tt.damage(t)()
			stderr, err := postImage(t, out, tt.args...)
			if err == nil || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("post-image.sh = %v, %q; want it to fail with one line with %q", err, stderr, tt.want)
			}
		})
	}
}

// replace gives a file other content, or removes it for "", until undo.
func replace(out, name, content string) func(*testing.T) func() {
	return func(t *testing.T) func() {
		t.Helper()
		path := filepath.Join(out, name)
		old := read(t, path)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if content != "" {
			put(t, []byte(content), 0o755, path)
		}
		return func() { put(t, []byte(old), 0o755, path) }
	}
}
