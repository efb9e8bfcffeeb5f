package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"duostoryteller/app/results"
	"duostoryteller/app/sums"

	"golang.org/x/sys/unix"
)

// An update is another root file system, in a file on the card's FAT partition.
// It is tried once: if no story comes of it until the next start, that start and
// all later ones take the card's own again. A storyteller that dies or cannot tell
// stories brings that next start about, and so does the watchdog, where there is
// one, when the update hangs. What became of it is in a file beside
// it. It need not have a model: the card's own is at baseDir then.
type update struct {
	dir string // of the FAT partition
	id  string // tells one update from another
}

const (
	updateFile = "update.erofs"
	updateMark = "update.txt"

	fatDir    = "/fat"    // where early mounts the FAT partition
	updateDir = "/update" // and the update
	baseDir   = "/base"   // where the card's own root file system is below an update

	// trying is the environment variable by which the early init tells the one of
	// an update which one that is.
	trying = "UPDATE_TRIED"
)

// The states of an update, as the mark has them before the update's id.
const (
	markTrying = "trying"
	markWorks  = "works"
	markFailed = "failed"
)

// findUpdate returns the update in dir, if there is one.
func findUpdate(dir string) (update, bool) {
	info, err := os.Stat(filepath.Join(dir, updateFile))
	if err != nil || !info.Mode().IsRegular() {
		return update{}, false
	}
	return update{dir, fmt.Sprintf("%d bytes of %s", info.Size(), info.ModTime().UTC().Format("2006-01-02 15:04:05"))}, true
}

// state returns what became of the update so far, "" if it is new.
func (u update) state() string {
	text, _ := os.ReadFile(filepath.Join(u.dir, updateMark))
	state, id, _ := strings.Cut(strings.TrimSpace(string(text)), ": ")
	if id != u.id {
		return "" // of another one
	}
	return state
}

// mark keeps what became of the update.
func (u update) mark(state string) error {
	return results.Write(u.dir, results.File{Name: updateMark, Data: []byte(state + ": " + u.id + "\r\n")})
}

// use decides whether the update is to be tried, and marks it.
func (u update) use() bool {
	state := u.state()
	var err error
	switch state {
	case markWorks:
		return true
	case markFailed:
		fmt.Printf("init: %s did not come up when it was tried, so it is left; remove it, or copy another one onto the card\n", updateFile)
		return false
	case markTrying:
		fmt.Printf("init: %s, tried at the last start, did not come to a story: the card's own system again\n", updateFile)
		if err = u.mark(markFailed); err != nil {
			fmt.Printf("init: %v\n", err)
		}
		return false
	}
	if err = u.mark(markTrying); err != nil {
		// It could not be told the next time that it was tried.
		fmt.Printf("init: %s cannot be tried: %v\n", updateFile, err)
		return false
	}
	fmt.Printf("init: trying %s\n", updateFile)
	return true
}

// enterUpdate looks for an update and mounts it, with the card's own root file
// system, now at root, and the FAT partition inside. It returns where, or "" if
// the card's own is to be used.
func enterUpdate(root, fat string) string {
	os.MkdirAll(fatDir, 0o755)
	os.MkdirAll(updateDir, 0o755)
	// An update will have it mounted already.
	dev := root + "/dev"
	report(dev, unix.Mount("devtmpfs", dev, "devtmpfs", unix.MS_NOSUID, ""))
	repaired := repairFAT(root, fat)
	report(dev, unix.Unmount(dev, 0))
	if err := mountFAT(fat, fatDir); err != nil {
		return "" // boot tries again, and says why
	}
	if repaired {
		report("card", removePieces(fatDir))
	}
	u, ok := findUpdate(fatDir)
	if ok {
		if ok = u.use(); ok {
			err := u.mount(root)
			if err == nil {
				return updateDir
			}
			fmt.Printf("init: %s: %v: the card's own system again\n", updateFile, err)
			if err := u.mark(markFailed); err != nil {
				fmt.Printf("init: %v\n", err)
			}
			unix.Unmount(updateDir, unix.MNT_DETACH)
		}
	}
	report("card", unix.Unmount(fatDir, 0))
	return ""
}

// mount mounts the update and checks it.
func (u update) mount(root string) error {
	if err := unix.Mount(filepath.Join(u.dir, updateFile), updateDir, "erofs", unix.MS_RDONLY|unix.MS_NODEV|unix.MS_NOSUID, ""); err != nil {
		return fmt.Errorf("it cannot be used: %w", err)
	}
	wanted, isNew := needed, u.state() == markTrying
	if isNew {
		wanted = nil // all of it, once
	}
	if damaged := sums.Damaged(os.DirFS(updateDir), wanted); damaged != nil {
		return damaged[0]
	}
	if _, err := os.Stat(updateDir + share + "tokenizer.bin"); err != nil { // the model's is needed then
		if damaged := sums.Damaged(os.DirFS(root), func(path string) bool { return path == share+"tokenizer.bin" }); damaged != nil {
			return damaged[0]
		}
	}
	if err := unix.Mount(root, updateDir+baseDir, "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("%s: %w", baseDir, err)
	}
	if err := unix.Mount(u.dir, updateDir+cardDir, "", unix.MS_MOVE, ""); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", cardDir, err), unix.Mount(updateDir+baseDir, root, "", unix.MS_MOVE, ""))
	}
	if isNew {
		os.Setenv(trying, u.id) // not before: the card's own system is on no trial
		// A hang is a failure, too. It goes on counting when this program is replaced.
		dog, err := openWatchdog(watchdogDevice)
		report("watchdog", err)
		dog.leave()
	}
	return nil
}

// worked marks the update that this system is, if it is one that was tried.
func worked() {
	id := os.Getenv(trying)
	if id == "" {
		return
	}
	os.Setenv(trying, "")
	u := update{cardDir, id}
	if err := u.mark(markWorks); err != nil {
		fmt.Printf("init: the next start will not take %s again: %v\n", updateFile, err)
		return
	}
	fmt.Printf("init: %s works and is kept\n", updateFile)
}

// onTrial reports whether this system is an update that has told no story yet.
func onTrial() bool { return os.Getenv(trying) != "" }

// onCard returns the first of the files of a root file system, by name below
// share, that this one or, below an update, the card's own has.
func onCard(names ...string) string {
	var paths []string
	for _, dir := range []string{"", baseDir} {
		for _, n := range names {
			paths = append(paths, dir+share+n)
		}
	}
	found := firstFile(paths...)
	if _, err := os.Stat(found); err != nil {
		return share + names[len(names)-1]
	}
	return found
}
