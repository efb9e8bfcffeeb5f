package boot

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/sums"
	"duostoryteller/app/update"
	"duostoryteller/imagebuilder/rootfs"
)

const updateFile = update.File

// What an update's programs do instead of their work.
const (
	sleeps  = "package main\n\nimport \"time\"\n\nfunc main() {\n\tfor {\n\t\ttime.Sleep(time.Hour)\n\t}\n}\n"
	refuses = "package main\n\nimport \"os\"\n\nfunc main() {\n\tprintln(\"storyteller: this one tells nothing\")\n\tos.Exit(1)\n}\n"
	dies    = "package main\n\nimport (\n\t\"os\"\n\t\"syscall\"\n)\n\nfunc main() {\n\tsyscall.Kill(os.Getpid(), syscall.SIGKILL)\n}\n"
)

// updates copies updates of the root file system onto the card's FAT partition:
// a whole one becomes the root and stays it; with one that is damaged the card's
// own system comes up; and one that does not come to a story is left by itself.
func (k tough) updates(t *testing.T, all bool) {
	whole, err := os.ReadFile(filepath.Join(k.out, updateFile))
	if err != nil {
		t.Fatal(err)
	}
	var came strings.Builder
	table := func(what, outcome string) { fmt.Fprintf(&came, "%-24s %s\n", what, outcome) }
	defer func() { t.Logf("an update, and what came of it:\n%s", came.String()) }()
	t.Run("whole", func(t *testing.T) {
		card := k.withUpdate(t, whole)
		start := readMedium(t, card)
		m := bootUpdate(t, card, false)
		m.waitFor(`init: trying update\.erofs\n`)
		k.toldByUpdate(m)
		// Later starts take it without a trial.
		m.restart()
		begin := len(m.Console())
		k.toldByUpdate(m)
		if said := m.Console()[begin:]; strings.Contains(said, "trying") {
			t.Error("it is tried once more")
		}
		m.powerOff()
		k.marked(t, card, "works")
		start.compare(t, card, updated(t, start, update.Works))
		table("whole", "it tells the story, and is kept")
	})
	t.Run("damaged", func(t *testing.T) {
		bad := bytes.Clone(whole)
		root, err := rootfs.Open(bytes.NewReader(whole))
		if err != nil {
			t.Fatal(err)
		}
		program, err := fs.ReadFile(root, "bin/storyteller")
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(bad, program)
		if at < 0 {
			t.Fatal("the storyteller does not lie in the update in one piece")
		}
		bad[at+len(program)/2] ^= 1
		table("damaged", k.fallsBack(t, bad, false, `init: update\.erofs: /bin/storyteller: its checksum is wrong: the card's own system again\n`, ""))
	})
	if !all {
		return
	}
	replaced := func(path, text string) func(*testing.T) []byte {
		return func(t *testing.T) []byte {
			return remade(t, whole, func(root map[string]rootfs.File) {
				put(t, root, path, compile(t, text))
				list(t, root)
			})
		}
	}
	tests := []struct {
		name     string
		update   func(t *testing.T) []byte
		restarts bool // the machine, before the card's own system comes up
		want     string
		crash    string // how crash.txt begins, or "": there is none
	}{
		{"copied in part", func(*testing.T) []byte { return whole[:len(whole)/2] }, false,
			`init: update\.erofs: [^\n]*: the card's own system again\n`, ""},
		{"not an update", func(*testing.T) []byte { return bytes.Repeat([]byte("noise "), 1000) }, false,
			`init: update\.erofs: it cannot be used: [^\n]*: the card's own system again\n`, ""},
		{"without checksums", func(t *testing.T) []byte {
			return remade(t, whole, func(root map[string]rootfs.File) { delete(root, sums.Path) })
		}, false, `init: update\.erofs: [^\n]*: the card's own system again\n`, ""},
		{"its init hangs", replaced("/sbin/init", sleeps), true, "", ""},
		{"its init ends", replaced("/sbin/init", refuses), true, `Kernel panic`, ""},
		{"its storyteller refuses", replaced("/bin/storyteller", refuses), true, `init: no story comes of this update: starting again, with the card's own system\n`, "the storyteller died (exit status 1)"},
		{"its storyteller dies", replaced("/bin/storyteller", dies), true, `init: no story comes of this update: starting again, with the card's own system\n`, "the storyteller died (SIGKILL)"},
		{"it has no storyteller", func(t *testing.T) []byte {
			return remade(t, whole, func(root map[string]rootfs.File) { delete(root, "/bin/storyteller"); list(t, root) })
		}, true, `init: no story comes of this update: starting again, with the card's own system\n`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { table(tt.name, k.fallsBack(t, tt.update(t), tt.restarts, tt.want, tt.crash)) })
	}
	t.Run("the plug is pulled", func(t *testing.T) {
		card := k.withUpdate(t, whole)
		m := bootUpdate(t, card, false)
		m.waitFor(`story starts`)
		m.Close()
		m = bootUpdate(t, card, false)
		m.waitFor(triedBefore)
		k.toldByCard(m)
		m.powerOff()
		k.marked(t, card, "failed")
		table("the plug is pulled", "the card's own system at the next start")
	})
}

const triedBefore = `init: update\.erofs, tried at the last start, did not come to a story: the card's own system again\n`

