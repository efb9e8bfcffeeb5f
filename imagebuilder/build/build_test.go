package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/avoid"
	"duostoryteller/app/commands"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/builtin"
	"duostoryteller/app/llama/packed"
	"duostoryteller/app/sums"
	"duostoryteller/app/version"
	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/fatcheck"
	"duostoryteller/imagebuilder/fetch"
	"duostoryteller/imagebuilder/firmware"
	"duostoryteller/imagebuilder/linux"
	"duostoryteller/imagebuilder/manifest"
	"duostoryteller/imagebuilder/rootfs"
	"duostoryteller/imagebuilder/voices"
)

// checkpoint writes a checkpoint of vocab tokens, all weights 0, and returns
// its name.
func checkpoint(t *testing.T, dir string, vocab int32) string {
	t.Helper()
	header := []int32{8, 16, 1, 2, 2, vocab, 8}
	var data bytes.Buffer
	binary.Write(&data, binary.LittleEndian, header)
	c, err := llama.ParseConfig(data.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	data.Write(make([]byte, c.FileSize()-int64(data.Len())))
	return put(t, filepath.Join(dir, "model.bin"), data.Bytes())
}

// tokenizer writes one of n tokens.
func tokenizer(t *testing.T, dir string, n int) string {
	t.Helper()
	var data bytes.Buffer
	binary.Write(&data, binary.LittleEndian, int32(6))
	for i := range n {
		piece := fmt.Sprintf("%06d", i)
		binary.Write(&data, binary.LittleEndian, float32(-i))
		binary.Write(&data, binary.LittleEndian, int32(len(piece)))
		data.WriteString(piece)
	}
	return put(t, filepath.Join(dir, "tokenizer.bin"), data.Bytes())
}

func put(t *testing.T, name string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// small is a build of everything but the kernel, for which it takes a stand-in.
func small(t *testing.T) *state {
	t.Helper()
	dir := t.TempDir()
	return &state{
		Options: Options{
			Source: "../..", Board: "milkv-duo", Out: filepath.Join(t.TempDir(), "out"), Cache: t.TempDir(), Data: t.TempDir(),
			Model: checkpoint(t, dir, 300), Tokenizer: tokenizer(t, dir, 300),
			Time: time.Unix(1_700_000_000, 0), Log: io.Discard,
		},
		findPrograms: compilePrograms,
		findVoices: func(_ context.Context, s *state) error {
			s.voices = &voices.Result{
				Files:      []rootfs.File{rootfs.Bytes("/usr/lib/storyteller/voices/test", 0o755, []byte("voice"))},
				Components: []voices.Component{{Name: "test", License: "CC0-1.0", Size: 5}},
			}
			return nil
		},
		findChecker: func(_ context.Context, s *state) error {
			s.checker = &fatcheck.Result{Files: []rootfs.File{rootfs.Bytes("/sbin/fsck.fat", 0o755, []byte("check"))}}
			return nil
		},
		findKernel: func(_ context.Context, s *state) error {
			s.kernel = &linux.Kernel{
				Image:   put(t, filepath.Join(t.TempDir(), "Image"), bytes.Repeat([]byte("kernel "), 10_000)),
				DTBs:    map[string]string{"duo": put(t, filepath.Join(t.TempDir(), "duo.dtb"), emptyTree())},
				Release: "7.0.0-test", Compiler: "none",
			}
			s.source = linux.Source{Name: "stand-in", SHA256: strings.Repeat("0", 64)}
			return nil
		},
	}
}

// emptyTree is the smallest device tree blob (Devicetree Specification 0.4,
// chapter 5).
func emptyTree() []byte {
	const header, reserved = 40, 16
	structure := []uint32{1, 0, 2, 9} // begin node "", end node, end
	var b bytes.Buffer
	size := uint32(header + reserved + 4*len(structure))
	binary.Write(&b, binary.BigEndian, []uint32{0xd00dfeed, size, header + reserved, size, header, 17, 16, 0, 0, uint32(4 * len(structure))})
	b.Write(make([]byte, reserved))
	binary.Write(&b, binary.BigEndian, structure)
	return b.Bytes()
}

func read(t *testing.T, s *state, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.Out, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestBuild reads back what a whole build made.
func TestBuild(t *testing.T) {
	s := small(t)
	var log bytes.Buffer
	s.Log = &log
	one, other := t.TempDir(), t.TempDir()
	second, third := filepath.Join(one, "second.bin"), filepath.Join(other, "third.bin")
	for from, to := range map[string]string{checkpoint(t, one, 300): second, checkpoint(t, other, 280): third} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	s.MoreModels = []string{second + "," + s.Tokenizer, third + "," + tokenizer(t, other, 280)}
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(os.DirFS(s.Out), "*")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"boot.sd", "manifest.json", "storyteller.img", "update.erofs"}; !slices.Equal(names, want) {
		t.Errorf("out has %v; want %v", names, want)
	}
	data := read(t, s, Image)
	if limit := 192_000_000; len(data) > limit {
		t.Errorf("the image has %d bytes; want at most %d", len(data), limit)
	}
	im, err := card.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := im.ReadFile("boot.sd"); err != nil || !bytes.Equal(got, read(t, s, "boot.sd")) {
		t.Errorf("boot.sd on the card: %d bytes, %v; want those beside the image", len(got), err)
	}
	if help, err := im.ReadFile("START-HERE.html"); err != nil || !bytes.HasPrefix(help, []byte("<!doctype html>")) {
		t.Errorf("START-HERE.html has %d bytes, %v; want a page", len(help), err)
	}
	if _, err := im.ReadFile("storyteller.toml"); err != nil {
		t.Error(err)
	}
	if text, err := im.ReadFile(avoid.File); err != nil {
		t.Error(err)
	} else if l, problems := avoid.Parse(string(text)); l.Len() != avoid.Standard().Len() || problems != nil {
		t.Errorf("%s has %d entries, problems %q; want the built-in list", avoid.File, l.Len(), problems)
	}
	part, err := im.Partition(2)
	if err != nil {
		t.Fatal(err)
	}
	root, err := rootfs.Open(part)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{
		"sbin/init": 0o755, "bin/storyteller": 0o755, "bin/sh": 0o755, "bin/ls": 0o755, "proc": 0o555,
		"usr/lib/storyteller/voices/test": 0o755, "sbin/fsck.fat": 0o755, "usr/share/storyteller/sums": 0o644, "usr/share/storyteller/model.packed": 0o644, "usr/share/storyteller/tokenizer.bin": 0o644, "usr/share/storyteller/suites/regression.jsonl": 0o644, "usr/share/storyteller/board.toml": 0o644,
		"usr/share/storyteller/models/second/model.packed": 0o644, "usr/share/storyteller/models/third/model.packed": 0o644, "usr/share/storyteller/models/third/tokenizer.bin": 0o644,
	} {
		info, err := fs.Stat(root, name)
		if err != nil {
			t.Error(err)
		} else if got := info.Mode() & fs.ModePerm; got != mode {
			t.Errorf("mode of /%s = %o; want %o", name, got, mode)
		}
	}
	for _, name := range commands.Names() {
		if to, err := fs.ReadLink(root, "bin/"+name); to != "sh" || err != nil {
			t.Errorf("/bin/%s is a link to %q, %v; want the shell", name, to, err)
		}
	}
	update, err := rootfs.Open(bytes.NewReader(read(t, s, "update.erofs")))
	if err != nil {
		t.Fatal(err)
	}
	if damaged := sums.Damaged(update, nil); damaged != nil {
		t.Errorf("the checksums of the update do not fit: %v", damaged)
	}
	for name, want := range map[string]bool{"sbin/init": true, "base": true, "usr/share/storyteller/model.packed": false, "usr/share/storyteller/tokenizer.bin": false, "usr/share/storyteller/models": false} {
		if _, err := fs.Stat(update, name); (err == nil) != want {
			t.Errorf("/%s of the update: %v; want it there: %v", name, err, want)
		}
	}
	if _, err := fs.Stat(root, "usr/share/storyteller/models/second/tokenizer.bin"); err == nil {
		t.Error("the card has its own tokenizer twice")
	}
	if damaged := sums.Damaged(root, nil); damaged != nil {
		t.Errorf("the checksums on the card do not fit: %v", damaged)
	}
	model, err := fs.ReadFile(root, "usr/share/storyteller/model.packed")
	if err != nil {
		t.Fatal(err)
	}
	if err := packed.Verify(put(t, filepath.Join(t.TempDir(), "model.packed"), model)); err != nil {
		t.Errorf("the card's model: %v", err)
	}

	var m manifest.Manifest
	if err := json.Unmarshal(read(t, s, "manifest.json"), &m); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	if want := hex.EncodeToString(sum[:]); m.Image.SHA256 != want {
		t.Errorf("the manifest's SHA-256 of the image = %s; want %s", m.Image.SHA256, want)
	}
	if want := fmt.Sprintf("%08x-02", im.Signature); m.Image.RootUUID != want {
		t.Errorf("the manifest's PARTUUID = %s; want %s", m.Image.RootUUID, want)
	}
	kinds := map[string]int{}
	for _, c := range m.Components {
		kinds[c.Kind]++
		if c.Kind == "program" && (c.Licence != "Apache-2.0" || c.Version != m.Version || !strings.HasPrefix(c.Version, version.Number)) {
			t.Errorf("the manifest of %s, has the program %s %s under %s", m.Version, c.Name, c.Version, c.Licence)
		}
	}
	for name, licence := range map[string]string{"duo-storyteller": "Apache-2.0", "linux": "GPL-2.0"} {
		text, err := fs.ReadFile(root, "usr/share/licences/"+name+"/LICENCE")
		if got := manifest.Identify(string(text)); err != nil || got != licence {
			t.Errorf("the card's licence of %s = %q, %v; want %s", name, got, err, licence)
		}
	}
	for _, kind := range []string{"program", "go module", "voice", "kernel", "checkpoint", "packed checkpoint", "tokenizer", "further checkpoint", "further tokenizer"} {
		if kinds[kind] == 0 {
			t.Errorf("the manifest has no %s: %v", kind, kinds)
		}
	}
	for _, want := range []string{" 1/14 ", "14/14 ", "partition 1", "KV cache", "fip.bin", "make image FIP="} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the build did not print %q:\n%s", want, &log)
		}
	}
}

