package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duostoryteller/imagebuilder/card"

	"github.com/ulikunitz/xz"
)

func command(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(t.Context(), args, &out, &err)
	return status, out.String(), err.String()
}

func TestErrors(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "card.img")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	noise := filepath.Join(t.TempDir(), "noise.img")
	if err := os.WriteFile(noise, bytes.Repeat([]byte("noise"), 1000), 0o644); err != nil {
		t.Fatal(err)
	}
	emulated := put(t, strings.ReplaceAll(memory, "measured", "emulated"))
	out := filepath.Join(t.TempDir(), "fip.bin")
	for _, tt := range []struct {
		args   string
		status int
		want   string
	}{
		{"frobnicate", 2, "unknown command"},
		{"build extra", 2, "extra"},
		{"build --frobnicate", 2, "unknown flag"},
		{"build --kernel-source linux.tar", 2, "go together"},
		{"build --fip none --no-second-core", 2, "--fip"},
		{"build --baseline-model x", 2, "--baseline"},
		{"build --board esp32 -o " + t.TempDir(), 1, "esp32"},
		{"firmware", 2, "arg"},
		{"firmware /does/not/exist", 1, "no such file"},
		{"firmware " + noise + " -o " + out, 1, "neither a fip.bin nor a card image"},
		{"inspect a b", 2, "arg"},
		{"inspect " + empty, 1, "empty"},
		{"inspect " + noise, 1, "no master boot record"},
		{"inspect /does/not/exist", 1, "no such file"},
		{"fetch extra", 2, "extra"},
		{"fit", 2, "arg"},
		{"fit " + empty, 1, "empty"},
		{"fit " + noise + " --set engine", 2, "key=value"},
		{"fit " + noise + " --model x", 2, "imagebuilder build"},
		{"fit " + noise + " --fip " + noise, 1, "neither a fip.bin nor a card image"},
		{"fit " + noise + " --words " + noise, 1, "line 1"},
		{"fit " + noise + " --words " + empty, 1, "empty"},
		{"fit " + noise + " --key " + noise, 1, "line 1 is not used: ssh: no key found"},
		{"fit " + noise + " --key " + empty, 1, "no key"},
		{"flash", 2, "arg"},
		{"model --dram 0", 2, "more than 0"},
		{"model --board qemu-virt", 1, "not of silicon"},
		{"model /does/not/exist", 1, "no such file"},
		{"model --measured /does/not/exist", 1, "no such file"},
		{"model --measured " + emulated, 1, "were emulated"},
		{"test", 2, "one of"},
		{"test --emulated --serial x", 2, "one of"},
		{"test --serial /does/not/exist", 1, "plug"},
		{"test --serial /dev/null", 1, "no serial port"},
		{"test --emulated --image " + noise, 1, "no master boot record"},
		{"regress", 2, "wanted: --card, --power, --serial"},
		{"regress --card file:x --serial y", 2, "wanted: --power"},
		{"regress --card x --power true --serial y", 2, "is no card"},
		{"regress --card sdmux: --power true --serial y", 2, "no mux"},
		{"regress --card /dev/sdX --power true --serial y", 2, "--yes"},
		{"regress --card file:x --power true --serial y --board esp32", 1, "esp32"},
		{"regress --card file:x --power true --serial y --image /does/not/exist", 1, "no such file"},
		{"regress --card file:x --power true --serial /does/not/exist -o " + t.TempDir() + " --image " + noise, 1, "plug the serial adapter in"},
		{"submission extra", 2, "extra"},
		{"submission --version a/b", 1, "cannot be a version"},
		{"submission --version 1 --image " + noise, 1, "no manifest"},
		{"flash /does/not/exist " + noise, 1, "no such file"},
		{"flash /dev/null " + noise, 1, "no disk"},
		{"flash " + noise + " " + noise, 1, "--file"},
		{"flash --file " + noise + " " + noise, 1, "no whole number of sectors"},
	} {
		status, _, stderr := command(t, strings.Fields(tt.args)...)
		if status != tt.status || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s = status %d, %q; want status %d and one line with %q", tt.args, status, stderr, tt.status, tt.want)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("firmware of a wrong file wrote its output")
	}
}

// memory is what a board's memory suite has measured.
const memory = `{"name": "memory", "report": {"environment": {"kind": "measured", "machine": "Milk-V Duo", "arch": "riscv64"},
	"clock_hz": 850000000, "memory": {"fill_bytes_per_s": 1270000000}, "card": {"sequential_bytes_per_s": 10000000, "direct": true}}}`

