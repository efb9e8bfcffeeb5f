// Package child holds the programs that speak and the one that hears: a few
// dozen lines of C each over the C library of a speech engine, speaking the
// protocol of package voice or hearing over their pipes. They are separate
// programs so that the storyteller stays pure Go, so that a crash of a voice
// costs a sentence and not the story, so that its memory goes back when it
// ends, and so that espeak-ng's licence stays with espeak-ng.
//
// Three parts of flite are replaced by ours, at the same calls of its library:
// the lookup of features (features.c) and the way from parameters to sound, of
// diphone voices (lpc.c) and of statistical ones (vocoder.c). They make kal16
// cost half and rms two fifths of what it does in flite itself; kal16's samples
// are the same to the bit, and rms's are as near to the library's as half a
// millisecond of fixed coefficients leaves them (30 dB).
//
// What the voices cost and how well they are understood is in app/speech's
// readme.
package child

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed src
var sources embed.FS

// Program says how one program is made.
type Program struct {
	Voice     string   // the voice's name, e.g. "kal16"; empty for the recogniser
	Sources   []string // files that WriteSources writes
	Defines   []string // for the C preprocessor, NAME=VALUE
	Includes  []string // folders of headers, below usr/include and usr/include/MACHINE
	Libraries []string // for the linker, in order, without -l
	Packages  []string // Debian packages with the headers and static libraries
	License   string   // of the whole program, SPDX
}

// File is the name of the program's file.
func (p Program) File() string {
	if p.Voice == "" {
		return "recogniser"
	}
	return "voice-" + p.Voice
}

// Recogniser is the program that hears.
func Recogniser() Program {
	return Program{
		Sources:   []string{"frames.c", "confine.c", "recogniser.c"},
		Includes:  []string{"pocketsphinx", "sphinxbase"},
		Libraries: []string{"pocketsphinx", "sphinxbase", "m"},
		Packages:  []string{"libpocketsphinx-dev", "libsphinxbase-dev"},
		License:   "BSD-2-Clause",
	}
}

// Programs lists the voices, the default first.
func Programs() []Program {
	flite := func(voice string, sources ...string) Program {
		return Program{
			Voice:     voice,
			Sources:   append(sources, "frames.c", "confine.c", "child.c", "flite.c", "features.c"),
			Defines:   []string{"VOICE=register_cmu_us_" + voice},
			Libraries: []string{"flite_cmu_us_" + voice, "flite_usenglish", "flite_cmulex", "flite", "m"},
			Packages:  []string{"flite1-dev"},
			License:   "MIT-CMU",
		}
	}
	return []Program{
		flite("kal16", "lpc.c"),
		flite("rms", "vocoder.c"),
		{
			Voice:     "espeak",
			Sources:   []string{"frames.c", "confine.c", "child.c", "espeak.c"},
			Libraries: []string{"espeak-ng", "sonic", "m"},
			Packages:  []string{"libespeak-ng-dev", "libsonic-dev"},
			License:   "GPL-3.0-or-later",
		},
	}
}

// CompilerFlags are for every compiler and machine. What the programs read comes from
// elsewhere: a stack or a buffer that overflows ends them.
func CompilerFlags() []string {
	return []string{"-std=gnu11", "-O2", "-Wall", "-Wextra", "-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"}
}

// WriteSources writes the C sources into dir, which must exist.
func WriteSources(dir string) error {
	entries, err := sources.ReadDir("src")
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := sources.ReadFile("src/" + e.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), text, 0o644); err != nil {
			return fmt.Errorf("voice: %w", err)
		}
	}
	return nil
}

// BuildNative compiles the program with the compiler cc, whose options may
// follow its name as in make's CC, and the libraries where that compiler finds
// them: for this machine those of its own packages, for a cross compiler those of
// its sysroot. It returns the program's path in dir. It fails, naming the
// packages, when they are not installed.
func (p Program) BuildNative(ctx context.Context, cc, dir string) (string, error) {
	work, err := os.MkdirTemp(dir, ".voice-")
	if err != nil {
		return "", fmt.Errorf("voice: %w", err)
	}
	defer os.RemoveAll(work)
	if err := WriteSources(work); err != nil {
		return "", err
	}
	compiler := strings.Fields(cc)
	if len(compiler) == 0 {
		return "", fmt.Errorf("%s: no C compiler is named", p.File())
	}
	args := append(compiler[1:], CompilerFlags()...)
	for _, d := range p.Defines {
		args = append(args, "-D"+d)
	}
	args = append(args, p.headers(ctx, compiler)...)
	args = append(append(args, "-o", p.File()), p.Sources...)
	for _, l := range p.Libraries {
		args = append(args, "-l"+l)
	}
	cmd := exec.CommandContext(ctx, compiler[0], args...)
	cmd.Dir = work
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %s; it needs a C compiler and apt-get install %s",
			p.File(), firstLine(text, err), strings.Join(p.Packages, " "))
	}
	out := filepath.Join(dir, p.File())
	if err := os.Rename(filepath.Join(work, p.File()), out); err != nil {
		return "", fmt.Errorf("voice: %w", err)
	}
	return out, nil
}

// headers returns the options with which the compiler finds the folders of Includes,
// in its sysroot if it has one. "-I=" would say that too, but only to a compiler
// that has one: Debian's cross compilers have, those for their own machine have not.
func (p Program) headers(ctx context.Context, compiler []string) (options []string) {
	ask := func(option string) string {
		text, err := exec.CommandContext(ctx, compiler[0], append(slices.Clone(compiler[1:]), option)...).Output()
		if err != nil {
			return ""
		}
		return string(bytes.TrimSpace(text))
	}
	root, machine := filepath.Join("/", ask("-print-sysroot"), "usr/include"), ask("-print-multiarch")
	for _, dir := range p.Includes {
		options = append(options, "-I"+filepath.Join(root, dir), "-I"+filepath.Join(root, machine, dir))
	}
	return options
}

// firstLine is the first error of a compiler's output, else err.
func firstLine(text []byte, err error) string {
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte("error:")) || bytes.Contains(line, []byte("undefined")) || bytes.Contains(line, []byte("cannot find")) {
			return string(bytes.TrimSpace(line))
		}
	}
	return err.Error()
}