// fallsBack has an update tried of which nothing comes: the card's own system
// tells the story, at once or when the machine has started again by itself, and
// at the start after that. A storyteller that died left crash.txt, which begins with
// crash. It returns what came of it.
func (k tough) fallsBack(t *testing.T, data []byte, restarts bool, want, crash string) (outcome string) {
	t.Helper()
	outcome = "the card's own system at once"
	card := k.withUpdate(t, data)
	start := readMedium(t, card)
	m := bootUpdate(t, card, true)
	m.waitFor(`init: trying update\.erofs\n`)
	said := ""
	if want != "" {
		said = strings.TrimSpace(m.waitFor(want)[0])
	}
	if restarts {
		outcome = fmt.Sprintf("the machine starts again by itself, the kernel %.0f s later; the card's own system", m.bootAgain().Seconds())
		m.waitFor(triedBefore)
	}
	k.toldByCard(m)
	m.restart()
	m.waitFor(`init: update\.erofs did not come up when it was tried, so it is left; [^\n]*\n`)
	k.toldByCard(m)
	m.send("poweroff")
	m.waitFor(`init: \d+ ms  switching off`)
	if err := m.Wait(m.ctx); err != nil {
		t.Errorf("QEMU's end: %v; want a clean one", err)
	}
	k.marked(t, card, "failed")
	after := updated(t, start, update.Failed)
	if crash != "" {
		got := readMedium(t, card).files["crash.txt"]
		if !strings.HasPrefix(string(got), crash) {
			t.Errorf("crash.txt begins %.60q; want %q", got, crash)
		}
		after[0]["crash.txt"] = got
	}
	start.compare(t, card, after)
	if said != "" {
		outcome += "; " + said
	}
	return outcome
}

// withUpdate makes a card with an update on its FAT partition.
func (k tough) withUpdate(t *testing.T, data []byte) string {
	t.Helper()
	return changed(t, k.image, func(c contents) { c.boot[updateFile] = data })
}

// bootUpdate boots a card that the machine writes to, and that may start again.
func bootUpdate(t *testing.T, card string, watched bool) *machine {
	t.Helper()
	o := machineFor(t, card)
	o.Write, o.Restarts = true, true
	if watched {
		o.Args = append(o.Args, watchdog("reset")...)
	}
	return start(t, patience, o)
}

// restart starts the machine again by what is typed.
func (m *machine) restart() {
	m.t.Helper()
	m.send("reboot")
	m.waitFor(`init: \d+ ms  starting again`)
	m.bootAgain()
}

// toldByUpdate and toldByCard want the story from the update or from the card's
// own system: that lies at /base below an update, else nothing does.
func (k tough) toldByUpdate(m *machine) { m.t.Helper(); k.told(m, true) }
func (k tough) toldByCard(m *machine)   { m.t.Helper(); k.told(m, false) }

func (k tough) told(m *machine, byUpdate bool) {
	m.t.Helper()
	if got := m.story(); !k.c.Right(got) {
		m.t.Errorf("%s: told %q", k.c, got)
	}
	m.waitFor(prompt)
	got := m.show("ls /base/sbin", `ls /base/sbin\n(?s:.*?)( init\n|no such file)`)[1]
	if below := got == " init\n"; below != byUpdate {
		m.t.Errorf("an update is the root: %v; want %v", below, byUpdate)
	}
	m.waitFor(anyPrompt)
}

// marked wants what became of the update on the card.
func (k tough) marked(t *testing.T, card, state string) {
	t.Helper()
	if got := readMedium(t, card).files["update.txt"]; !strings.HasPrefix(string(got), state+": ") {
		t.Errorf("update.txt says %q; want %s", got, state)
	}
}

// updated is what the files of a card are after an update.
func updated(t *testing.T, start *medium, state update.State) versions {
	t.Helper()
	file := start.files[updateFile]
	mark := update.Mark{State: state, Identity: update.Identity{Size: int64(len(file)), Content: sum(file)}}
	if state == update.Works { // known by its list of checksums
		root, err := rootfs.Open(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		list, err := fs.ReadFile(root, sums.Path[1:])
		if err != nil {
			t.Fatal(err)
		}
		mark.List = sum(list)
	}
	files := maps.Clone(start.files)
	files[update.MarkFile] = []byte(mark.String() + "\r\n")
	return versions{files}
}

func sum(data []byte) uint32 {
	s, _ := update.Sum(bytes.NewReader(data)) // which bytes.Reader lets not fail
	return s
}

// remade changes an update's files.
func remade(t *testing.T, data []byte, change func(root map[string]rootfs.File)) []byte {
	t.Helper()
	root, err := rootfs.Open(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files, err := tree(root)
	if err != nil {
		t.Fatal(err)
	}
	change(files)
	var all rootfs.Tree
	if err := all.Add(slices.Collect(maps.Values(files))...); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), updateFile))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := all.Write(out, moment(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	data, err = os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// list brings the list of checksums up to date.
func list(t *testing.T, root map[string]rootfs.File) {
	t.Helper()
	delete(root, sums.Path)
	var all rootfs.Tree
	if err := all.Add(slices.Collect(maps.Values(root))...); err != nil {
		t.Fatal(err)
	}
	file, err := rootfs.Sums(&all)
	if err != nil {
		t.Fatal(err)
	}
	root[sums.Path] = file
}
