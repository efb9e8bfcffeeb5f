package board

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const repository = "../../board"

func TestLoad(t *testing.T) {
	entries, err := os.ReadDir(repository)
	if err != nil {
		t.Fatal(err)
	}
	boards := 0
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(repository, e.Name(), "board.toml")); err != nil {
			continue
		}
		boards++
		b, err := Load(repository, e.Name())
		if err != nil {
			t.Error(err)
			continue
		}
		for _, name := range slices.Concat(b.Kernel.Fragments, b.Kernel.DeviceTrees) {
			if _, err := os.Stat(name); err != nil {
				t.Errorf("%s: %v", e.Name(), err)
			}
		}
		if b.CardOf != "" {
			if _, err := Load(repository, b.CardOf); err != nil {
				t.Errorf("%s: card_of: %v", e.Name(), err)
			}
		}
	}
	if boards < 2 {
		t.Errorf("found %d boards in %s; want at least 2", boards, repository)
	}
}

func TestUBootCommands(t *testing.T) {
	duo, err := Load(repository, "milkv-duo")
	if err != nil {
		t.Fatal(err)
	}
	virt, err := Load(repository, "qemu-virt")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(virt.Emulator.UBootCommands(duo.FIT, "01020304-02"), "\n")
	for _, want := range []string{"root=PARTUUID=01020304-02 ", "fatload virtio 0:1 0x81400000 boot.sd", "bootm 0x81400000#config-qemu 0x81400000#config-qemu ${fdtcontroladdr}"} {
		if !strings.Contains(got, want) {
			t.Errorf("UBootCommands() lacks %q:\n%s", want, got)
		}
	}
	for _, left := range []string{"{partuuid}", "{load}", "{bootargs}", "{configuration}"} {
		if strings.Contains(got, left) {
			t.Errorf("UBootCommands() left %s:\n%s", left, got)
		}
	}
}

func TestMistakes(t *testing.T) {
	good, err := os.ReadFile(filepath.Join(repository, "milkv-duo/board.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, old, new, want string }{
		{"unknown key", "[console]\n", "[console]\nbits = 8\n", "unknown key console.bits"},
		{"unknown key has its line", "name  = ", "nmae = 1\nname  = ", "line 4: unknown key nmae"},
		{"unknown table", "[console]\n", "[konsole]\nx = 1\n[console]\n", "unknown key konsole"},
		{"unknown key in a list", "name = \"config-qemu\"", "name = \"config-qemu\"\ntree = 1", "unknown key fit.configurations.tree"},
		{"not TOML", "[console]", "[console", "line "},
		{"wrong type", "baud   = 115200", "baud = \"fast\"", "baud"},
		{"budget too large", "engine        = 32_632_832", "engine = 32_632_833", "1 more than memory.size"},
		{"reserved outside", "base = 0x83f40000", "base = 0x83f40001", "\"rtos\" lies outside"},
		{"partitions overlap", "root_start = 58_720_256", "root_start = 58_719_744", "reaches into"},
		{"half a sector", "boot_size  = 54_525_952", "boot_size = 54_525_953", "card.boot_size"},
		{"hash too short", "sha256 = \"cd59", "sha256 = \"59", "model: "},
		{"two defaults", "name = \"config-qemu\"", "name = \"config-qemu\"\ndefault = true", "2 configurations"},
		{"no such tree", "device_tree = \"duo\"", "device_tree = \"trio\"", "no trio.dts"},
		{"cost without source", "source = \"the vendor's first boot stage sets the PLL to 34 times 25 MHz; its boot log agrees\"", "source = \"\"", "cost.clock"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(string(good), tt.old, tt.new, 1)
			if text == string(good) {
				t.Fatalf("%q is not in board.toml", tt.old)
			}
			_, err := parse(text)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("parse() = %v; want one line with %q", err, tt.want)
			}
		})
	}
	if _, err := Load(repository, "no-such-board"); err == nil || !strings.Contains(err.Error(), "no-such-board") {
		t.Errorf("Load() of no board = %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"milkv-duo", "qemu-virt"} {
		text, err := os.ReadFile(filepath.Join(repository, name, "board.toml"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if b, err := parse(text); err == nil && b.CardOf == "" && b.Budget.Total() > b.Memory.Size {
			t.Errorf("parse() let a budget of %d bytes pass", b.Budget.Total())
		}
	})
}
