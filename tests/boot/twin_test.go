package boot

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/bench"
	"duostoryteller/app/report"
	"duostoryteller/imagebuilder/emulator"
	"duostoryteller/imagebuilder/firmware"
	"duostoryteller/imagebuilder/inputs"
	"duostoryteller/imagebuilder/twin"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/testmodel"
)

// twinFor describes the board itself, emulated, with a card: with the vendor's
// firmware out of the file fip, or, if that is "", with the open one.
func twinFor(t *testing.T, image, fip string) emulator.Options {
	t.Helper()
	if err := twin.CheckTools(); err != nil {
		t.Skip("the board's emulator cannot be built: ", err)
	}
	lock, err := inputs.Read(filepath.Join(repository, inputs.File))
	if err != nil {
		t.Fatal(err)
	}
	cache := cacheDir(t)
	b := twin.Options{Board: filepath.Join(repository, "board", "milkv-duo"), CacheDir: cache, Locked: &inputs.Store{Lock: lock, Cache: cache}}
	begin := time.Now()
	q, err := twin.BuildQEMU(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if !q.Cached {
		t.Logf("QEMU %s built in %.0f s", q.Version, time.Since(begin).Seconds())
	}
	var f *twin.Firmware
	if fip == "" {
		f, err = twin.OpenFirmware(t.Context(), b)
	} else {
		data, _, e := firmware.Load(fip)
		if e != nil {
			t.Fatal(e)
		}
		f, err = twin.VendorFirmware(cache, data)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Log(f.Title)
	o, err := emulator.OptionsFor(filepath.Join(repository, "board"), "milkv-duo", image)
	if err != nil {
		t.Fatal(err)
	}
	o.Emulator.Program = q.Program
	o.Firmware = &emulator.Firmware{Monitor: f.Monitor, Loader: f.Loader, Tree: f.Tree}
	o.Silence, o.Started = silence, func(cmd string) { t.Log(cmd) }
	return o
}

// vendorFIP is the vendor's fip.bin: what DUO_FIP names, a fip.bin or an official image,
// else what make image has brought into the cache. Without both the test is skipped.
func vendorFIP(t *testing.T) string {
	t.Helper()
	if fip := os.Getenv("DUO_FIP"); fip != "" {
		return fip
	}
	official, err := firmware.ReadOfficial(filepath.Join(repository, "board", "milkv-duo"))
	if err != nil {
		t.Fatal(err)
	}
	fip := firmware.Downloader{Cache: cacheDir(t)}.Cached(official)
	if fip == "" {
		t.Skip("no fip.bin of the vendor's in the cache: make image fetches it, or DUO_FIP names one")
	}
	t.Log("the firmware is ", fip)
	return fip
}

// TestTwin boots the card in the Duo itself, emulated: its firmware's own boot
// command, its device tree, its drivers, its vector unit.
func TestTwin(t *testing.T) {
	t.Parallel()
	models := testmodel.Models()
	model := models[slices.IndexFunc(models, func(m testmodel.Model) bool { return m.Name == "separate" })]
	checkpoint, tokenizer, err := model.Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	image := buildCard(t, checkpoint, tokenizer)
	cases := typeable(t, "../testmodel/golden.jsonl", model.Name)
	c := inConfiguration(cases)
	const settings = "voice = \"off\"\nmicrophone = \"off\"\n"

	t.Run("open firmware", func(t *testing.T) {
		m, suites := onBench(t, changed(t, image, configured(configuration(c, c.Steps)+settings+"button = \"gpiochip1/15\"\n")))
		checkKnowsItself(t, suites)
		if got := m.story(); !c.Right(got) {
			t.Errorf("%s: told %q", c, got)
		}
		m.waitFor(prompt)
		for _, c := range cases[:min(2, len(cases))] {
			m.tell(c)
			m.waitFor(prompt)
		}
		m.checkCounters()
		m.testLight(c)
		m.testButton()
		m.kernelIsContent()
		m.send("poweroff")
		m.waitFor(`safe|switching off`)
	})

	t.Run("a hang starts it again", func(t *testing.T) {
		o := twinFor(t, changed(t, image, configured(configuration(c, c.Steps)+settings)), "")
		o.Restarts = true
		m := start(t, patience, o)
		m.story()
		m.waitFor(prompt)
		loop := m.hang()
		for m.counter() != loop {
			time.Sleep(100 * time.Millisecond)
		}
		tough{image: image, c: c}.startsAgain(m)
	})

	t.Run("vector kernels", func(t *testing.T) {
		program := filepath.Join(t.TempDir(), "arith.test")
		build := exec.Command("go", "test", "-c", "-o", program, "duostoryteller/app/arith")
		build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=riscv64", "GORISCV64=rva20u64", "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go test -c for riscv64: %v\n%s", err, out)
		}
		m := start(t, patience, twinFor(t, changed(t, image, func(k contents) {
			configured("steps = 2\n" + settings)(k)
			put(t, k.root, "/bin/arith.test", program)
		}), ""))
		m.story()
		m.waitFor(prompt)
		m.send("shell")
		m.waitFor(`/ \$ $`)
		fmt.Fprint(m, "STORYTELLER_CPU=rvv071 /bin/arith.test -test.v -test.short -test.run 'TestSets|TestSelect|FuzzSets' | grep '(--- |PASS|FAIL)'\r")
		out := m.waitFor(`(?s)(.*)(?m)^(PASS|FAIL)$`)
		for _, name := range []string{"TestSets/rvv071", "TestSelect", "FuzzSets"} {
			if !strings.Contains(out[1], "--- PASS: "+name+" ") {
				t.Errorf("%s did not pass:\n%s", name, out[1])
			}
		}
		if out[2] != "PASS" {
			t.Errorf("app/arith's tests: %s", out[2])
		}
	})

	t.Run("the vendor's firmware", func(t *testing.T) {
		m := start(t, patience, twinFor(t, changed(t, image, configured(configuration(c, c.Steps)+settings)), vendorFIP(t)))
		if got := m.story(); !c.Right(got) {
			t.Errorf("%s: told %q", c, got)
		}
		m.waitFor(prompt)
		m.checkCounters()
		m.kernelIsContent()
	})
}

// checkKnowsItself: the device tree says that this is a Milk-V Duo, and still nothing
// in its suites is measured. The stories are told with the vector unit.
func checkKnowsItself(t *testing.T, suites []report.Entry) {
	t.Helper()
	var names []string
	var page report.Results
	for _, s := range suites {
		line, passed := s.Summary()
		t.Log(line)
		if err := page.Add(s); err != nil || !passed {
			t.Errorf("%s, %v; want it passed", line, err)
		}
		names = append(names, s.Name)
	}
	want := slices.DeleteFunc(report.Names(), func(name string) bool { return name == report.Baseline }) // of which the card has none
	if !slices.Equal(names, want) {
		t.Fatalf("the suites are %v; want %v", names, want)
	}
	for _, e := range []bench.Environment{page.Regression.Environment, page.Exact.Environment, page.Fast.Environment, page.Memory.Environment, page.Speech.Environment} {
		if !strings.HasPrefix(e.Machine, "Milk-V Duo") || e.Kind != bench.Emulated || e.Arithmetic != "rvv071" {
			t.Errorf("the machine is %q, its figures are %s, arithmetic %s; want a Milk-V Duo, %s, rvv071", e.Machine, e.Kind, e.Arithmetic, bench.Emulated)
		}
	}
}

// pin returns the level of one of the board's pins.
func (m *machine) pin(name string) bool {
	m.t.Helper()
	got, err := m.Monitor(m.ctx, "qom-get /machine "+name)
	if err != nil || got != "true" && got != "false" {
		m.t.Fatalf("pin %s: %q, %v", name, got, err)
	}
	return got == "true"
}

func (m *machine) setPin(name string, level bool) {
	m.t.Helper()
	if got, err := m.Monitor(m.ctx, fmt.Sprintf("qom-set /machine %s %v", name, level)); err != nil || got != "" {
		m.t.Fatalf("pin %s: %q, %v", name, got, err)
	}
}

// waitForPin waits until a pin has a level.
func (m *machine) waitForPin(name string, level bool) {
	m.t.Helper()
	for m.pin(name) != level {
		if m.ctx.Err() != nil {
			m.t.Fatalf("pin %s is never %v", name, level)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// testLight: the board's LED is lit while a story is told, and dark behind it.
func (m *machine) testLight(c golden.Case) {
	m.t.Helper()
	m.waitForPin("led", false)
	m.send("tell -s %d -t %v -p %v -n %d %s", c.Seed, c.Temperature, c.TopP, c.Steps, c.Prompt)
	m.waitForPin("led", true)
	m.waitFor(prompt)
	m.waitForPin("led", false)
}

// testButton: a press of the button between pin GP15 and ground tells a story.
func (m *machine) testButton() {
	m.t.Helper()
	m.setPin("GP15", false)
	time.Sleep(200 * time.Millisecond) // shorter than a long press
	m.setPin("GP15", true)
	if got := m.story(); len(bytes.TrimSpace(got)) == 0 {
		m.t.Error("the button was pressed, and the story is empty")
	}
	m.waitFor(prompt)
}

// kernelIsContent reads the console for errors of the kernel, which is all that it
// shows there once it knows its command line.
func (m *machine) kernelIsContent() {
	m.t.Helper()
	_, said, found := strings.Cut(m.Console(), "bootconsole [sbi0] enabled\n")
	if !found {
		m.t.Error("the kernel did not say that it has a console")
	}
	if errors := regexp.MustCompile(`(?m)\[ *\d+\.\d{6}\] .*$`).FindAllString(said, -1); len(errors) > 0 {
		m.t.Errorf("the kernel's errors at a normal start:\n%s", strings.Join(errors, "\n"))
	}
}