func put(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.json")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestModel has a board's own figures take the place of the assumed ones.
func TestModel(t *testing.T) {
	file := put(t, memory)
	for _, tt := range []struct {
		args string
		want []string
	}{
		{"model", []string{"clock 8.5e+08 Hz, memory 1.14e+09 B/s, card 2.19e+07 B/s (as board.toml assumes)", "each was used to choose one", "8.0 cycles for each group", "538 to 753", "likely 1.6e+09", "champion", "exact", "fast"}},
		{"model --measured " + file, []string{"clock 8.5e+08 Hz, memory 1.27e+09 B/s, card 1e+07 B/s (measured on Milk-V Duo)", "exact"}},
		{"model --clock 2e9 --measured " + file, []string{"clock 2e+09 Hz, memory 1.27e+09 B/s", "but for those given here"}},
		{"model --json --measured " + file, []string{`"measured_on": "Milk-V Duo"`, `"clock_hz": 850000000`, `"kind": "modelled"`}},
	} {
		status, stdout, stderr := command(t, strings.Fields(tt.args)...)
		for _, want := range tt.want {
			if status != 0 || !strings.Contains(stdout, want) {
				t.Errorf("%s = %d, %s%s; want %q", tt.args, status, stdout, stderr, want)
			}
		}
		if strings.Contains(tt.args, "measured") && strings.Contains(stdout, "used to choose") {
			t.Errorf("%s calls measured parameters fitted", tt.args)
		}
	}
}

// TestShape prints the table of engines, and refuses what cannot work and what is no shape.
func TestShape(t *testing.T) {
	for _, tt := range []struct {
		shape  string
		status int
		want   string
	}{
		{"stories15M", 0, "fits: "},
		{"48,104,2,4,4,-301,96", 0, "301 tokens"},
		{"stories42M", 0, "exact, from the card"},
		{"stories110M", 0, "fast, from the card, 4 bits"},
		{"1024,2816,16,16,16,32000,1024", 1, "too large for Milk-V Duo"},
		{"stories42", 2, "7 numbers"},
		{"48,104,2,5,5,301,96", 1, "5 heads"},
		{"48,104,2,4,4,301,x", 2, "not a number"},
	} {
		status, stdout, stderr := command(t, "model", "--shape", tt.shape)
		if status != tt.status || !strings.Contains(stdout+stderr, tt.want) {
			t.Errorf("model --shape %s = status %d, %s%s; want %d, %q", tt.shape, status, stdout, stderr, tt.status, tt.want)
		}
	}
}

// TestFlashCompressed writes an image as it is downloaded to a file that stands for
// a card.
func TestFlashCompressed(t *testing.T) {
	dir := t.TempDir()
	root := bytes.NewReader(bytes.Repeat([]byte("root"), 1024))
	image, err := os.Create(filepath.Join(dir, "card.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	const mib = 1 << 20
	if _, err := card.Write(image, card.Spec{
		Layout: card.Layout{BootStart: mib, BootSize: 34 * mib, RootStart: 35 * mib, RootSize: mib}, Label: "STORY",
		Files: []card.File{{Name: "boot.sd", Data: []byte("boot")}}, Root: root, RootSize: root.Size(), Time: time.Unix(1_700_000_000, 0),
	}); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(image.Name())
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w, err := xz.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	put := func(name string, data []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	target := put("target", make([]byte, len(want)))
	status, stdout, stderr := command(t, "flash", "--yes", "--file", target, put("card.img.xz", packed.Bytes()))
	got, err := os.ReadFile(target)
	if status != 0 || err != nil || !bytes.Equal(got, want) || !strings.Contains(stdout, "written and verified") {
		t.Errorf("flash = %d, %s%s, %v; want the card as it was built", status, stdout, stderr, err)
	}
	for name, data := range map[string][]byte{"cut.xz": packed.Bytes()[:packed.Len()/2], "none.xz": want[:1000]} {
		status, _, stderr := command(t, "flash", "--yes", "--file", target, put(name, data))
		if status != 1 || !strings.Contains(stderr, "cannot be unpacked") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("flash of %s = %d, %q; want it refused", name, status, stderr)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	if status := run(ctx, []string{"build", "-o", t.TempDir()}, io.Discard, &stderr); status != 1 || !strings.HasPrefix(stderr.String(), "imagebuilder: interrupted") {
		t.Errorf("interrupted build = status %d, %q; want 1 and to say so", status, &stderr)
	}
}

func TestSourceDate(t *testing.T) {
	for text, ok := range map[string]bool{"": true, "1700000000": true, "0": false, "now": false} {
		t.Setenv("SOURCE_DATE_EPOCH", text)
		if _, err := sourceDate(); (err == nil) != ok {
			t.Errorf("SOURCE_DATE_EPOCH=%q: %v; want it accepted: %v", text, err, ok)
		}
	}
}

// TestHelp asks every verb for its manual: a long text, an example, a group.
func TestHelp(t *testing.T) {
	for _, c := range rootCommand().Commands() {
		if c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		if c.Long == "" || c.Example == "" || c.GroupID == "" {
			t.Errorf("%s lacks a long help, an example or a group", c.Name())
		}
		if status, stdout, _ := command(t, c.Name(), "--help"); status != 0 || !strings.Contains(stdout, "Examples:") {
			t.Errorf("%s --help = status %d:\n%s", c.Name(), status, stdout)
		}
	}
}
