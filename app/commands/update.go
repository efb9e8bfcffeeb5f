package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"duostoryteller/app/results"
	"duostoryteller/app/update"
)

// updater brings updates onto the card.
type updater struct {
	card    string // where the FAT partition is mounted
	running bool   // the system that runs is the update
}

// updateCommand writes to the card's FAT partition. Below an update lies the card's
// own system, at /base.
func updateCommand(s Streams, args []string) error {
	_, err := os.Stat("/base/sbin/init")
	return updater{"/boot", err == nil}.run(s, args)
}

const updateUsage = "update < FILE | update off | update on"

func (u updater) run(s Streams, args []string) error {
	rest, err := options(s, "update", updateUsage, args, nil)
	if err != nil {
		return err
	}
	switch {
	case len(rest) == 0:
		return u.bring(s)
	case len(rest) == 1 && rest[0] == "off":
		return u.off(s)
	case len(rest) == 1 && rest[0] == "on":
		return u.on(s)
	}
	return usagef("usage: %s", updateUsage)
}

// bring takes an update from standard input. The one that runs is not overwritten: the
// system would go to pieces under everybody's feet, and the card has no room for two.
func (u updater) bring(s Streams) error {
	if u.running {
		return errors.New("this system is itself the update, which cannot be replaced while it runs: `update off`, `reboot`, and send it again")
	}
	if err := results.Replace(u.card, update.File, s.In, update.Check, update.MarkFile); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.Out, "%s is on the card and is tried at the next start; `reboot` makes one\n", update.File)
	return err
}

func (u updater) off(s Streams) error {
	if _, err := os.Stat(filepath.Join(u.card, update.File)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s on the card", update.File)
	}
	m := update.ReadMark(u.card)
	if m.State == update.New {
		return fmt.Errorf("%s was not tried yet: start once more first, or remove it", update.File)
	}
	m.State = update.Off
	if err := m.Write(u.card); err != nil {
		return err
	}
	_, err := fmt.Fprintln(s.Out, "the next start takes the card's own system; `update on` takes this back")
	return err
}

// on has the update tried anew.
func (u updater) on(s Streams) error {
	if err := results.Remove(u.card, update.MarkFile); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.Out, "%s is tried at the next start\n", update.File)
	return err
}
