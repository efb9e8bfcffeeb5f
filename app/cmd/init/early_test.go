//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/sums"
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
	if _, err := mountRoot(io.Discard, t.TempDir(), "/dev/vda2", 0); err == nil || !strings.Contains(err.Error(), "partition table") {
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

// TestRepair has fsck.fat find faults in so many passes.
func TestRepair(t *testing.T) {
	dir := t.TempDir()
	checker, passes := filepath.Join(dir, "fsck.fat"), filepath.Join(dir, "passes")
	for _, tt := range []struct {
		statuses, want string // want: what was done; "" for an error
		passes         int
	}{
		{"0", "repaired (pass 1; Dirty bit is set.)", 1},
		{"1 0", "repaired (pass 1; Dirty bit is set.)", 2},
		{"1 1 0", "repaired (pass 1; Dirty bit is set.; again: pass 2; Dirty bit is set.)", 3},
		{"1 1 1 1", "repaired as far as 3 passes go (pass 1; ", 3},
		{"2", "", 1}, {"1 2", "", 2},
	} {
		os.Remove(passes)
		script := `#!/bin/sh
test "$*" = "-a /dev/null" || exit 9
echo x >> ` + passes + `
n=$(wc -l < ` + passes + `)
printf 'Using internal CP850 conversion table\npass %s\nDirty bit is set.\n' $n
set -- ` + tt.statuses + `
shift $((n - 1))
exit $1
`
		if err := os.WriteFile(checker, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		got, err := repair("/", checker, "/dev/null")
		if (err == nil) != (tt.want != "") || !strings.HasPrefix(got, tt.want) {
			t.Errorf("repair(), fsck.fat ends with %s: %q, %v; want %q", tt.statuses, got, err, tt.want)
		}
		if n, err := os.ReadFile(passes); strings.Count(string(n), "x") != tt.passes {
			t.Errorf("fsck.fat ends with %s: %d passes, %v; want %d", tt.statuses, strings.Count(string(n), "x"), err, tt.passes)
		}
	}
	os.Remove(checker)
	if _, err := repair("/", checker, "/dev/null"); err == nil {
		t.Error("repair() without fsck.fat succeeded")
	}
}

// A directory without its first cluster takes dosfstools two passes.
func TestRepairDirectory(t *testing.T) {
	program, err := exec.LookPath("fsck.fat")
	if err != nil {
		t.Skip("no fsck.fat: apt-get install dosfstools")
	}
	packed, err := os.Open("testdata/fat-directory-without-cluster.img.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	in, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	device := filepath.Join(t.TempDir(), "card")
	out, err := os.Create(device)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
	if dirty, err := leftOpenDevice(device); !dirty || err != nil {
		t.Fatalf("leftOpenDevice() = %v, %v; want true", dirty, err)
	}
	if _, err := repair("/", program, device); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program, "-n", device).CombinedOutput(); err != nil {
		t.Errorf("after the repair: %v: %s", err, out)
	}
}

// What a person recovered on a PC stays; what this repair has made goes.
func TestOpenFAT(t *testing.T) {
	for _, listed := range []bool{true, false} {
		dir, tools := t.TempDir(), t.TempDir()
		put := func(path, text string, mode os.FileMode) {
			if err := os.WriteFile(path, []byte(text), mode); err != nil {
				t.Fatal(err)
			}
		}
		put(filepath.Join(dir, "FSCK0000.REC"), "a diary", 0o644)
		put(filepath.Join(tools, "fsck.fat"), "#!/bin/sh\necho piece > "+dir+"/FSCK0001.REC\necho piece > "+dir+"/FSCK0002.REC\n", 0o755)
		device := filepath.Join(tools, "device")
		b := make([]byte, 33*512)
		b[510], b[511], b[65], b[14], b[12] = 0x55, 0xaa, 1, 32, 2
		put(device, string(b), 0o644)
		mounts := 0
		f := fat{device: device, root: "/", checker: filepath.Join(tools, "fsck.fat"), dir: dir, unmount: func(string) error { return nil },
			mount: func(string, string) error {
				if mounts++; mounts == 1 && !listed {
					return errors.New("too damaged")
				}
				return nil
			}}
		var out bytes.Buffer
		if err := f.open(&out); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(dir)
		want := 1
		if !listed {
			want = 3 // nobody knows which ones are new
		}
		if err != nil || len(entries) != want || entries[0].Name() != "FSCK0000.REC" {
			t.Errorf("listed before %v: left are %v, %v; want %d", listed, entries, err, want)
		}
		if said := out.String(); !strings.Contains(said, "was being written to when the power went: repaired (") {
			t.Errorf("it says %q", said)
		}
	}
}

// TestJudge goes through all pairs of damages.
func TestJudge(t *testing.T) {
	paths := []string{sums.Path, systemInit, program, share + "tokenizer.bin", share + "board.toml"}
	for _, one := range paths {
		for _, two := range paths {
			faults := []sums.Fault{{Path: one, Err: errors.New("damaged")}}
			if two != one {
				faults = append(faults, sums.Fault{Path: two, Err: errors.New("its checksum is wrong")})
			}
			var others []string // but init, for which there is a stand-in
			for _, f := range faults {
				if f.Path != systemInit {
					others = append(others, f.Error())
				}
			}
			got := judge(faults)
			if wantInit := one != systemInit && two != systemInit && one != sums.Path && two != sums.Path; got.ownInit != wantInit {
				t.Errorf("%v: its own init is used: %v; want %v", faults, got.ownInit, wantInit)
			}
			if (got.damage == "") != (len(others) == 0) || len(others) > 0 && got.damage != others[0] {
				t.Errorf("%v: no story for %q; want %q", faults, got.damage, others)
			}
		}
	}
	if got := judge(nil); got != (judgement{ownInit: true}) {
		t.Errorf("judge() of no faults = %+v", got)
	}
}
