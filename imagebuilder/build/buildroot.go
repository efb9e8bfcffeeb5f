package build

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"duostoryteller/app/voice/child"
	"duostoryteller/imagebuilder/linux"
	"duostoryteller/imagebuilder/voices"
)

// target is the folder that Buildroot makes its root file systems from.
func (s *state) target() string { return filepath.Join(s.Buildroot, "target") }

// notInRoot are Buildroot's warning not to use the folder as it is, and what
// the kernel fills.
var notInRoot = [...]string{"THIS_IS_NOT_YOUR_ROOT_FILESYSTEM", "dev"}

// buildrootPrograms finds the programs in the target folder.
func buildrootPrograms(_ context.Context, s *state) error {
	// Where BusyBox is the shell, it is Buildroot's to keep.
	s.programs = slices.DeleteFunc(s.programs, func(p program) bool {
		info, err := os.Lstat(filepath.Join(s.target(), p.path))
		return p.path == shellPath && (err != nil || !info.Mode().IsRegular())
	})
	for i := range s.programs {
		p := &s.programs[i]
		p.file = filepath.Join(s.target(), p.path)
		if err := runsAlone(p.file); err != nil {
			return fmt.Errorf("%w: set BR2_PACKAGE_STORYTELLER_INIT and build Buildroot's package storyteller", err)
		}
	}
	return nil
}

// runsAlone tells whether a file is a static program for the board.
func runsAlone(name string) error {
	f, err := elf.Open(name)
	if err != nil {
		return fmt.Errorf("%s is no program: %w", name, err)
	}
	defer f.Close()
	if f.Machine != elf.EM_RISCV || f.Class != elf.ELFCLASS64 {
		return fmt.Errorf("%s is no program for a 64-bit RISC-V", name)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is no static program", name)
		}
	}
	return nil
}

// buildrootVoices finds those of the voices, and of the program that hears, that
// the target folder has.
func buildrootVoices(_ context.Context, s *state) error {
	for _, p := range append(child.Programs(), child.Recogniser()) {
		info, err := os.Stat(filepath.Join(s.target(), voices.Folder(p), p.File()))
		if os.IsNotExist(err) {
			continue
		} else if err != nil {
			return err
		}
		s.voices.Components = append(s.voices.Components, voices.Component{Name: p.File(), License: p.License, Size: info.Size()})
	}
	return nil
}

// buildrootChecker takes what is in the target folder, where Buildroot's
// dosfstools puts the program.
func buildrootChecker(_ context.Context, s *state) error {
	if _, err := os.Stat(filepath.Join(s.target(), "sbin/fsck.fat")); err != nil {
		return fmt.Errorf("%w: set BR2_PACKAGE_DOSFSTOOLS_FSCK_FAT", err)
	}
	return nil
}

// buildrootKernel finds the kernel and its device trees.
func buildrootKernel(_ context.Context, s *state) (err error) {
	s.source = linux.Source{Name: "linux", Origin: "built by Buildroot"}
	s.kernel, err = linux.FromBuildroot(s.Buildroot, s.board.Kernel.Fragments, s.board.Kernel.DeviceTrees)
	return err
}
