package firmware

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duostoryteller/imagebuilder/card"

	"github.com/ulikunitz/xz/lzma"
)

const uboot = "\x7fcode\x00U-Boot 2021.10 (Jan 02 2024 - 10:00:00 +0000)\x00bootm 0x81400000#config-cv1800b_milkv_duo_sd;\x00" +
	"bootm ${addr}#config-cv1800b_milkv_duo_sd\x00"

// synthetic lays out a fip.bin as fiptool.py would, with made-up programs.
func synthetic(t testing.TB, program, magic string) []byte {
	t.Helper()
	le := binary.LittleEndian
	data := make([]byte, bl2Offset)
	appendPart := func(part []byte) (offset, size, sum uint32) {
		for len(data)%512 != 0 {
			data = append(data, 0)
		}
		offset = uint32(len(data))
		data = append(data, part...)
		return offset, uint32(len(part)), checksum(part)
	}
	copy(data, param1Magic)
	_, bl2Size, bl2Sum := appendPart(bytes.Repeat([]byte("bl2 "), 1000))
	p2at, _, _ := appendPart(make([]byte, param2Size))
	ddrAt, ddrSize, ddrSum := appendPart(bytes.Repeat([]byte("ddr "), 500))
	rtosAt, rtosSize, rtosSum := appendPart(bytes.Repeat([]byte("rtos"), 700))
	sbiAt, sbiSize, sbiSum := appendPart(monitor())

	body := []byte(program)
	if magic == lzmaMagic {
		var packed bytes.Buffer
		w, err := lzma.NewWriter(&packed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		body = packed.Bytes()
	}
	loader := append(make([]byte, loaderHeader), body...)
	copy(loader[4:], magic)
	le.PutUint32(loader[12:], uint32(len(loader)))
	le.PutUint64(loader[16:], 0x80200000)
	le.PutUint32(loader[8:], checksum(loader[12:]))
	loaderAt, _, _ := appendPart(loader)

	le.PutUint32(data[atBL2Sum:], bl2Sum)
	le.PutUint32(data[atBL2Size:], bl2Size)
	le.PutUint32(data[atParam2Addr:], p2at)
	le.PutUint32(data[atParam1Sum:], checksum(data[16:paramSize]))

	p2 := data[p2at:][:param2Size]
	copy(p2, param2Magic)
	for i, v := range []uint32{ddrSum, ddrAt, ddrSize, 0, rtosSum, rtosAt, rtosSize, 0x83f40000, sbiSum, sbiAt, sbiSize, 0x80000000, 0, loaderAt} {
		le.PutUint32(p2[atDDRSum+4*i:], v)
	}
	le.PutUint32(p2[atParam2Sum:], checksum(p2[12:]))
	return data
}

// tree is a device tree's header alone.
func tree() []byte {
	t := make([]byte, 64)
	for i, v := range []uint32{0xd00dfeed, 64, 56, 60} {
		binary.BigEndian.PutUint32(t[4*i:], v)
	}
	return t
}

// monitor is made up, with a device tree in it, and with what only begins like one.
func monitor() []byte {
	return slices.Concat(bytes.Repeat([]byte("sbi "), 800), treeMagic, bytes.Repeat([]byte("sbi "), 100), tree(), []byte("end "))
}

func TestUnpack(t *testing.T) {
	for _, magic := range []string{lzmaMagic, plainMagic} {
		data := synthetic(t, uboot, magic)
		p, err := Unpack(data)
		if err != nil {
			t.Errorf("Unpack with a U-Boot of kind %q: %v", magic, err)
			continue
		}
		if !bytes.Equal(p.Monitor, monitor()) || !bytes.Equal(p.Tree, tree()) {
			t.Errorf("monitor of %d bytes, tree %x; want %d, %x", len(p.Monitor), p.Tree, len(monitor()), tree())
		}
		if got := string(p.Loader[loaderHeader:]); got != uboot || string(p.Loader[4:8]) != magic {
			t.Errorf("the loader is %q behind the header %x; want %q", got, p.Loader[:loaderHeader], uboot)
		}
	}
	if _, err := Unpack(nil); err == nil {
		t.Error("Unpack of nothing succeeded")
	}
}

func TestChecksum(t *testing.T) {
	// The check value of CRC-16/XMODEM in Greg Cook's catalogue of CRCs.
	if got, want := checksum([]byte("123456789")), uint32(0xcafe31c3); got != want {
		t.Errorf("checksum = %08x; want %08x", got, want)
	}
}

func TestParse(t *testing.T) {
	for _, magic := range []string{lzmaMagic, plainMagic} {
		im, err := Parse(synthetic(t, uboot, magic))
		if err != nil {
			t.Errorf("Parse with a U-Boot of kind %q: %v", magic, err)
			continue
		}
		if want := "U-Boot 2021.10 (Jan 02 2024 - 10:00:00 +0000)"; im.UBoot != want {
			t.Errorf("UBoot = %q; want %q", im.UBoot, want)
		}
		if want := []string{"config-cv1800b_milkv_duo_sd"}; !slices.Equal(im.Configurations, want) {
			t.Errorf("Configurations = %v; want %v", im.Configurations, want)
		}
		if !im.SecondCore {
			t.Error("SecondCore = false; want true")
		}
		var names []string
		for _, s := range im.Sections {
			names = append(names, s.Name)
		}
		if want := []string{"first boot stage", "DRAM parameters", "second core", "OpenSBI", "U-Boot"}; !slices.Equal(names, want) {
			t.Errorf("sections = %v; want %v", names, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := synthetic(t, uboot, lzmaMagic)
	p2 := int(u32(good, atParam2Addr))
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 1; return b }
	}
	for _, tt := range []struct {
		name   string
		change func([]byte) []byte
		want   string
	}{
		{"empty", func([]byte) []byte { return nil }, "not a fip.bin"},
		{"other file", flip(0), "not a fip.bin"},
		{"first parameters", flip(0x100), "first parameters"},
		{"first boot stage", flip(bl2Offset), "first boot stage"},
		{"second parameters", flip(p2 + 0x100), "second parameters"},
		{"their magic", flip(p2), "CVLD02"},
		{"DRAM", flip(int(u32(good, p2+atDDRAddr))), "DRAM parameters"},
		{"RTOS", flip(int(u32(good, p2+atSecondAddr))), "second core"},
		{"OpenSBI", flip(int(u32(good, p2+atMonitorAddr))), "OpenSBI"},
		{"U-Boot", flip(len(good) - 1), "U-Boot"},
		{"cut short", func(b []byte) []byte { return b[:len(b)-1] }, "truncated"},
		{"cut to the parameters", func(b []byte) []byte { return b[:bl2Offset] }, "truncated"},
	} {
		if _, err := Parse(tt.change(bytes.Clone(good))); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Parse = %v; want an error with %q", tt.name, err, tt.want)
		}
	}
	if _, err := Parse(synthetic(t, uboot, "B3Z4")); err == nil || !strings.Contains(err.Error(), "B3Z4") {
		t.Errorf("Parse of an LZ4 U-Boot = %v; want an error that names it", err)
	}
}

func TestWithoutSecondCore(t *testing.T) {
	data := synthetic(t, uboot, lzmaMagic)
	before := bytes.Clone(data)
	patched, err := WithoutSecondCore(data)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, before) {
		t.Error("WithoutSecondCore changed its argument")
	}
	im, err := Parse(patched)
	if err != nil {
		t.Fatal(err)
	}
	if im.SecondCore {
		t.Error("SecondCore = true after WithoutSecondCore")
	}
	var differ int
	for i := range data {
		if data[i] != patched[i] {
			differ++
		}
	}
	if differ == 0 || differ > 20 { // four fields and a checksum of four bytes each
		t.Errorf("%d bytes differ; want at most 20", differ)
	}
}

