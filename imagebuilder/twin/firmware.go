package twin

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"duostoryteller/imagebuilder/debian"
	"duostoryteller/imagebuilder/firmware"
)

// Firmware is what the machine starts with, behind its first boot stage. The
// files belong to the cache.
type Firmware struct {
	Title   string // for people
	Monitor string // OpenSBI
	Loader  string // U-Boot
	Tree    string // the device tree that the monitor is given
}

// VendorFirmware unpacks the monitor and the loader of a fip.bin, as its first
// boot stage does.
func VendorFirmware(cacheDir string, fip []byte) (*Firmware, error) {
	parts, err := firmware.Unpack(fip)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cacheDir, "twin", fmt.Sprintf("fip-%.8x", sha256.Sum256(fip)))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}
	f := &Firmware{Title: "the vendor's firmware", Monitor: filepath.Join(dir, "monitor.bin"), Loader: filepath.Join(dir, "loader.bin"), Tree: filepath.Join(dir, "monitor.dtb")}
	if parts.UBoot != "" {
		f.Title += ", " + parts.UBoot
	}
	for name, data := range map[string][]byte{f.Monitor: parts.Monitor, f.Loader: parts.Loader, f.Tree: parts.Tree} {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return nil, fmt.Errorf("twin: %w", err)
		}
	}
	return f, nil
}

// OpenFirmware returns Debian's OpenSBI and a U-Boot that is built from Debian's
// source with the board's own configuration and its uboot.fragment, or found in
// the cache.
func OpenFirmware(ctx context.Context, o Options) (*Firmware, error) {
	if err := CheckTools(); err != nil {
		return nil, err
	}
	b, unlock, err := begin(ctx, o, "u-boot")
	if err != nil {
		return nil, err
	}
	defer unlock()
	src, err := o.Locked.Source(ctx, suite, "u-boot")
	if err != nil {
		return nil, err
	}
	sbi, err := o.Locked.Packages(ctx, suite, "all", "opensbi")
	if err != nil {
		return nil, err
	}
	fragment := filepath.Join(o.Board, "uboot.fragment")
	for _, f := range src.Files {
		b.h.add("%s", f.SHA256)
	}
	b.h.add("%s", sbi[0].SHA256)
	if err := b.h.addFile("uboot.fragment", fragment); err != nil {
		return nil, err
	}
	for _, tool := range []string{"riscv64-linux-gnu-gcc", "riscv64-linux-gnu-ld"} {
		if err := b.h.compiler(ctx, tool); err != nil {
			return nil, err
		}
	}
	dir := b.result()
	f := &Firmware{
		Title:   fmt.Sprintf("OpenSBI %s, U-Boot %s, both of Debian %s", sbi[0].Version, src.Version, suite),
		Monitor: filepath.Join(dir, "fw_dynamic.bin"), Loader: filepath.Join(dir, "u-boot.bin"), Tree: filepath.Join(dir, "u-boot.dtb"),
	}
	if exists(dir) {
		return f, nil
	}
	if err := os.RemoveAll(filepath.Join(b.dir, "log")); err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}
	work, err := os.MkdirTemp(b.dir, ".build-")
	if err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}
	defer os.RemoveAll(work)
	tree := filepath.Join(work, "tree")
	if err := src.Extract(ctx, tree); err != nil {
		return nil, err
	}
	config, err := os.ReadFile(filepath.Join(tree, "configs/milkv_duo_defconfig"))
	if err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}
	more, err := os.ReadFile(fragment)
	if err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}
	const name = "storyteller_defconfig"
	if err := os.WriteFile(filepath.Join(tree, "configs", name), append(config, more...), 0o644); err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}
	// The same inputs give the same bytes, so that a card's test can be repeated.
	env := []string{"SOURCE_DATE_EPOCH=0", "CROSS_COMPILE=riscv64-linux-gnu-"}
	if err := b.run(ctx, tree, env, nil, "make", "-s", name); err != nil {
		return nil, err
	}
	if err := checkConfig(filepath.Join(tree, ".config"), string(more)); err != nil {
		return nil, err
	}
	done := 0
	count := func(line string) {
		if w := strings.Fields(line); len(w) > 1 && (w[0] == "CC" || w[0] == "AS") && b.Progress != nil {
			done++
			b.Progress(b.name, done, max(done, aboutObjects))
		}
	}
	if err := b.run(ctx, tree, env, count, "make", "-j"+jobs, "u-boot.bin"); err != nil {
		return nil, err
	}
	root := filepath.Join(work, "opensbi")
	if err := debian.Extract(ctx, sbi[0].Path, root); err != nil {
		return nil, err
	}
	return f, b.store(map[string]string{
		"u-boot.bin":     filepath.Join(tree, "u-boot.bin"),
		"u-boot.dtb":     filepath.Join(tree, "dts/dt.dtb"),
		"fw_dynamic.bin": filepath.Join(root, "usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin"),
	})
}

// aboutObjects is roughly how many files U-Boot's build compiles.
const aboutObjects = 500

// checkConfig reports a line of the fragment that the final .config lost.
func checkConfig(file, fragment string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("twin: %w", err)
	}
	have := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		have[strings.TrimSpace(line)] = true
	}
	for line := range strings.Lines(fragment) {
		line = strings.TrimSpace(line)
		name, off := strings.CutSuffix(strings.TrimPrefix(line, "# "), " is not set")
		switch {
		case off && strings.HasPrefix(line, "# CONFIG_"):
			for l := range have {
				if strings.HasPrefix(l, name+"=") {
					return fmt.Errorf("twin: U-Boot's configuration says %s, uboot.fragment %s", l, line)
				}
			}
		case strings.HasPrefix(line, "CONFIG_") && !have[line]:
			return fmt.Errorf("twin: U-Boot's configuration lost %s", line)
		}
	}
	return nil
}
