package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFindRoot(t *testing.T) {
	sys := t.TempDir()
	for name, text := range map[string]string{
		"vda":       "MAJOR=254\nDEVTYPE=disk\n",
		"vda1":      "DEVNAME=vda1\nDEVTYPE=partition\nPARTN=1\nPARTUUID=2408f6ad-01\n",
		"vda2":      "DEVNAME=vda2\nDEVTYPE=partition\nPARTN=2\nPARTUUID=2408f6ad-02\n",
		"mmcblk0p2": "DEVTYPE=partition\nPARTN=2\nPARTUUID=11111111-02\n",
	} {
		dir := filepath.Join(sys, "class/block", name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "uevent"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all := partitions(sys)
	if len(all) != 3 || anyFirst(all) != "vda1" {
		t.Fatalf("partitions() = %+v", all)
	}
	for _, tt := range []struct {
		root, want string
		asked      bool
	}{
		{"PARTUUID=2408F6AD-02", "vda2", true}, {"/dev/mmcblk0p2", "mmcblk0p2", true}, {"/dev/vda2", "vda2", true},
		{"PARTUUID=00000000-02", "mmcblk0p2", false}, {"", "mmcblk0p2", false}, {"PARTUUID=", "mmcblk0p2", false},
	} {
		if got, asked := findRoot(all, tt.root); got.name != tt.want || asked != tt.asked {
			t.Errorf("findRoot(%q) = %s, %v; want %s, %v", tt.root, got.name, asked, tt.want, tt.asked)
		}
	}
	if got, _ := findRoot(all[2:2], "/dev/vda2"); got.name != "" {
		t.Errorf("found %s among none", got.name)
	}
}

func TestMountRootFails(t *testing.T) {
	if _, err := mountRoot(t.TempDir(), "/dev/vda2", 0); err == nil || !strings.Contains(err.Error(), "partition table") {
		t.Errorf("mountRoot() without a card = %v; want an error about the partition table", err)
	}
	dir := t.TempDir()
	for text, want := range map[string]string{"": "cannot be read", strings.Repeat("x", 2000): "no EROFS begins there"} {
		path := filepath.Join(dir, "root")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := superblock(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("superblock() = %v; want %q", err, want)
		}
	}
}

func TestLeftOpen(t *testing.T) {
	le := binary.LittleEndian
	fat32 := make([]byte, 33*512)
	fat32[510], fat32[511] = 0x55, 0xaa
	le.PutUint16(fat32[11:], 512)
	le.PutUint16(fat32[14:], 32)
	le.PutUint32(fat32[32*512+4:], 0x0fffffff)
	change := func(at int, with byte) []byte {
		b := slices.Clone(fat32)
		b[at] = with
		return b
	}
	fat16 := change(22, 32)
	fat16[37] = 1
	for _, tt := range []struct {
		name string
		disk []byte
		want bool
	}{
		{"clean", fat32, false}, {"dirty by the boot sector", change(65, 1), true}, {"dirty by the table", change(32*512+7, 0x07), true},
		{"a FAT16, clean", change(22, 32), false}, {"a FAT16, dirty", fat16, true}, {"no FAT", change(510, 0), false},
	} {
		if got, err := leftOpen(bytes.NewReader(tt.disk)); got != tt.want || err != nil {
			t.Errorf("%s: leftOpen() = %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}
	if _, err := leftOpen(bytes.NewReader(nil)); err == nil {
		t.Error("leftOpen() of a device that cannot be read succeeded")
	}
}

func TestRepair(t *testing.T) {
	dir := t.TempDir()
	device, said := filepath.Join(dir, "device"), "Using internal CP850 conversion table\nfsck.fat 4.2\nDirty bit is set.\n"
	b := make([]byte, 33*512)
	b[510], b[511], b[65], b[14], b[12] = 0x55, 0xaa, 1, 32, 2
	if err := os.WriteFile(device, b, 0o644); err != nil {
		t.Fatal(err)
	}
	checker := filepath.Join(dir, "fsck.fat")
	for status, want := range map[string]string{"0": "repaired (fsck.fat 4.2; Dirty bit is set.)", "1": "repaired (fsck.fat 4.2; Dirty bit is set.)", "2": ""} {
		script := "#!/bin/sh\ntest \"$*\" = \"-a " + device + "\" || exit 9\nprintf '" + strings.ReplaceAll(said, "\n", `\n`) + "'\nexit " + status + "\n"
		if err := os.WriteFile(checker, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		got, err := repair("/", checker, device)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("repair(), fsck.fat ends with %s: %q, %v; want %q", status, got, err, want)
		}
	}
	os.Remove(checker)
	if _, err := repair("/", checker, device); err == nil {
		t.Error("repair() without fsck.fat succeeded")
	}
	b[65], b[32*512+7] = 0, 0x0f
	if err := os.WriteFile(device, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := repair("/", checker, device); got != "" || err != nil {
		t.Errorf("repair() of a clean file system = %q, %v; want nothing done", got, err)
	}
}
