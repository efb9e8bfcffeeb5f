// Package build makes a card image from the repository's sources, a board's
// description, a checkpoint and, for a real board, the vendor's firmware.
package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/fatcheck"
	"duostoryteller/imagebuilder/firmware"
	"duostoryteller/imagebuilder/inputs"
	"duostoryteller/imagebuilder/linux"
	"duostoryteller/imagebuilder/manifest"
	"duostoryteller/imagebuilder/rootfs"
	"duostoryteller/imagebuilder/voices"
)

// Options are the inputs of a build.
type Options struct {
	Source string // the repository's folder
	Board  string // a folder of Source/board
	Out    string // where the image goes
	Cache  string // downloads, the kernel
	Data   string // a folder that may have the checkpoint and the tokenizer

	Model       string   // checkpoint to use; builtin.Name for the built-in one, or a name of package models; "" for the board's
	ModelSHA256 string   // what the checkpoint's must be, in hexadecimal; "" for no such condition
	Tokenizer   string   // tokenizer to use; "" for the board's
	MoreModels  []string // further models for the card: as Model, or with a tokenizer of its own "CHECKPOINT,TOKENIZER"
	Golden      string   // cases for the card's regression suite; "" for those in Data, or made here

	// RequireModel makes it an error that the board's checkpoint cannot be had;
	// else the built-in one takes its place, and the build says so.
	RequireModel bool

	Baseline      string // a riscv64 build of llama2.c's run.c to measure beside ours; "" for none
	BaselineModel string // its checkpoint; "" for Model

	FIP          string // fip.bin or an image that has one; "" for Firmware's
	Firmware     string // version of the vendor's official image to take it from, "default" for the board's; "" for none
	NoSecondCore bool   // put a copy of fip.bin on the card that starts no RTOS
	NoVoice      bool   // leave the voice programs out

	// Buildroot is its output folder, whose kernel, device trees, programs and
	// other files of the root file system are taken; "" to make them here.
	Buildroot string

	KernelSource string        // tar archive; "" for Debian's newest
	KernelSHA256 string        // of KernelSource
	Locked       *inputs.Store // of Debian's packages; not for Buildroot's

	Time time.Time // of every file on the card
	Log  io.Writer // numbered lines, maps and advice

	// Uninterrupted, if not nil, is called before the finished files are moved to
	// their places, and what it returns after: a program may put signals off there.
	Uninterrupted func() (over func())

	// Progress, if not nil, is called during long work: done of about total,
	// both in the same unit of whatever is done.
	Progress func(what string, done, total int64)
}

// Image is the name of the card image in the folder Out.
const Image = "storyteller.img"

// state is what the phases hand on to one another.
type state struct {
	Options
	forBoard bool   // a card is made: the model must work on the board
	tmp      string // for everything until the last phase; inside Out, so that renaming works

	commit     string // of the sources; package source
	board      *board.Board
	model      modelFiles
	more       []modelFiles // the card's further models
	baseline   baseline
	suite      []byte // the regression suite's file
	fip        []byte // nil for none
	fipSource  string // where it is from
	fipMissing error  // why it could not be downloaded
	fipInfo    *firmware.Image
	programs   []program
	modules    []manifest.Module
	voices     *voices.Result
	checker    *fatcheck.Result
	source     linux.Source
	kernel     *linux.Kernel
	bootFile   string // of boot.sd
	rootFile   string // of the EROFS image
	updateSize int64  // of updateFile
	rootTree   *rootfs.Tree
	layout     cardInfo
	manifest   manifest.Manifest
	parts      []byte // the manifest's part that is on the card

	// How programs, voices and kernel are come by: made here, Buildroot's, or
	// stand-ins in tests.
	findPrograms, findVoices, findChecker, findKernel func(context.Context, *state) error
}

// Run builds the card. It leaves complete files in Out or, with an error or a
// cancelled ctx, none that were not there before.
func Run(ctx context.Context, o Options) error {
	s := &state{Options: o, findPrograms: compilePrograms, findVoices: compileVoices, findChecker: fetchChecker, findKernel: builtKernel}
	if o.Buildroot != "" {
		s.findPrograms, s.findVoices, s.findChecker, s.findKernel = buildrootPrograms, buildrootVoices, buildrootChecker, buildrootKernel
	}
	return s.run(ctx)
}

// run is the table of contents of a build.
func (s *state) run(ctx context.Context) (err error) {
	s.forBoard = true
	// What is cheap and can fail comes first, what takes minutes after it.
	phases := []struct {
		name string
		do   func(context.Context) (result string, err error)
	}{
		{"board description", s.readBoard},
		{"checkpoint and tokenizer", s.findModels},
		{"baseline program", s.findBaseline},
		{"vendor's firmware", s.loadFirmware},
		{"packed checkpoint", s.packModels},
		{"regression suite", s.findSuite},
		{"programs for riscv64", s.buildPrograms},
		{"voices", s.buildVoices},
		{"file system check", s.buildChecker},
		{"kernel", s.buildKernel},
		{"boot.sd", s.writeBoot},
		{"root file system", s.writeRoot},
		{"card image", s.writeCard},
		{"manifest", s.writeManifest},
	}
	if err := os.MkdirAll(s.Out, 0o755); err != nil {
		return err
	}
	if s.tmp, err = os.MkdirTemp(s.Out, ".build-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.tmp)) }()
	for i, p := range phases {
		if err := ctx.Err(); err != nil {
			return err
		}
		begin := time.Now()
		result, err := p.do(ctx)
		if err != nil {
			if ctx.Err() != nil { // what failed did so because it was told to stop
				return ctx.Err()
			}
			return err
		}
		fmt.Fprintf(s.Log, "%2d/%d %s %s %s (%.1f s)\n", i+1, len(phases), p.name,
			strings.Repeat(".", max(2, 28-len(p.name))), result, time.Since(begin).Seconds())
	}
	if err := s.publish(ctx); err != nil {
		return err
	}
	s.printMaps()
	s.printAdvice()
	return nil
}

// publish moves the finished files to their places, the image last: where it
// is new, the others are, too. Once begun it is not interrupted.
func (s *state) publish(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.Uninterrupted != nil {
		defer s.Uninterrupted()()
	}
	for _, name := range []string{s.board.FIT.File, updateFile, "manifest.json", Image} {
		if err := os.Rename(filepath.Join(s.tmp, name), filepath.Join(s.Out, name)); err != nil {
			return err
		}
	}
	return nil
}

// size prints a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
