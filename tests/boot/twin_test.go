package boot

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/bench"
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

// TestTwin boots the card in the Duo itself, emulated: its firmware's own boot
// command, its device tree, its drivers, its vector unit.
func TestTwin(t *testing.T) {
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
		m := start(t, patience, twinFor(t, changed(t, image, configured(configuration(c, c.Steps)+settings)), ""))
		if got := m.story(); !c.Right(got) {
			t.Errorf("%s: told %q", c, got)
		}
		m.waitFor(prompt)
		for _, c := range cases[:min(2, len(cases))] {
			m.tell(c)
			m.waitFor(prompt)
		}
		m.checkCounters()
		m.testKnowsItself()
		m.testLight(c)
		m.send("poweroff")
		m.waitFor(`safe|switching off`)
	})

	fip := os.Getenv("DUO_FIP")
	if fip == "" {
		return // nobody may hand on the vendor's
	}
	t.Run("the vendor's firmware", func(t *testing.T) {
		m := start(t, patience, twinFor(t, changed(t, image, configured(configuration(c, c.Steps)+settings)), fip))
		if got := m.story(); !c.Right(got) {
			t.Errorf("%s: told %q", c, got)
		}
		m.waitFor(prompt)
		m.checkCounters()
	})
}

// testKnowsItself: the device tree says that this is a Milk-V Duo, and still
// nothing here is measured. The stories are told with the vector unit.
func (m *machine) testKnowsItself() {
	m.t.Helper()
	m.send("bench --runs 1 -n 16 --json -")
	text := m.waitFor(`(?s)bench starts .*?\n(\{\n.*?\n\})\n`)[1]
	m.waitFor(prompt)
	var r bench.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		m.t.Fatalf("the report: %v:\n%s", err, text)
	}
	e := r.Environment
	m.t.Logf("%s, %s, arithmetic %s", e.Machine, e.Kind, e.Arithmetic)
	if !strings.HasPrefix(e.Machine, "Milk-V Duo") || e.Kind != bench.Emulated || e.Arithmetic != "rvv071" {
		m.t.Errorf("the machine is %q, its figures are %s, arithmetic %s; want a Milk-V Duo, %s, rvv071", e.Machine, e.Kind, e.Arithmetic, bench.Emulated)
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
