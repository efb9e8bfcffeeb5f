package boot

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/fit"
	"duostoryteller/imagebuilder/inputs"
	"duostoryteller/imagebuilder/linux"
	"duostoryteller/tests/testmodel"
)

// usbKernel returns the kernel's image for TestUSB, the board's with testdata/usb.fragment.
// It is built where the board's was, so that what is the same in both need not be
// compiled again; the board's own kernel stays what it is.
func usbKernel(t *testing.T, b *board.Board) []byte {
	t.Helper()
	lock, err := inputs.Read(filepath.Join(repository, inputs.File))
	if err != nil {
		t.Fatal(err)
	}
	cache := cacheDir(t)
	source, err := linux.DebianSource(t.Context(), &inputs.Store{Lock: lock, Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	// Two fragments may not say different things, so that the board's are changed.
	without := regexp.MustCompile(`(?m)^# (CONFIG_NAMESPACES) is not set$`)
	fragments := []string{"testdata/usb.fragment"}
	for _, name := range b.Kernel.Fragments {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), filepath.Base(filepath.Dir(name))+".fragment")
		if err := os.WriteFile(file, without.ReplaceAll(text, []byte("$1=y")), 0o644); err != nil {
			t.Fatal(err)
		}
		fragments = append(fragments, file)
	}
	k, err := linux.Build(t.Context(), linux.Options{Source: source, Patches: b.Kernel.Patches, Fragments: fragments, CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(k.Image)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// TestUSB has a PC at the board's USB cable: the kernel's gadget, made as on the board,
// against the kernel's own host, in one machine.
func TestUSB(t *testing.T) {
	if os.Getenv("STORYTELLER_USB") == "" {
		t.Skip("builds a kernel of its own, some ten minutes: make test-usb")
	}
	program := goBuild(t, "./pc")
	checkpoint, tokenizer, err := testmodel.Models()[0].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	image := changed(t, buildCard(t, checkpoint, tokenizer), func(c contents) {
		configured("steps = 2\nvoice = \"off\"\nmicrophone = \"off\"\n")(c)
		put(t, c.root, "/bin/pc", program)
	})
	b, err := board.Load(filepath.Join(repository, "board"), "milkv-duo")
	if err != nil {
		t.Fatal(err)
	}
	data, err := openCard(t, image).ReadFile(b.FIT.File)
	if err != nil {
		t.Fatal(err)
	}
	old, err := fit.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	o := machineFor(t, image)
	s := fit.Spec{Kernel: usbKernel(t, b), KernelLoad: b.FIT.KernelLoad, KernelEntry: b.FIT.KernelEntry,
		Configurations: []fit.Configuration{{Name: o.Emulator.Configuration, Default: true}}}
	for _, i := range old.Images {
		if i.Type == "ramdisk" {
			s.Ramdisk = i.Data
		}
	}
	o.BootSD = filepath.Join(t.TempDir(), "boot.sd")
	f, err := os.Create(o.BootSD)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := fit.Write(f, s); err != nil {
		t.Fatal(err)
	}
	m := start(t, patience, o)
	m.story()
	m.waitFor(prompt)
	m.send("shell")
	m.waitFor(`/ \$ $`)
	m.send("pc; exit")
	for _, line := range []string{
		`pc: found idVendor 1d6b, idProduct 0104, bcdDevice \d{4}, product Duo Storyteller, speed 480\n`,
		`pc: address 192\.168\.42\.2 from 192\.168\.42\.1\n`,
		`pc: page 200 OK, \d+ bytes, titled "[^"]+"\n`,
		`pc: typed at the board's console, which answered\n`,
	} {
		got := m.waitFor(line + `|pc: error: [^\n]*\n`)[0]
		if strings.HasPrefix(got, "pc: error") {
			t.Fatal(got)
		}
		t.Log(strings.TrimSpace(got), "(emulated)")
	}
	m.checkCounters()
	checkKernelLines(t, m.Console())
}
