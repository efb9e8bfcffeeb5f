package bench

import "testing"

func TestEmulated(t *testing.T) {
	for _, tt := range []struct {
		what, arch, model, card string
		want                    bool
	}{
		{"a Duo", "riscv64", "Milk-V Duo", "SC64G", false},
		{"the emulated Duo", "riscv64", "Milk-V Duo", "QEMU!", true},
		{"QEMU's virt", "riscv64", "riscv-virtio,qemu", "", true},
		{"user-mode emulation", "riscv64", "", "", true},
		{"a PC", "amd64", "", "", false},
	} {
		if got := emulated(tt.arch, tt.model, tt.card); got != tt.want {
			t.Errorf("%s: emulated(%q, %q, %q) = %v; want %v", tt.what, tt.arch, tt.model, tt.card, got, tt.want)
		}
	}
}