// TestBaseline builds a card that has another program to compare with.
func TestBaseline(t *testing.T) {
	program := filepath.Join(t.TempDir(), "run")
	build := exec.Command("go", "build", "-o", program, "../../tests/baseline")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=riscv64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	s := small(t)
	s.Baseline = program
	s.findPrograms = func(_ context.Context, s *state) error { // as good as the real ones here
		for i := range s.programs {
			s.programs[i].file = program
		}
		return nil
	}
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	data := read(t, s, Image)
	im, err := card.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	part, err := im.Partition(2)
	if err != nil {
		t.Fatal(err)
	}
	if most := s.board.Card.RootSize + 16<<20; part.Size() <= s.board.Card.RootSize || part.Size() > most {
		t.Errorf("the root file system's partition has %d bytes; want more than the board's %d, at most %d", part.Size(), s.board.Card.RootSize, most)
	}
	root, err := rootfs.Open(part)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"usr/share/storyteller/baseline/run": program, "usr/share/storyteller/baseline/model.bin": s.Model} {
		got, err := fs.ReadFile(root, name)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := os.ReadFile(want); err != nil || !bytes.Equal(got, want) {
			t.Errorf("/%s has %d bytes; want those of the user's file, %d, %v", name, len(got), len(want), err)
		}
	}
	if info, err := fs.Stat(root, "usr/share/storyteller/baseline/run"); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the program is %v, %v; want it executable", info, err)
	}
	var m manifest.Manifest
	if err := json.Unmarshal(read(t, s, "manifest.json"), &m); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(m.Components, func(c manifest.Component) bool { return c.Kind == "baseline program" }) {
		t.Error("the manifest does not name the baseline")
	}
	parts, err := fs.ReadFile(root, "usr/share/storyteller/parts.json")
	if sum := sha256.Sum256(parts); err != nil || hex.EncodeToString(sum[:]) != m.Image.Parts {
		t.Errorf("the SHA-256 of the card's own list of parts is not the manifest's %q, %v", m.Image.Parts, err)
	}
}

