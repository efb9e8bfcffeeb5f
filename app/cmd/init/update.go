//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"duostoryteller/app/sums"
	"duostoryteller/app/update"

	"golang.org/x/sys/unix"
)

// An update (package update) is tried once: if no story comes of it until the next
// start, that start and all later ones take the card's own system again. A storyteller
// that dies or cannot tell stories brings that next start about, and so does the
// watchdog, where there is one, when the update hangs. It need not have a model: the
// card's own is at baseDir then.

const (
	fatDir    = "/fat"    // where early mounts the FAT partition
	updateDir = "/update" // and the update
	baseDir   = "/base"   // where the card's own root file system is below an update

	// trying is the environment variable by which the early init tells the one of
	// an update which one that is.
	trying = "UPDATE_TRIED"
)

// enterUpdate looks for an update and mounts it, with the card's own root file
// system, now at root, and the FAT partition inside. It returns where, or "" if
// the card's own is to be used.
func enterUpdate(out io.Writer, root, name string, dog *watchdog) string {
	os.MkdirAll(fatDir, 0o755)
	os.MkdirAll(updateDir, 0o755)
	// An update will have it mounted already.
	dev := root + "/dev"
	report(out, dev, unix.Mount("devtmpfs", dev, "devtmpfs", unix.MS_NOSUID, ""))
	err := cardFAT(name, root, fatDir).open(out)
	report(out, dev, unix.Unmount(dev, 0))
	if err != nil {
		return "" // boot tries again, and says why
	}
	info, err := os.Stat(filepath.Join(fatDir, update.File))
	if err == nil && info.Mode().IsRegular() && tryUpdate(out, root, info.Size(), dog) {
		return updateDir
	}
	report(out, "card", unix.Unmount(fatDir, 0))
	return ""
}

// tryUpdate decides what is done with the update in fatDir, and does it. It reports
// whether the update is to be the root.
func tryUpdate(out io.Writer, root string, size int64, dog *watchdog) bool {
	mark := update.ReadMark(fatDir)
	// One that works is known by its list of checksums: reading all of it would keep
	// every start waiting. What has not shown that it works is not even mounted before
	// it is marked as one that is tried.
	if mark.State == update.Works && mark.Size == size {
		err := mountUpdate()
		if err == nil {
			if list, listErr := listOf(updateDir); listErr == nil && list == mark.List {
				if err = enter(root, false); err == nil {
					return true
				}
				fmt.Fprintf(out, "init: %s: %v: the card's own system this time\n", update.File, err)
			}
			unix.Unmount(updateDir, unix.MNT_DETACH)
			if err != nil {
				return false // it is not what it was: copied anew it is tried anew
			}
		}
	}
	now, err := identify(filepath.Join(fatDir, update.File), size)
	if err != nil {
		fmt.Fprintf(out, "init: %s cannot be read: %v: the card's own system again\n", update.File, err)
		return false
	}
	course, then := begin(out, mark, now)
	if then.State != update.New {
		if err := then.Write(fatDir); err != nil {
			// It could not be told the next time that it was tried.
			fmt.Fprintf(out, "init: %s: %v: the card's own system again\n", update.File, err)
			return false
		}
	}
	if course != update.Try && course != update.Use {
		return false
	}
	isNew := course == update.Try
	if err = mountUpdate(); err == nil {
		if isNew {
			now.List, _ = listOf(updateDir) // Without one it is refused below.
		}
		if err = enter(root, isNew); err == nil {
			if isNew {
				os.Setenv(trying, now.String()) // not before: the card's own system is on no trial
				// A hang is a failure, too. It goes on counting when this program is
				// replaced, by one that may know nothing of an open watchdog.
				dog.leave()
			}
			return true
		}
	}
	fmt.Fprintf(out, "init: %s: %v: the card's own system again\n", update.File, err)
	now.List = 0 // only one that works is known by it
	report(out, update.File, update.Mark{State: update.Failed, Identity: now}.Write(fatDir))
	unix.Unmount(updateDir, unix.MNT_DETACH)
	return false
}

// begin says what is done with an update and returns its mark from now on, a zero
// one if that stays.
func begin(out io.Writer, mark update.Mark, now update.Identity) (update.Course, update.Mark) {
	course := update.Next(mark, now)
	switch course {
	case update.Try:
		fmt.Fprintf(out, "init: trying %s\n", update.File)
		return course, update.Mark{State: update.Trying, Identity: now}
	case update.Fail:
		fmt.Fprintf(out, "init: %s, tried at the last start, did not come to a story: the card's own system again\n", update.File)
		return course, update.Mark{State: update.Failed, Identity: now}
	case update.Leave:
		if mark.State == update.Off {
			fmt.Fprintf(out, "init: %s is switched off; `update on` in a shell takes it again\n", update.File)
			break
		}
		fmt.Fprintf(out, "init: %s did not come up when it was tried, so it is left; remove it, or copy another one onto the card\n", update.File)
	}
	return course, update.Mark{}
}

// identify reads the whole update.
func identify(path string, size int64) (update.Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return update.Identity{}, err
	}
	defer f.Close()
	sum, err := update.Sum(f)
	return update.Identity{Size: size, Content: sum}, err
}

// listOf returns the checksum of the list of checksums of the root file system at root.
func listOf(root string) (uint32, error) {
	f, err := os.Open(root + sums.Path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return update.Sum(f)
}

func mountUpdate() error {
	err := unix.Mount(filepath.Join(fatDir, update.File), updateDir, "erofs", unix.MS_RDONLY|unix.MS_NODEV|unix.MS_NOSUID, "")
	if err != nil {
		return fmt.Errorf("it cannot be used: %w", err)
	}
	return nil
}

// enter checks the update mounted at updateDir, all of it if it is new, and brings the
// card's file systems into it.
func enter(root string, isNew bool) error {
	wanted := needed
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
	if err := unix.Mount(fatDir, updateDir+cardDir, "", unix.MS_MOVE, ""); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", cardDir, err), unix.Mount(updateDir+baseDir, root, "", unix.MS_MOVE, ""))
	}
	return nil
}

// worked marks the update that this system is, if it is one that was tried and that
// nobody has switched off meanwhile.
func worked(out io.Writer, dir string) {
	id := os.Getenv(trying)
	if id == "" {
		return
	}
	os.Setenv(trying, "")
	if update.ReadMark(dir).State == update.Off {
		return
	}
	mark := update.ParseMark([]byte(string(update.Works) + ": " + id))
	if err := mark.Write(dir); err != nil {
		fmt.Fprintf(out, "init: the next start will not take %s again: %v\n", update.File, err)
		return
	}
	fmt.Fprintf(out, "init: %s works and is kept\n", update.File)
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
