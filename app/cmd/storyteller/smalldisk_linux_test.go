package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"duostoryteller/app/sound"
	"duostoryteller/tests/testmodel"
)

// onSmallDisk is a storyteller on a disk of 128 KB, which it mounts at dir. It does not
// return.
func onSmallDisk(dir string) {
	if syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "") != nil || syscall.Mount("none", dir, "tmpfs", 0, "size=128k") != nil {
		os.Exit(99)
	}
	status := run(os.Args[1:], strings.NewReader(""), os.Stdout, os.Stderr)
	// What is left there is gone with this process, so it is told here.
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		os.Exit(98)
	}
	if _, samples, err := sound.ReadWAV(filepath.Join(dir, "story.wav")); err != nil || len(samples) < 64_000 {
		os.Exit(97)
	}
	os.Exit(status)
}

// A disk that fills up costs the rest of the sound, one line, and nothing of the
// story.
func TestTellFullDisk(t *testing.T) {
	voices(t)
	dir := t.TempDir()
	checkpoint, tokenizer, err := testmodel.Models()[0].Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"tell", "--model", checkpoint, "-z", tokenizer, "-s", "5", "-n", "200", "-i", "The little cat sat. A dog ran. The cat ran too. Then"}
	want, _, _ := storyteller("", args...)
	full := filepath.Join(dir, "full")
	if err := os.Mkdir(full, 0o755); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, append(args, "--wav", filepath.Join(full, "story.wav"))...)
	cmd.Env = append(os.Environ(), smallDisk+"="+full)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); errors.Is(err, syscall.EPERM) || cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == 99 {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	} else if err != nil {
		t.Errorf("%v; want the story told (98: something else on the disk, 97: not the sound that fitted)", err)
	}
	if stdout.String() != want {
		t.Errorf("told %q; want %q", stdout.String(), want)
	}
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool {
		return strings.HasPrefix(l, "achieved tok/s: ") || strings.HasPrefix(l, "speech: ")
	})
	if len(lines) != 1 || !strings.Contains(lines[0], "story.wav: no space left on device; the sound in it ends after 4.1 s") {
		t.Errorf("lines %q; want one about the full disk", lines)
	}
}
