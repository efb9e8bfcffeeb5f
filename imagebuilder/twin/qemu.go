package twin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"duostoryteller/imagebuilder/debian"
)

// machines is where the board's devices are in QEMU's source.
const machines = "hw/riscv/cv1800b"

// QEMU is the emulator of a board.
type QEMU struct {
	Program string // its file; it belongs to the cache
	Version string // Debian's version of the source
	Cached  bool   // nothing had to be built
}

// BuildQEMU builds QEMU with the machine that the board's folder emulator/
// describes, or finds it in the cache: tree/ is laid over QEMU's source,
// qemu.patch applied to it, configure.txt has the arguments of configure.
//
// QEMU's build wants a newer meson than some releases of Debian have: the one of
// the source's own release is unpacked beside it, which needs Python alone.
func BuildQEMU(ctx context.Context, o Options) (*QEMU, error) {
	if err := CheckTools(); err != nil {
		return nil, err
	}
	b, unlock, err := begin(ctx, o, "qemu")
	if err != nil {
		return nil, err
	}
	defer unlock()
	src, err := o.Locked.Source(ctx, suite, "qemu")
	if err != nil {
		return nil, err
	}
	meson, err := o.Locked.Packages(ctx, suite, "all", "meson")
	if err != nil {
		return nil, err
	}
	ours := filepath.Join(o.Board, "emulator")
	for _, f := range src.Files {
		b.h.add("%s", f.SHA256)
	}
	b.h.add("%s", meson[0].SHA256)
	if err := b.h.addTree(filepath.Join(ours, "tree")); err != nil {
		return nil, err
	}
	for _, name := range []string{"qemu.patch", "configure.txt"} {
		if err := b.h.addFile(name, filepath.Join(ours, name)); err != nil {
			return nil, err
		}
	}
	if err := b.h.compiler(ctx, "gcc"); err != nil {
		return nil, err
	}
	q := &QEMU{Program: filepath.Join(b.result(), "qemu-system-riscv64"), Version: src.Version}
	if exists(q.Program) {
		q.Cached = true
		return q, nil
	}
	configure, err := os.ReadFile(filepath.Join(ours, "configure.txt"))
	if err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}
	if err := os.RemoveAll(filepath.Join(b.dir, "log")); err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}

	// A clean tree with our changes, then what differs into the one that is built.
	work := filepath.Join(b.dir, "source-"+src.Files[0].SHA256[:16])
	fresh, err := os.MkdirTemp(b.dir, ".unpack-")
	if err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}
	defer os.RemoveAll(fresh)
	tree := filepath.Join(fresh, "tree")
	if err := src.Extract(ctx, tree); err != nil {
		return nil, err
	}
	if err := sync(tree, filepath.Join(ours, "tree")); err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}
	patch, err := filepath.Abs(filepath.Join(ours, "qemu.patch"))
	if err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}
	if err := b.run(ctx, tree, nil, nil, "patch", "-p1", "--fuzz=0", "--forward", "--batch", "--no-backup-if-mismatch", "-i", patch); err != nil {
		return nil, err
	}
	// A file that is ours no more must not be built on.
	if err := removeOurs(work, ours, tree); err != nil {
		return nil, err
	}
	if err := sync(work, tree); err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}

	python := filepath.Join(b.dir, "meson-"+meson[0].SHA256[:16])
	if !exists(python) {
		unpacked := filepath.Join(fresh, "meson")
		if err := debian.Extract(ctx, meson[0].Path, unpacked); err != nil {
			return nil, err
		}
		if err := os.Rename(unpacked, python); err != nil {
			return nil, fmt.Errorf("twin: %w", err)
		}
	}
	env := []string{"PYTHONPATH=" + filepath.Join(python, "usr/lib/python3/dist-packages")}
	out := filepath.Join(work, "build")
	args := append(strings.Fields(string(configure)), "--python=/usr/bin/python3")
	// Which files there are is known to meson since it was configured.
	files, err := filepath.Glob(filepath.Join(work, machines, "*.c"))
	if err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}
	list := filepath.Join(out, "machine-files")
	if have, err := os.ReadFile(list); err != nil || string(have) != strings.Join(files, "\n") {
		now := time.Now()
		if err := os.Chtimes(filepath.Join(work, machines, "meson.build"), now, now); err != nil {
			return nil, fmt.Errorf("twin: %w", err)
		}
	}
	stamp := filepath.Join(out, "configured")
	if have, err := os.ReadFile(stamp); err != nil || string(have) != strings.Join(args, "\n") {
		if err := os.MkdirAll(out, 0o755); err != nil {
			return nil, fmt.Errorf("twin: %w", err)
		}
		if err := b.run(ctx, out, env, nil, "../configure", args...); err != nil {
			return nil, err
		}
		if err := os.WriteFile(stamp, []byte(strings.Join(args, "\n")), 0o644); err != nil {
			return nil, fmt.Errorf("twin: %w", err)
		}
	}
	if err := os.WriteFile(list, []byte(strings.Join(files, "\n")), 0o644); err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}
	if err := b.run(ctx, out, env, b.ninjaProgress, "ninja", "-j", jobs, "qemu-system-riscv64"); err != nil {
		return nil, err
	}
	return q, b.store(map[string]string{"qemu-system-riscv64": filepath.Join(out, "qemu-system-riscv64")})
}

// removeOurs removes from the work tree what an earlier build laid over it and
// this one does not.
func removeOurs(work, ours, tree string) error {
	files, err := filepath.Glob(filepath.Join(work, machines, "*"))
	if err != nil {
		return fmt.Errorf("twin: %w", err)
	}
	for _, f := range files {
		if !exists(filepath.Join(tree, machines, filepath.Base(f))) {
			if err := os.RemoveAll(f); err != nil {
				return fmt.Errorf("twin: %w", err)
			}
		}
	}
	return nil
}