func TestLoad(t *testing.T) {
	fip := synthetic(t, uboot, lzmaMagic)
	dir := t.TempDir()
	put := func(name string, data []byte) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	image := func(name string) string {
		t.Helper()
		f, err := os.Create(filepath.Join(dir, name+".img"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		_, err = card.Write(f, card.Spec{
			Layout: card.Layout{BootStart: 512, BootSize: 40 << 20, RootStart: 41 << 20, RootSize: 1 << 20},
			Files:  []card.File{{Name: name, Data: fip}},
			Root:   bytes.NewReader(nil), Time: time.Unix(1_700_000_000, 0),
		})
		if err != nil {
			t.Fatal(err)
		}
		return f.Name()
	}
	for _, name := range []string{put("fip.bin", fip), image("fip.bin")} {
		if got, im, err := Load(name); err != nil || !bytes.Equal(got, fip) || im.UBoot == "" {
			t.Errorf("Load(%s) = %d bytes, %v; want the %d bytes put in", name, len(got), err, len(fip))
		}
	}
	for _, tt := range []struct{ name, want string }{
		{put("empty", nil), "empty"},
		{put("noise", bytes.Repeat([]byte("noise"), 1000)), "neither a fip.bin nor a card image"},
		{put("duo.img.zip", []byte("PK\x03\x04 and so on")), "zip"},
		{put("cut", fip[:len(fip)/2]), "truncated"},
		{image("other.bin"), "no file fip.bin"},
		{filepath.Join(dir, "missing"), "no such file"},
	} {
		_, _, err := Load(tt.name)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Load(%s) = %v; want one line with %q", tt.name, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(synthetic(f, uboot, lzmaMagic))
	f.Add(synthetic(f, uboot, plainMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		im, err := Parse(data)
		if err != nil {
			return
		}
		for _, s := range im.Sections {
			if s.Offset < 0 || s.Offset+s.Size > int64(len(data)) {
				t.Errorf("section %s lies outside the file", fmt.Sprint(s))
			}
		}
		if p, err := Unpack(data); err == nil && len(p.Tree) > len(p.Monitor) {
			t.Errorf("a tree of %d bytes in a monitor of %d", len(p.Tree), len(p.Monitor))
		}
		if _, err := WithoutSecondCore(data); err != nil {
			t.Errorf("WithoutSecondCore of a good file: %v", err)
		}
	})
}
