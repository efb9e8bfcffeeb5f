package regress

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// put writes a file, and the folders that it is in.
func put(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func TestParseCard(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Card
		err  string
	}{
		{"/dev/sdb", Card{kind: reader, device: "/dev/sdb"}, ""},
		{"file:card.img", Card{kind: file, device: "card.img"}, ""},
		{"sdmux:/dev/usb-sd-mux/id-00034.00002", Card{kind: usbsdmux, mux: "/dev/usb-sd-mux/id-00034.00002"}, ""},
		{"sdmux:/dev/sg1@/dev/sdb", Card{kind: usbsdmux, mux: "/dev/sg1", device: "/dev/sdb"}, ""},
		{"sdmux:sd-wire_11", Card{kind: sdMux, mux: "sd-wire_11"}, ""},
		{"sdmux:sd-wire_11@/dev/disk/by-id/x", Card{kind: sdMux, mux: "sd-wire_11", device: "/dev/disk/by-id/x"}, ""},
		{"", Card{}, "is no card"},
		{"sdb", Card{}, "is no card"},
		{"file:", Card{}, "is no card"},
		{"sdmux:", Card{}, "names no mux"},
		{"sdmux:@/dev/sdb", Card{}, "names no mux"},
		{"sdmux:a@", Card{}, "names no mux"},
		{"sdmux:--list", Card{}, "names no mux"},
	} {
		got, err := ParseCard(tt.text)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("ParseCard(%q) = %v; want %q", tt.text, err, tt.err)
			}
			continue
		}
		tt.want.text, tt.want.sys = tt.text, "/sys"
		if got != tt.want || err != nil || got.String() != tt.text {
			t.Errorf("ParseCard(%q) = %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
	}
}

func FuzzParseCard(f *testing.F) {
	for _, text := range []string{"/dev/sdb", "file:x", "sdmux:/dev/sg1", "sdmux:a@b", "sdmux:-@"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCard(text)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %v", err)
			}
			return
		}
		if c.mux == "" && c.device == "" || strings.HasPrefix(c.mux, "-") || c.String() != text {
			t.Errorf("ParseCard(%q) = %+v", text, c)
		}
	})
}

// TestFind looks for the cards of muxes where the kernel says which devices there are.
// The folders are those of a USB-SD-Mux, and of an SDWire at the third port of a hub.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	sys, dev := filepath.Join(dir, "sys"), filepath.Join(dir, "dev")
	usb := filepath.Join(sys, "devices/pci0000:00/usb1")

	scsi := filepath.Join(usb, "1-2/1-2:1.0/host6/target6:0:0/6:0:0:0")
	put(t, filepath.Join(scsi, "block/sdc/size"), "0\n", 0o644)
	link(t, scsi, filepath.Join(sys, "class/scsi_generic/sg2/device"))
	put(t, filepath.Join(dev, "sg2"), "", 0o644)
	link(t, filepath.Join(dev, "sg2"), filepath.Join(dev, "usb-sd-mux/id-000000000101"))

	hub := filepath.Join(usb, "1-3")
	put(t, filepath.Join(hub, "1-3.1/1-3.1:1.0/host7/target7:0:0/7:0:0:0/block/sdd/size"), "0\n", 0o644)
	put(t, filepath.Join(hub, "1-3.2/serial"), "sd-wire_11\n", 0o644)
	link(t, filepath.Join(hub, "1-3.2"), filepath.Join(sys, "bus/usb/devices/1-3.2"))
	put(t, filepath.Join(usb, "1-4/1-4.2/serial"), "alone\n", 0o644)
	link(t, filepath.Join(usb, "1-4/1-4.2"), filepath.Join(sys, "bus/usb/devices/1-4.2"))

	for _, tt := range []struct{ card, want, err string }{
		{"sdmux:" + dev + "/usb-sd-mux/id-000000000101", "/dev/sdc", ""},
		{"sdmux:" + dev + "/sg2", "/dev/sdc", ""},
		{"sdmux:sd-wire_11", "/dev/sdd", ""},
		{"sdmux:sd-wire_11@/dev/sde", "/dev/sde", ""},
		{"sdmux:sd-wire_12", "", "no mux with the serial number sd-wire_12"},
		{"sdmux:alone", "", "cannot be told: name it, sdmux:alone@DEVICE"},
		{"sdmux:" + dev + "/sg3", "", "there is no mux"},
	} {
		c, err := ParseCard(tt.card)
		if err != nil {
			t.Fatal(err)
		}
		c.sys = sys
		got, err := c.find()
		if tt.err == "" && (got != tt.want || err != nil) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s is found as %q, %v; want %q, %q", tt.card, got, err, tt.want, tt.err)
		}
	}
}

// TestTurn switches muxes with programs that stand in for the two tools.
func TestTurn(t *testing.T) {
	dir := t.TempDir()
	calls := filepath.Join(dir, "calls")
	for _, tool := range []string{"usbsdmux", "sd-mux-ctrl"} {
		put(t, filepath.Join(dir, tool), "#!/bin/sh\necho \"$(basename \"$0\") $*\" >>"+calls+"\n", 0o755)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for _, text := range []string{"sdmux:/dev/sg1", "sdmux:sd-wire_11"} {
		c, err := ParseCard(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.turn(t.Context(), pc); err != nil {
			t.Error(err)
		}
		if err := c.toBoard(t.Context(), nil); err != nil {
			t.Error(err)
		}
	}
	got, err := os.ReadFile(calls)
	want := "usbsdmux /dev/sg1 host\nusbsdmux /dev/sg1 dut\nsd-mux-ctrl --ts --device-serial=sd-wire_11\nsd-mux-ctrl --dut --device-serial=sd-wire_11\n"
	if string(got) != want || err != nil {
		t.Errorf("the tools were called\n%s%v; want\n%s", got, err, want)
	}
	c, err := ParseCard("sdmux:/dev/sg1")
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "usbsdmux"), "#!/bin/sh\necho no access\nexit 1\n", 0o755)
	if err := c.turn(t.Context(), board); err == nil || err.Error() != "the mux cannot be switched to the board: `usbsdmux /dev/sg1 dut`: exit status 1: no access" {
		t.Errorf("turn() = %v; want what the tool said", err)
	}
	t.Setenv("PATH", "/does/not/exist")
	if err := c.turn(t.Context(), pc); err == nil || !strings.HasSuffix(err.Error(), "usbsdmux is not installed") {
		t.Errorf("turn() without the tool = %v", err)
	}
}
