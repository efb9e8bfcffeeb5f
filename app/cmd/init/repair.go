package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"duostoryteller/app/results"
)

// checker is fsck.fat of dosfstools.
const checker = "/sbin/fsck.fat"

// checkTime bounds a repair: a card that answers no more must not keep the
// stories waiting.
const checkTime = 2 * time.Minute

// repairFAT repairs the FAT partition called name, if it needs that, by the
// program in the root file system at root, and says so. It reports whether there
// may be pieces to remove.
func repairFAT(root, name string) bool {
	const what = "init: card: partition 1 (/dev/%s) was being written to when the power went"
	done, err := repair(root, checker, "/dev/"+name)
	if err != nil {
		fmt.Printf(what+", and cannot be repaired: %v\n", name, err)
	} else if done != "" {
		fmt.Printf(what+": %s\n", name, done)
	}
	return done != ""
}

// repair repairs the FAT file system on a device that was not left as it should
// be, by the program checker of the root file system at root, and says what was
// done; "" if nothing had to be.
func repair(root, checker, device string) (done string, err error) {
	f, err := os.Open(device)
	if err != nil {
		return "", err
	}
	dirty, err := leftOpen(f)
	f.Close()
	if err != nil || !dirty {
		return "", err
	}
	out, status, err := runProgram(checkTime, root, checker, "-a", device)
	const corrected = 1
	if err == nil && status != 0 && status != corrected {
		err = fmt.Errorf("fsck.fat fails with status %d", status)
	}
	said := oneLine(out)
	if err != nil {
		return "", fmt.Errorf("%w: %s; repair it on a PC", err, said)
	}
	return "repaired (" + said + ")", nil
}

// removePieces removes the files that fsck.fat makes of what belongs to none: the
// pieces of a file that was not written to its end, and one more at each power cut.
func removePieces(dir string) error {
	pieces, err := filepath.Glob(filepath.Join(dir, "FSCK[0-9][0-9][0-9][0-9].REC"))
	if err != nil || pieces == nil {
		return err
	}
	for i, p := range pieces {
		pieces[i] = filepath.Base(p)
	}
	return results.Remove(dir, pieces...)
}

// runProgram runs a program of the root file system at root to its end, at most
// for so long, and returns what it said. Nothing else may bury dead processes meanwhile. (Package os/exec would
// make init a tenth larger.)
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