// oldOut gives the build an earlier image, which must survive what follows.
func oldOut(t *testing.T, s *state) {
	t.Helper()
	if err := os.MkdirAll(s.Out, 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(s.Out, Image), []byte("the last good image"))
}

func checkOldOut(t *testing.T, s *state, name string) {
	t.Helper()
	entries, err := os.ReadDir(s.Out)
	if err != nil || len(entries) != 1 || string(read(t, s, Image)) != "the last good image" {
		t.Errorf("%s: out has %v, %v; want the old image alone", name, entries, err)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*testing.T, *state)
		want   string
	}{
		{"no such board", func(_ *testing.T, s *state) { s.Board = "esp32" }, "esp32"},
		{"a shell that is too large", func(_ *testing.T, s *state) {
			s.findPrograms = func(ctx context.Context, s *state) error {
				s.board.Card.ShellMax = 100 << 10
				return compilePrograms(ctx, s)
			}
		}, "shell_max"},
		{"no checkpoint", func(_ *testing.T, s *state) { s.Model = "/does/not/exist" }, "/does/not/exist"},
		{"truncated checkpoint", func(t *testing.T, s *state) {
			if err := os.Truncate(s.Model, 1000); err != nil {
				t.Fatal(err)
			}
		}, "1000"},
		{"longer checkpoint", func(t *testing.T, s *state) {
			if err := os.Truncate(s.Model, 1_000_000); err != nil {
				t.Fatal(err)
			}
		}, "its header asks for"},
		{"empty checkpoint", func(t *testing.T, s *state) { put(t, s.Model, nil) }, "model.bin"},
		{"no tokenizer at all", func(t *testing.T, s *state) { put(t, s.Tokenizer, []byte("hello")) }, "tokenizer.bin"},
		{"vocabulary too small", func(t *testing.T, s *state) { s.Tokenizer = tokenizer(t, t.TempDir(), 299) }, "tokenizer.bin"},
		{"vocabulary too large", func(t *testing.T, s *state) { s.Tokenizer = tokenizer(t, t.TempDir(), 301) }, "tokenizer.bin"},
		{"baseline for this PC", func(t *testing.T, s *state) { s.Baseline, _ = os.Executable() }, "no program for a 64-bit RISC-V"},
		{"no baseline's checkpoint", func(_ *testing.T, s *state) { s.Baseline, s.BaselineModel = "/does/not/exist", "x" }, "/does/not/exist"},
		{"checkpoint as firmware", func(_ *testing.T, s *state) { s.FIP = s.Model }, "neither a fip.bin nor a card image"},
		{"empty firmware", func(t *testing.T, s *state) { s.FIP = put(t, filepath.Join(t.TempDir(), "fip.bin"), nil) }, "empty"},
		{"damaged firmware", func(t *testing.T, s *state) {
			s.FIP = put(t, filepath.Join(t.TempDir(), "fip.bin"), append([]byte("CVBL01\n\x00"), make([]byte, 8000)...))
		}, "damaged"},
		{"no Go", func(t *testing.T, s *state) { t.Setenv("PATH", t.TempDir()) }, "go command is missing"},
		{"no cross compiler", func(t *testing.T, s *state) {
			s.findKernel = builtKernel
			goTool, err := exec.LookPath("go")
			if err != nil {
				t.Fatal(err)
			}
			bin := t.TempDir()
			if err := os.Symlink(goTool, filepath.Join(bin, "go")); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", bin)
		}, "gcc-riscv64-linux-gnu"},
		{"kernel too large for boot.sd", func(t *testing.T, s *state) {
			kernel := s.findKernel
			s.findKernel = func(ctx context.Context, s *state) error {
				s.board.FIT.MaxSize = 100
				return kernel(ctx, s)
			}
		}, "fit: "},
		{"root too large", func(t *testing.T, s *state) {
			kernel := s.findKernel
			s.findKernel = func(ctx context.Context, s *state) error {
				s.board.Card.RootSize = 1 << 20
				return kernel(ctx, s)
			}
		}, "root_size"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := small(t)
			oldOut(t, s)
			tt.change(t, s)
			err := s.run(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("run = %v; want one line with %q", err, tt.want)
			}
			checkOldOut(t, s, tt.name)
		})
	}
}

