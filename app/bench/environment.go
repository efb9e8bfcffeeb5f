package bench

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"duostoryteller/app/arith"
	"duostoryteller/app/version"
)

// How a figure came about: nothing else may stand for a measurement.
const (
	Measured = "measured" // on the machine that is named
	Emulated = "emulated" // in QEMU: counts are right, times are not the board's
)

// Environment describes the machine.
type Environment struct {
	Kind       string `json:"kind"`    // Measured or Emulated
	Machine    string `json:"machine"` // its name, where it says one
	CPU        string `json:"cpu"`
	Kernel     string `json:"kernel"`
	Arithmetic string `json:"arithmetic"` // the kernels that are used, as STORYTELLER_CPU names them
	Go         string `json:"go"`
	Arch       string `json:"arch"`
	Processors int    `json:"processors"` // used at most
	// Card is the SHA-256 of the list of the card's parts, which the manifest of
	// its image names too; "" off the card.
	Card string `json:"card_sha256,omitempty"`
}

// ThisMachine describes the machine that it runs on.
func ThisMachine() Environment {
	e := Environment{Kind: Measured, Machine: text("/proc/device-tree/model"), Kernel: text("/proc/sys/kernel/osrelease"),
		Go: runtime.Version(), Arch: runtime.GOARCH, Processors: runtime.GOMAXPROCS(0)}
	e.Card = version.Card()
	if e.Machine == "" {
		e.Machine = text("/sys/class/dmi/id/product_name")
	}
	if set, err := arith.Select(); err == nil {
		e.Arithmetic = set.Name()
	}
	info := text("/proc/cpuinfo")
	for _, key := range []string{"model name", "uarch", "isa"} {
		if e.CPU = field(info, key); e.CPU != "" {
			break
		}
	}
	if emulated(e.Arch, text("/proc/device-tree/model"), text("/sys/block/mmcblk0/device/name")) {
		e.Kind = Emulated
	}
	return e
}

// emulated tells whether this is QEMU, by the model that the device tree names and
// the name that the card in the SD slot has. The virt machine names itself. The
// emulated Duo has a Duo's device tree, but its card is QEMU's. User-mode emulation
// shows the PC's /proc, which has no device tree.
func emulated(arch, model, card string) bool {
	return strings.Contains(model, "qemu") || card == "QEMU!" || arch == "riscv64" && model == ""
}

// text is a file of the kernel's as one piece of text; "" without it.
func text(path string) string {
	data, _ := os.ReadFile(path)
	return strings.Trim(string(data), "\x00\n ")
}

// field finds the value of a line "key : value".
func field(text, key string) string {
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// resetPeak has peakMemory begin anew: this process may have held another model.
// Format: proc(5), /proc/pid/clear_refs.
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peakMemory is the largest resident size of this process in kB.
func peakMemory() int {
	n, _ := strconv.Atoi(strings.TrimSuffix(field(text("/proc/self/status"), "VmHWM"), " kB"))
	return n
}
