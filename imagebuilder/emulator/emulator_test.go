package emulator

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"duostoryteller/imagebuilder/card"
)

// options returns the options that boot image on the board of the repository.
func options(t *testing.T, image string) Options {
	t.Helper()
	o, err := OptionsFor("../../board", "qemu-virt", image)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// emptyCard writes a card with a boot partition that has nothing to boot.
func emptyCard(t *testing.T) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "empty, really.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const mb = 1 << 20
	root := bytes.NewReader(make([]byte, 512))
	if _, err := card.Write(f, card.Spec{
		Layout: card.Layout{BootStart: mb, BootSize: 40 * mb, RootStart: 41 * mb, RootSize: mb},
		Label:  "EMPTY",
		Files:  []card.File{{Name: "nothing.txt", Data: []byte("nothing\n")}},
		Root:   root, RootSize: root.Size(),
		Time: time.Unix(1e9, 0),
	}); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

func TestStartRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.img")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		image string
		with  func(*Options)
		want  string
	}{
		{"no image", "/does/not/exist.img", nil, "/does/not/exist.img: no card image (`imagebuilder build` makes one): no such file"},
		{"an empty one", empty, nil, "empty.img: the card is empty"},
		{"no QEMU", emptyCard(t), func(o *Options) { o.Emulator.Program = "qemu-system-none" }, "qemu-system-none is not installed: apt-get install"},
		{"no U-Boot", emptyCard(t), func(o *Options) { o.Emulator.Program, o.Emulator.UBoot = "sh", "/does/not/exist" }, "/does/not/exist is not installed: apt-get install"},
		{"QEMU that fails", emptyCard(t), func(o *Options) { o.Emulator.Program, o.Emulator.UBoot = "false", "/" }, "U-Boot does not come up"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t, tt.image)
			if tt.with != nil {
				tt.with(&o)
			}
			m, err := Start(t.Context(), o)
			if err == nil {
				m.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Start() = %v; want one line with %q", err, tt.want)
			}
		})
	}
}

func TestShellLine(t *testing.T) {
	args := []string{"a", "-m", "64M", "file=x y,z", "it's", "$HOME", ""}
	out, err := exec.Command("sh", "-c", "printf '%s\\n' "+shellLine(args)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(out), strings.Join(args, "\n")+"\n"; got != want {
		t.Errorf("shell takes shellLine() apart into %q; want %q", got, want)
	}
}

// script runs a shell script in place of QEMU.
func script(t *testing.T, text string) *Machine {
	t.Helper()
	m, err := start(t.Context(), "/bin/sh", []string{"-c", text}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestWaitFor(t *testing.T) {
	m := script(t, `printf 'one\r\ntwo 2\r\n'; read line; echo "got $line"; exit 3`)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	got, err := m.WaitFor(ctx, regexp.MustCompile(`two (\d)`))
	if err != nil || got[1] != "2" {
		t.Fatalf("WaitFor() = %q, %v; want group 2", got, err)
	}
	if err := m.Send("three"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.WaitFor(ctx, regexp.MustCompile(`got three\n`)); err != nil {
		t.Error(err)
	}
	if _, err := m.WaitFor(ctx, regexp.MustCompile(`one`)); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("WaitFor() of what was passed = %v; want the machine's end", err)
	}
	var exit *exec.ExitError
	if err := m.Wait(ctx); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("Wait() = %v; want exit status 3", err)
	}
	if got, want := m.Console(), "one\ntwo 2\ngot three\n"; got != want {
		t.Errorf("Console() = %q; want %q", got, want)
	}
}

func TestWaitForGivesUp(t *testing.T) {
	m := script(t, "echo something else; exec sleep 60")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := m.WaitFor(ctx, regexp.MustCompile("never")); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "something else") {
		t.Errorf("WaitFor() = %v; want the deadline and the last words", err)
	}
}

// A machine that says nothing more is given up, with its last words; one that
// speaks now and then is not.
func TestSilence(t *testing.T) {
	m := script(t, "for i in 1 2 3 4 5 6 7 8 9; do echo still $i; sleep 0.5; done; echo last words; exec sleep 600")
	m.silence = 3 * time.Second
	if _, err := m.WaitFor(t.Context(), regexp.MustCompile("still 9")); err != nil {
		t.Errorf("a machine that speaks: %v", err)
	}
	_, err := m.WaitFor(t.Context(), regexp.MustCompile("never"))
	if err == nil || !strings.Contains(err.Error(), "silent for 3s") || !strings.Contains(err.Error(), "last words") {
		t.Errorf("WaitFor() of a silent machine = %v; want its silence and its last words", err)
	}
	if err := m.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "silent for 3s") {
		t.Errorf("Wait() for a silent machine = %v; want its silence", err)
	}
}

func TestStarved(t *testing.T) {
	dir := t.TempDir()
	for id, text := range map[string]string{"1": "900 3000 5\n", "2": "5 7000 1\n", "3": "", "4": "no number\n"} {
		if err := os.MkdirAll(filepath.Join(dir, id), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, id, "schedstat"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := starved(dir); got != 7*time.Microsecond {
		t.Errorf("starved() = %v; want 7µs, the longest", got)
	}
	if got := starved(filepath.Join(dir, "none")); got != 0 {
		t.Errorf("starved() of no process = %v; want 0", got)
	}
}

// TestUBoot has the real U-Boot report a card without boot.sd, and asks the
// monitor while it does.
func TestUBoot(t *testing.T) {
	o := options(t, emptyCard(t))
	var line string
	o.Started = func(cmd string) { line = cmd }
	m, err := Start(t.Context(), o)
	if errors.Is(err, ErrNotInstalled) {
		t.Skip(err)
	}
	if err == nil {
		m.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "U-Boot cannot start the card") || !strings.Contains(err.Error(), "boot.sd") {
		t.Errorf("Start() = %v; want what U-Boot said about boot.sd", err)
	}
	if !strings.HasPrefix(line, "qemu-system-riscv64 -M virt") || !strings.Contains(line, "snapshot=on") {
		t.Errorf("command line = %q; want QEMU's", line)
	}
}

func TestMonitor(t *testing.T) {
	program, err := exec.LookPath("qemu-system-riscv64")
	if err != nil {
		t.Skip("qemu-system-riscv64 is ", ErrNotInstalled)
	}
	o := options(t, emptyCard(t))
	if _, err := os.Stat(o.Emulator.UBoot); err != nil {
		t.Skip(o.Emulator.UBoot, " is ", ErrNotInstalled)
	}
	o.Args = []string{"-S"} // nothing runs
	m, err := start(t.Context(), program, o.arguments(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for range 2 {
		if got, err := m.Monitor(t.Context(), "info status"); err != nil || !strings.HasPrefix(got, "VM status: paused") {
			t.Errorf("Monitor(info status) = %q, %v; want paused", got, err)
		}
	}
	if _, err := m.Write([]byte("\x01x")); err != nil { // Ctrl-A X
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := m.Wait(ctx); err != nil {
		t.Errorf("Wait() after Ctrl-A X = %v; want a clean end", err)
	}
}