func TestInterrupted(t *testing.T) {
	s := small(t)
	oldOut(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	s.findKernel = func(context.Context, *state) error {
		cancel()
		return errors.New("make: killed")
	}
	if err := s.run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("run = %v; want %v", err, context.Canceled)
	}
	checkOldOut(t, s, "interrupted")
}

// TestFind goes through the places that a checkpoint may come from.
func TestFind(t *testing.T) {
	real := bytes.Repeat([]byte("real"), 100)
	sum := sha256.Sum256(real)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(real) }))
	defer server.Close()
	pinned := board.File{File: "stories.bin", URL: server.URL, Size: int64(len(real)), SHA256: hex.EncodeToString(sum[:])}
	offline := pinned
	offline.URL = "http://127.0.0.1:1/stories.bin"

	for _, tt := range []struct {
		name   string
		files  map[string][]byte // in Data
		cached []byte
		pinned board.File
		want   string // in the file's note or source, or in the error
		fails  bool
	}{
		{"in the data folder", map[string][]byte{"stories.bin": real, standIn: []byte("x")}, nil, offline, "", false},
		{"in the cache", map[string][]byte{standIn: []byte("x")}, real, offline, "", false},
		{"stand-in", map[string][]byte{standIn: []byte("x")}, nil, offline, "NOT the real stories.bin", false},
		{"downloaded", nil, nil, pinned, "", false},
		{"cache mended", nil, []byte("broken"), pinned, "", false},
		{"another file of the name", map[string][]byte{"stories.bin": []byte("x")}, nil, pinned, "expected", true},
		{"offline", nil, nil, offline, "DUO_DATA", true},
	} {
		s := small(t)
		for name, data := range tt.files {
			put(t, filepath.Join(s.Data, name), data)
		}
		if tt.cached != nil {
			if err := os.MkdirAll(s.downloads(), 0o755); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(s.downloads(), "stories.bin"), tt.cached)
		}
		f, err := s.find(t.Context(), "", tt.pinned, "--model", standIn)
		if tt.fails {
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: find = %v; want one line with %q", tt.name, err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if !strings.Contains(f.note, tt.want) || (tt.want == "") != (f.note == "") {
			t.Errorf("%s: note = %q; want %q", tt.name, f.note, tt.want)
		}
		if sum, _, err := fetch.Sum(f.path); err != nil || sum != f.sha256 || (tt.want == "" && sum != tt.pinned.SHA256) {
			t.Errorf("%s: SHA-256 of %s = %s, %v; want %s", tt.name, f.path, sum, err, f.sha256)
		}
	}
}

