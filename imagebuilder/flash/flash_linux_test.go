package flash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"duostoryteller/imagebuilder/card"

	"golang.org/x/sys/unix"
)

const mib = 1 << 20

func noise(n int, seed byte) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(data)
	return data
}

// cardImage is a small card with stretches of zeros that matter and that do not.
func cardImage(t *testing.T) []byte {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "card.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	root := noise(2*mib, 1)
	clear(root[mib/2 : mib])
	_, err = card.Write(f, card.Spec{
		Layout: card.Layout{BootStart: mib, BootSize: 34 * mib, RootStart: 35 * mib, RootSize: 2*mib + 512},
		Label:  "STORY",
		Files:  []card.File{{Name: "boot.sd", Data: noise(mib+1, 2)}},
		Root:   bytes.NewReader(root), RootSize: int64(len(root)), Time: time.Unix(1_700_000_000, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// usedCard is a file full of an earlier card's data.
func usedCard(t *testing.T, size int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "worn")
	if err := os.WriteFile(name, noise(size, 3), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// sameCard fails unless device has the image wherever it matters, and still its
// earlier data behind the image.
func sameCard(t *testing.T, device string, image []byte) {
	t.Helper()
	got, err := os.ReadFile(device)
	if err != nil {
		t.Fatal(err)
	}
	im, err := card.Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range im.Used() {
		if !bytes.Equal(got[e.Start:e.Start+e.Size], image[e.Start:e.Start+e.Size]) {
			t.Errorf("%s differs from the image in %+v", device, e)
		}
	}
	if before := noise(len(got), 3); !bytes.Equal(got[len(image):], before[len(image):]) {
		t.Errorf("%s changed behind the image's end", device)
	}
}

func TestFile(t *testing.T) {
	image := cardImage(t)
	name := usedCard(t, len(image)+mib)
	if _, err := Find(name, false); err == nil || !strings.Contains(err.Error(), "--file") {
		t.Errorf("Find(a file) = %v; want it to ask for --file", err)
	}
	d, err := Find(name, true)
	if err != nil {
		t.Fatal(err)
	}
	steps := map[string]int64{}
	r, err := Write(t.Context(), d, bytes.NewReader(image), int64(len(image)), func(what string, done, total int64) {
		if done <= steps[what] || done > total {
			t.Errorf("%s: %d of %d after %d", what, done, total, steps[what])
		}
		steps[what] = done
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Written+r.Skipped != int64(len(image)) || r.Skipped < 30*mib {
		t.Errorf("Write() = %+v of %d; want most skipped", r, len(image))
	}
	if steps["writing"] != r.Written || steps["verifying"] != r.Written {
		t.Errorf("progress ended at %v; want %d for both", steps, r.Written)
	}
	sameCard(t, name, image)
}

func TestRefused(t *testing.T) {
	image := cardImage(t)
	small := usedCard(t, len(image)-512)
	big := usedCard(t, len(image))
	for _, tt := range []struct {
		name, path string
		image      []byte
		want       string
	}{
		{"too small", small, image, "a larger card is needed"},
		{"no card image", big, noise(mib, 5), "no master boot record"},
		{"compressed", big, noise(mib+1, 5), "still compressed"},
		{"missing", "/does/not/exist", image, "lsblk"},
		{"folder", t.TempDir(), image, "no disk"},
		{"character device", "/dev/null", image, "no disk"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := Find(tt.path, true)
			if err == nil {
				_, err = Write(t.Context(), d, bytes.NewReader(tt.image), int64(len(tt.image)), nil)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error = %v; want one line with %q", err, tt.want)
			}
		})
	}
	got, err := os.ReadFile(big)
	if err != nil || !bytes.Equal(got, noise(len(got), 3)) {
		t.Errorf("a refused card changed (%v)", err)
	}
}

// fake is a card that breaks in one way.
type fake struct {
	data   []byte
	failAt int64 // writing that byte fails, short
	lieAt  int64 // that byte is not kept
	loseAt int   // this many Syncs go well
	after  func()
}

func (f *fake) WriteAt(p []byte, at int64) (int, error) {
	if f.after != nil {
		f.after()
	}
	if f.failAt > 0 && at+int64(len(p)) > f.failAt {
		n := copy(f.data[at:f.failAt], p)
		return n, syscall.EIO
	}
	n := copy(f.data[at:], p)
	if f.lieAt > 0 {
		f.data[f.lieAt] ^= 1
	}
	return n, nil
}

func (f *fake) ReadAt(p []byte, at int64) (int, error) { return bytes.NewReader(f.data).ReadAt(p, at) }
func (f *fake) Discard(start, size int64)              { clear(f.data[start : start+size]) }
func (f *fake) Sync() error {
	if f.loseAt--; f.loseAt == -1 {
		return syscall.EIO
	}
	return nil
}

func TestBroken(t *testing.T) {
	image := cardImage(t)
	im, err := card.Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	writes := 0
	for _, tt := range []struct {
		name string
		fake fake
		want string
	}{
		{"write error", fake{failAt: 36*mib + 1000}, fmt.Sprintf("byte %d: input/output error", 36*mib+1000)},
		{"error at once", fake{failAt: 5}, "byte 5:"},
		{"sync error", fake{loseAt: 0}, "does not keep"},
		{"second sync error", fake{loseAt: 1}, "does not keep"},
		{"a bit flips", fake{lieAt: 2*mib + 7, loseAt: 9}, fmt.Sprintf("byte %d reads back", 2*mib+7)},
		{"interrupted", fake{after: func() {
			if writes++; writes == 3 {
				cancel()
			}
		}}, "half written"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := ctx
			if tt.name != "interrupted" {
				ctx = t.Context()
			}
			if tt.fake.failAt > 0 {
				tt.fake.loseAt = 9
			}
			tt.fake.data = noise(len(image), 3)
			_, err := transfer(ctx, &tt.fake, bytes.NewReader(image), int64(len(image)), im.Used(), func(string, int64, int64) {})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("transfer() = %v; want %q", err, tt.want)
			}
			if errors.Is(err, context.Canceled) {
				t.Error("the error is context.Canceled, which stands for nothing half written")
			}
			whole := tt.fake.lieAt > 0 || tt.name == "second sync error"
			if _, err := card.Open(bytes.NewReader(tt.fake.data), int64(len(image))); tt.fake.failAt != 5 && (err == nil) != whole {
				t.Errorf("the card has a boot record: %v; want %v", err == nil, whole)
			}
		})
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	untouched := fake{data: noise(len(image), 3)}
	if _, err := transfer(ctx, &untouched, bytes.NewReader(image), int64(len(image)), im.Used(), nil); err == nil || !bytes.Equal(untouched.data, noise(len(image), 3)) {
		t.Errorf("transfer() after an interrupt = %v; want an error and an untouched card", err)
	}
}

// disks is a fake sysfs with one disk of each kind.
func disks(t *testing.T) host {
	t.Helper()
	h := host{filepath.Join(t.TempDir(), "sys"), filepath.Join(t.TempDir(), "proc")}
	put := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for dev, disk := range map[string]struct {
		dir   string
		files map[string]string
	}{
		"8:0":   {"pci/ata1/block/sda", map[string]string{"device/model": "Some SSD"}},
		"8:16":  {"pci/usb1/1-1/block/sdb", map[string]string{"device/vendor": "Acme  ", "device/model": "Reader"}},
		"8:32":  {"pci/usb1/1-2/block/sdc", map[string]string{"size": "0"}},
		"8:48":  {"pci/usb1/1-3/block/sdd", map[string]string{"ro": "1"}},
		"8:64":  {"pci/usb1/1-4/block/sde", map[string]string{"queue/logical_block_size": "4096"}},
		"8:80":  {"pci/ata2/block/sdf", map[string]string{"removable": "1"}},
		"8:96":  {"pci/usb1/1-5/block/sdg", map[string]string{"sdg1/dev": "8:97", "sdg1/partition": "1"}},
		"8:97":  {"pci/usb1/1-5/block/sdg/sdg1", map[string]string{"partition": "1"}},
		"8:112": {"pci/usb1/1-6/block/sdh", map[string]string{"sdh2/dev": "8:114", "sdh2/holders/dm-0/dev": "254:0"}},
		"8:128": {"pci/usb1/1-7/block/sdi", map[string]string{"sdi1/dev": "8:129"}},
		"179:0": {"platform/mmc_host/mmc0/block/mmcblk0", map[string]string{"device/type": "MMC", "device/name": "BJTD4R"}},
		"179:8": {"platform/mmc_host/mmc1/block/mmcblk1", map[string]string{"device/type": "SD", "device/name": "SC16G"}},
	} {
		dir := filepath.Join(h.sys, "devices", disk.dir)
		for name, text := range map[string]string{"dev": dev, "size": "8192", "ro": "0", "removable": "0", "queue/logical_block_size": "512"} {
			put(filepath.Join(dir, name), text)
		}
		for name, text := range disk.files {
			put(filepath.Join(dir, name), text)
		}
		link := filepath.Join(h.sys, "dev/block", dev)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(dir, link); err != nil {
			t.Fatal(err)
		}
	}
	put(filepath.Join(h.proc, "self/mountinfo"), "21 1 8:129 / / rw - ext4 /dev/root rw\n22 21 8:97 / /media/My\\040card rw shared:1 - vfat none rw")
	put(filepath.Join(h.proc, "swaps"), "Filename Type Size Used Priority")
	return h
}

// TestChanged puts another file, and another card, in the place of the one that
// was asked about.
func TestChanged(t *testing.T) {
	dir := t.TempDir()
	name, other := filepath.Join(dir, "card"), filepath.Join(dir, "other")
	for _, file := range []string{name, other} {
		if err := os.WriteFile(file, make([]byte, 4096), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Find(name, true)
	if err != nil {
		t.Fatal(err)
	}
	f, err := open(d)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.Rename(other, name); err != nil {
		t.Fatal(err)
	}
	if _, err := open(d); err == nil || !strings.Contains(err.Error(), "nothing was written") {
		t.Errorf("open of another file = %v; want it refused", err)
	}

	h := disks(t)
	dev := unix.Mkdev(8, 16)
	before := h.identify(dev)
	if before != h.identify(dev) {
		t.Error("one card is two")
	}
	if err := os.WriteFile(filepath.Join(h.sys, "dev/block/8:16/diskseq"), []byte("7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if before == h.identify(dev) {
		t.Error("a card put in anew is not told from the one before")
	}
}

func TestFind(t *testing.T) {
	h := disks(t)
	for _, tt := range []struct {
		major, minor uint32
		want         string
	}{
		{8, 0, "inside this machine (Some SSD sda)"},
		{8, 16, "d: USB Acme Reader, 0.0 GB"},
		{8, 32, "put a card"},
		{8, 48, "write-protected"},
		{8, 64, "sectors of 4096"},
		{8, 80, "d: removable disk, "},
		{8, 96, "/dev/sdg1 is mounted at /media/My card: `umount /dev/sdg1` first"},
		{8, 97, "name /dev/sdg"},
		{8, 112, "/dev/sdh2 belongs to dm-0"},
		{8, 128, "this machine's own system"},
		{179, 0, "inside this machine (BJTD4R mmcblk0)"},
		{179, 8, "d: SD card SC16G, "},
		{7, 7, "does not know"},
	} {
		d, err := h.find("d", uint64(tt.major)<<8|uint64(tt.minor), false)
		got := d.String()
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("find(%d:%d) = %s; want %q", tt.major, tt.minor, got, tt.want)
		}
	}
}

// loop makes a loop device of a file, or skips.
func loop(t *testing.T, args ...string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("loop devices need root")
	}
	out, err := exec.Command("losetup", append([]string{"--find", "--show"}, args...)...).CombinedOutput()
	if err != nil {
		t.Skipf("no loop devices here: %v %s", err, out)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() { exec.Command("losetup", "-d", device).Run() })
	return device
}

func must(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Skipf("%s: %v: %s", name, err, out)
	}
}

func TestLoop(t *testing.T) {
	image := cardImage(t)
	write := func(device string) error {
		d, err := Find(device, true)
		if err != nil {
			return err
		}
		_, err = Write(t.Context(), d, bytes.NewReader(image), int64(len(image)), nil)
		return err
	}
	refused := func(t *testing.T, device, want string) {
		t.Helper()
		if err := write(device); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("writing to %s = %v; want %q", device, err, want)
		}
	}

	t.Run("exactly as large", func(t *testing.T) {
		device := loop(t, usedCard(t, len(image)))
		if err := write(device); err != nil {
			t.Fatal(err)
		}
		sameCard(t, device, image)
	})
	t.Run("larger", func(t *testing.T) {
		device := loop(t, usedCard(t, len(image)+3*mib))
		if err := write(device); err != nil {
			t.Fatal(err)
		}
		sameCard(t, device, image)
	})
	t.Run("not asked for", func(t *testing.T) {
		if _, err := Find(loop(t, usedCard(t, mib)), false); err == nil || !strings.Contains(err.Error(), "--file") {
			t.Errorf("Find() = %v; want it to ask for --file", err)
		}
	})
	t.Run("too small", func(t *testing.T) {
		refused(t, loop(t, usedCard(t, len(image)-4096)), "a larger card is needed")
	})
	t.Run("write-protected", func(t *testing.T) {
		refused(t, loop(t, "--read-only", usedCard(t, len(image))), "write-protected")
	})
	t.Run("mounted", func(t *testing.T) {
		device := loop(t, usedCard(t, len(image)))
		must(t, "mkfs.ext4", "-q", device)
		dir := t.TempDir()
		must(t, "mount", device, dir)
		defer exec.Command("umount", dir).Run()
		refused(t, device, "is mounted at "+dir)
		// Whoever mounts it between the look and the write is still noticed.
		if _, err := open(Device{Path: device, block: true}); err == nil || !strings.Contains(err.Error(), "unmount it first") {
			t.Errorf("open(mounted) = %v; want it refused", err)
		}
	})
	t.Run("swap", func(t *testing.T) {
		device := loop(t, usedCard(t, len(image)))
		must(t, "mkswap", device)
		must(t, "swapon", device)
		defer exec.Command("swapoff", device).Run()
		refused(t, device, "is swap")
	})
	t.Run("failing", func(t *testing.T) {
		// A disk that says it is larger than what it can keep: its file lies on a
		// file system that is too small.
		if os.Getuid() != 0 {
			t.Skip("loop devices need root")
		}
		dir := t.TempDir()
		must(t, "mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", dir)
		defer exec.Command("umount", "-l", dir).Run()
		name := filepath.Join(dir, "card")
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, int64(len(image))); err != nil {
			t.Fatal(err)
		}
		refused(t, loop(t, name), "writing fails at byte ")
	})
}

func TestImageShrinks(t *testing.T) {
	image := cardImage(t)
	im, err := card.Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	short := io.NewSectionReader(bytes.NewReader(image), 0, 36*mib)
	_, err = transfer(t.Context(), &fake{data: noise(len(image), 3), loseAt: 9}, short, int64(len(image)), im.Used(), func(string, int64, int64) {})
	if err == nil || !strings.Contains(err.Error(), "image") {
		t.Errorf("transfer() of an image that shrank = %v; want an error", err)
	}
}
