//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"duostoryteller/app/results"
)

// checker is fsck.fat of dosfstools.
const checker = "/sbin/fsck.fat"

const (
	// checkTime bounds a repair: a card that answers no more must not keep the
	// stories waiting.
	checkTime = 2 * time.Minute
	// checkPasses is how often the checker is run at most: what one pass makes of a
	// damaged directory may be for the next one to mend.
	checkPasses = 3
)

// A fat is the card's FAT partition, and how it is repaired.
type fat struct {
	device  string
	root    string // of the file system with the checker
	checker string // fsck.fat of dosfstools
	dir     string // where it is to be mounted
	mount   func(device, dir string) error
	unmount func(dir string) error
}

// open mounts the partition. If it was left while it was being written to, it is
// repaired before, and afterwards a file is written to prove it.
func (f fat) open(out io.Writer) error {
	const what = "init: card: partition 1 (%s) was being written to when the power went"
	dirty, err := leftOpenDevice(f.device)
	if err != nil || !dirty {
		return f.mount(f.device, f.dir) // which will say what is wrong with it
	}
	var before []string
	listed := false
	if f.mount(f.device, f.dir) == nil {
		before, err = pieces(f.dir)
		listed = err == nil && f.unmount(f.dir) == nil
	}
	done, err := repair(f.root, f.checker, f.device)
	if err != nil {
		fmt.Fprintf(out, what+", and cannot be repaired: %v\n", f.device, err)
	} else {
		fmt.Fprintf(out, what+": %s\n", f.device, done)
	}
	if mountErr := f.mount(f.device, f.dir); mountErr != nil || err != nil {
		return mountErr
	}
	if listed { // else nobody knows which ones are new
		report(out, "card", removePieces(f.dir, before))
	}
	if err := prove(f.dir); err != nil {
		fmt.Fprintf(out, "init: card: partition 1 (%s) was repaired, but cannot be written to: %v; results are not kept; repair it on a PC\n", f.device, err)
	}
	return nil
}

// prove shows that files can be kept in a file system that was repaired.
func prove(dir string) error {
	const proof = "repair.new" // as all files are called that are not whole
	if err := results.Write(dir, results.File{Name: proof, Data: []byte("repaired\r\n")}); err != nil {
		return err
	}
	return results.Remove(dir, proof)
}

// leftOpenDevice is leftOpen of a device.
func leftOpenDevice(device string) (bool, error) {
	f, err := os.Open(device)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return leftOpen(f)
}

// repair repairs the FAT file system on a device by the program checker of the root
// file system at root, until that finds nothing more, and says what was done. Whether
// that was enough prove shows.
func repair(root, checker, device string) (done string, err error) {
	deadline := time.Now().Add(checkTime)
	var all []string
	for pass := 1; ; pass++ {
		out, status, err := runProgram(time.Until(deadline), root, checker, "-a", device)
		const clean, corrected = 0, 1
		if err == nil && status != clean && status != corrected {
			err = fmt.Errorf("fsck.fat fails with status %d", status)
		}
		said := oneLine(out)
		if err != nil {
			return "", fmt.Errorf("%w: %s; repair it on a PC", err, said)
		}
		if status == clean && pass > 1 { // it says nothing new
			return fmt.Sprintf("repaired (%s)", strings.Join(all, "; again: ")), nil
		}
		all = append(all, said)
		if status == clean {
			return fmt.Sprintf("repaired (%s)", said), nil
		}
		if pass == checkPasses {
			return fmt.Sprintf("repaired as far as %d passes go (%s)", pass, strings.Join(all, "; again: ")), nil
		}
	}
}

// pieces returns the names of the files that fsck.fat makes of what belongs to none:
// pieces of files that were not written to their ends.
func pieces(dir string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "FSCK[0-9][0-9][0-9][0-9].REC"))
	for i, p := range found {
		found[i] = filepath.Base(p)
	}
	return found, err
}

// removePieces removes the pieces that were not there before: one more at each power
// cut. Those of a repair on a PC are their owner's.
func removePieces(dir string, before []string) error {
	now, err := pieces(dir)
	if err != nil {
		return err
	}
	return results.Remove(dir, slices.DeleteFunc(now, func(name string) bool { return slices.Contains(before, name) })...)
}

// runProgram runs a program of the root file system at root to its end, at most
// for so long, and returns what it said. Nothing else may bury dead processes
// meanwhile. (Package os/exec would make init a tenth larger.)
func runProgram(most time.Duration, root, name string, args ...string) (out []byte, status int, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	attributes := &os.ProcAttr{Dir: "/", Env: environment, Files: []*os.File{nil, w, w}}
	if root != "/" {
		attributes.Sys = &syscall.SysProcAttr{Chroot: root}
	}
	p, err := os.StartProcess(name, append([]string{name}, args...), attributes)
	w.Close()
	if err != nil {
		return nil, 0, err
	}
	late := time.AfterFunc(most, func() { p.Kill() })
	defer late.Stop()
	out, err = io.ReadAll(io.LimitReader(r, 64<<10))
	r.Close()
	state, waitErr := p.Wait()
	if err = errors.Join(err, waitErr); err != nil {
		return out, 0, err
	}
	return out, state.ExitCode(), nil
}

// leftOpen tells whether a FAT file system was being written to when it was last
// used: Linux and Windows say so in the boot sector, Windows in the allocation
// table's entry 1 as well. Offsets are those of Microsoft's FAT specification.
func leftOpen(f io.ReaderAt) (bool, error) {
	b := make([]byte, 512)
	if _, err := f.ReadAt(b, 0); err != nil {
		return false, err
	}
	const stateFAT16, stateFAT32, dirty = 37, 65, 1
	if b[510] != 0x55 || b[511] != 0xaa {
		return false, nil // no FAT: the mount will say so
	}
	le := binary.LittleEndian
	if le.Uint16(b[22:]) != 0 { // sectors of a FAT16's table
		return b[stateFAT16]&dirty != 0, nil
	}
	if b[stateFAT32]&dirty != 0 {
		return true, nil
	}
	table := int64(le.Uint16(b[14:])) * int64(le.Uint16(b[11:]))
	const clean = 1 << 27
	_, err := f.ReadAt(b[:8], table)
	return err == nil && le.Uint32(b[4:])&clean == 0, err
}

// oneLine makes fsck.fat's report one line, without what it says of tables for
// letters: it has one of its own.
func oneLine(text []byte) string {
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.Contains(line, "conversion") {
			lines = append(lines, line)
		}
	}
	line := strings.Join(lines, "; ")
	const most = 400
	if len(line) > most {
		line = line[:most] + "…"
	}
	return line
}
