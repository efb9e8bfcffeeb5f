package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"duostoryteller/imagebuilder/build"
	"duostoryteller/imagebuilder/cachedir"

	"github.com/spf13/cobra"
)

func buildCommand() *cobra.Command {
	var o build.Options
	var mirror string
	cmd := &cobra.Command{
		Use:     "build",
		GroupID: groupMake,
		Short:   "Build the card image from sources, checkpoint and firmware",
		Long: `Build compiles the board's programs and the kernel, gathers the checkpoint and
the tokenizer, and writes out/storyteller.img with out/manifest.json beside it.
The same inputs give the same bytes.

The checkpoint comes from the folder that DUO_DATA names (../shared/data beside
the repository if it is not set), from the cache, or from a download. Another one
is given by --model, with its own --tokenizer where the vocabulary differs. Where
none can be had, a small one that is built in takes its place; build, the manifest
and the page then say so. --model builtin asks for that one.

The kernel is built once and then taken from the cache: $STORYTELLER_CACHE, or
duo-storyteller in the user's cache folder. All files on the card have the time
$SOURCE_DATE_EPOCH, or one fixed moment.

With --from-buildroot the kernel, its device trees and the root file system's
files come from an output folder of Buildroot; see buildroot-external/readme.md.

With --baseline the card also has a build of llama2.c's run.c and the checkpoint
as run.c reads it; the card's suites then measure that program beside ours on the
same board. The challenge compiles run.c with -Ofast:
    riscv64-linux-gnu-gcc -static -Ofast -o run run.c -lm
(Debian's packages gcc-riscv64-linux-gnu and libc6-dev-riscv64-cross).

The vendor's firmware, fip.bin, sets up the memory and loads our kernel; a board
does not boot without it. It comes out of Milk-V's official SD image, which is
downloaded once, or from --fip. Where it cannot be had, build says so, and the
image boots in the emulator.`,
		Example: `  imagebuilder build
  imagebuilder build --firmware v2.0.1
  imagebuilder build --fip milkv-duo-sd.img
  imagebuilder build --fip none --model builtin
  imagebuilder build --model stories260K.bin --tokenizer tok512.bin
  imagebuilder build --fip fip.bin --baseline llama2.c/run`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (o.KernelSource == "") != (o.KernelSHA256 == "") {
				return usageError{errors.New("--kernel-source and --kernel-sha256 go together")}
			}
			if err := firmwareFlags(&o); err != nil {
				return err
			}
			if o.NoSecondCore && o.FIP == "" && o.Firmware == "" {
				return usageError{errors.New("--no-second-core changes a copy of the firmware: give it by --fip or --firmware")}
			}
			if o.Buildroot != "" && (o.NoVoice || o.KernelSource != "" || mirror != "") {
				return usageError{errors.New("--from-buildroot takes kernel and voices as they are: no --no-voice, --kernel-source or --debian-mirror with it")}
			}
			if o.BaselineModel != "" && o.Baseline == "" {
				return usageError{errors.New("--baseline-model is the checkpoint of a program: give that by --baseline")}
			}
			err := places(&o)
			if err != nil {
				return err
			}
			if o.Out == "" {
				o.Out = filepath.Join(o.Source, "out")
			}
			if o.Time, err = sourceDate(); err != nil {
				return err
			}
			o.Log, o.Uninterrupted = cmd.OutOrStdout(), uninterrupted
			if progress := newProgress(cmd.ErrOrStderr()); progress != nil {
				o.Progress = progress.report
				defer progress.finish()
			}
			if o.Buildroot == "" {
				if o.Locked, err = locked(o.Source, o.Cache, mirror, o.Progress, o.Log); err != nil {
					return err
				}
			}
			return build.Run(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Board, "board", "milkv-duo", "board to build for, a folder of board/")
	f.StringVarP(&o.Out, "output", "o", "", "folder for the image (default out/ of the repository)")
	f.StringVar(&o.Model, "model", "", "checkpoint of llama2.c's export.py, version 0 (legacy), 1 or 2; or stories15M, stories42M, stories110M to download it; or \"builtin\" for the small one that is built in")
	f.BoolVar(&o.RequireModel, "require-model", false, "fail where the board's own checkpoint cannot be had, instead of taking the built-in one")
	f.StringVar(&o.ModelSHA256, "model-sha256", "", "what the checkpoint's SHA-256 must be")
	f.StringVar(&o.Tokenizer, "tokenizer", "", "tokenizer.bin that belongs to the checkpoint")
	f.StringArrayVar(&o.MoreModels, "more-model", nil, "a further model for the card, as --model; with a tokenizer of its own CHECKPOINT,TOKENIZER; once for each")
	f.StringVar(&o.FIP, "fip", "", "the vendor's fip.bin, or an official image that has it; \"none\" for a card without")
	f.StringVar(&o.Firmware, "firmware", "", "version of the official image to download for its fip.bin, of the board's firmware.toml (default its default; none with --from-buildroot)")
	f.BoolVar(&o.NoSecondCore, "no-second-core", false, "put a patched copy of fip.bin on the card that starts no RTOS")
	f.StringVar(&o.Golden, "golden", "", "run.c's outputs for the regression suite, JSON lines (default those of the checkpoint in DUO_DATA/golden, else made by the plain engine)")
	f.StringVar(&o.Baseline, "baseline", "", "a static riscv64 build of llama2.c's run.c, to be measured on the board beside ours")
	f.StringVar(&o.BaselineModel, "baseline-model", "", "that program's checkpoint (default the card's model as run.c reads it)")
	f.BoolVar(&o.NoVoice, "no-voice", false, "leave the programs out that read the story aloud")
	f.StringVar(&o.Buildroot, "from-buildroot", "", "Buildroot's output folder to take kernel and programs from")
	f.StringVar(&o.KernelSource, "kernel-source", "", "tar archive of a kernel source instead of the locked one of Debian")
	f.StringVar(&o.KernelSHA256, "kernel-sha256", "", "SHA-256 of --kernel-source")
	f.StringVar(&mirror, "debian-mirror", "", "Debian mirror for kernel source and voices (default: this machine's)")
	return cmd
}

// firmwareFlags understands --fip and --firmware, whichever was given.
func firmwareFlags(o *build.Options) error {
	switch {
	case o.FIP != "" && o.Firmware != "":
		return usageError{errors.New("--fip and --firmware exclude each other")}
	case o.FIP == "none":
		o.FIP = ""
	case o.FIP == "" && o.Firmware == "" && o.Buildroot == "":
		o.Firmware = "default"
	}
	return nil
}

// places sets the folders that the inputs of a build come from.
func places(o *build.Options) (err error) {
	if o.Source, err = repository(); err != nil {
		return err
	}
	if o.Cache, err = cachedir.Dir(); err != nil {
		return err
	}
	if o.Data = os.Getenv("DUO_DATA"); o.Data == "" {
		o.Data = filepath.Join(o.Source, "..", "shared", "data")
	}
	return nil
}

// repository finds the folder with the sources: the working directory or one
// above it.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "board", "milkv-duo", "board.toml")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not in a clone of the repository: change into one", dir)
		}
	}
}

// sourceDate is the time that all files on the card get.
// See https://reproducible-builds.org/specs/source-date-epoch/.
func sourceDate() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 315532800 { // FAT begins with 1980
		return time.Time{}, usageError{fmt.Errorf("SOURCE_DATE_EPOCH=%s is not a number of seconds from 1980 on", text)}
	}
	return time.Unix(n, 0).UTC(), nil
}