// TestBuiltin builds without a network: the small model takes the real one's place,
// and the build, the manifest and the card say so.
func TestBuiltin(t *testing.T) {
	for _, tt := range []struct {
		name  string
		set   func(*Options)
		tells string // what the build must say; "" for an error instead
	}{
		{"nothing can be had", func(*Options) {}, "NOT of stories.bin, which cannot be had:\n    download of http://127.0.0.1:1/"},
		{"asked for", func(o *Options) { o.Model = builtin.Name }, "as asked for"},
		{"insisted on", func(o *Options) { o.RequireModel = true }, ""},
		{"with a tokenizer of the user's", func(o *Options) { o.Tokenizer = "tokenizer.bin" }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := small(t)
			s.Model, s.Tokenizer = "", ""
			tt.set(&s.Options)
			var log bytes.Buffer
			s.Log = &log
			if _, err := s.readBoard(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.board.Model = board.File{File: "stories.bin", URL: "http://127.0.0.1:1/", Size: 1, SHA256: strings.Repeat("0", 64)}
			_, err := s.findModel(t.Context())
			if tt.tells == "" {
				if err == nil || s.model.header.Dim != 0 {
					t.Errorf("findModel = %v with %+v; want an error and no model", err, s.model.checkpoint)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s.model.checkpoint.sha256 != builtin.SHA256 || s.licence(s.model.checkpoint, s.board.Model, "MIT") != "CC0-1.0" {
				t.Errorf("the checkpoint is %+v", s.model.checkpoint)
			}
			if !strings.Contains(s.model.checkpoint.note, "NOT the real stories.bin") {
				t.Errorf("the manifest's note is %q", s.model.checkpoint.note)
			}
			if advice := s.modelAdvice(); !strings.Contains(advice, tt.tells) {
				t.Errorf("the advice is %q; want %q in it", advice, tt.tells)
			}
		})
	}
}

// TestFirmware takes fip.bin from a download, or goes on without.
func TestFirmware(t *testing.T) {
	s := small(t)
	if _, err := s.readBoard(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.board.Dir = t.TempDir()
	put(t, filepath.Join(s.board.Dir, firmware.OfficialFile), fmt.Appendf(nil, "default = \"v1\"\n[[image]]\nversion = \"v1\"\nfile = \"a.zip\"\nurl = \"http://127.0.0.1:1/a.zip\"\nsize = 1\nsha256 = \"%064d\"\n", 0))
	s.Firmware = "default"
	if _, err := s.loadFirmware(t.Context()); err != nil || s.fip != nil || s.fipMissing == nil {
		t.Errorf("loadFirmware without a network = %v, %d bytes, missing because of %v; want it to go on and keep the reason", err, len(s.fip), s.fipMissing)
	}
	s.Firmware = "v7"
	if _, err := s.loadFirmware(t.Context()); err == nil || !strings.Contains(err.Error(), "v1") {
		t.Errorf("loadFirmware of an unknown version = %v; want the known ones named", err)
	}
}

func TestFirmwareAdvice(t *testing.T) {
	for _, tt := range []struct {
		configurations []string
		want           string
	}{
		{[]string{"config-cv1800b_milkv_duo_sd"}, ""},
		{[]string{"config-another_board"}, "asks boot.sd for config-another_board"},
		{nil, "does not say"},
	} {
		var log bytes.Buffer
		s := small(t)
		s.Log = &log
		if _, err := s.readBoard(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.fip, s.fipInfo = []byte{1}, &firmware.Image{Configurations: tt.configurations}
		s.printAdvice()
		if got := log.String(); !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("advice for %v = %q; want %q", tt.configurations, got, tt.want)
		}
	}
}
