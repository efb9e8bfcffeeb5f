package boot

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/report"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/testmodel"
	"duostoryteller/tests/writelog"
)

// number is how many of something a test does: few, or what the environment
// says (make soak).
func number(t *testing.T, variable string, few int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%s is not a number", variable, text)
	}
	return n
}

// A tough is what the tests of this file and some others share: a card, which
// takes a while to build, and the case that it tells when it starts.
type tough struct {
	image string
	out   string // the folder that the builder wrote to
	c     golden.Case
}

// TestNeverDies cuts the power, damages the card, updates it badly, lets what runs
// on it hang, takes the memory away, and asks too much, of one card with one of the repository's models. A few of each are
// tried; STORYTELLER_SOAK=1 asks for all (make soak), and STORYTELLER_CUTS,
// STORYTELLER_BOOTS and STORYTELLER_PLUGS say how many there are of some.
func TestNeverDies(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("fsck.fat"); err != nil {
		t.Skip("dosfstools are not installed")
	}
	models := testmodel.Models()
	model := models[slices.IndexFunc(models, func(m testmodel.Model) bool { return m.Name == "separate" })]
	checkpoint, tokenizer, err := model.Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	// A short one, for it is told at each start.
	cases := slices.DeleteFunc(typeable(t, "../testmodel/golden.jsonl", model.Name), func(c golden.Case) bool {
		return c.Prompt == "" || c.Temperature <= 0 || c.TopP <= 0 || c.TopP > 1 || c.Steps < 20
	})
	k := tough{c: slices.MinFunc(cases, func(a, b golden.Case) int { return cmp.Compare(len(a.TextHex), len(b.TextHex)) })}
	built := buildCard(t, checkpoint, tokenizer)
	k.image, k.out = changed(t, built, configured(configuration(k.c, k.c.Steps)+"voice = \"off\"\n")), filepath.Dir(built)
	soak := os.Getenv("STORYTELLER_SOAK") != ""

	t.Run("power cuts", k.powerCuts)
	t.Run("pulled plug", k.pulledPlug)
	t.Run("updates", func(t *testing.T) { k.updates(t, soak) })
	t.Run("hangs", k.hangs)
	t.Run("crashes", func(t *testing.T) { k.crashes(t, soak) })
	t.Run("damage", func(t *testing.T) { k.damage(t, soak) })
	t.Run("too large a model", k.tooLarge)
	t.Run("a leaking voice", k.leak)
	t.Run("a crowd", k.crowd)
}

// copyOf copies a card for a machine to write to.
func copyOf(t *testing.T, image string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "card.img")
	if out, err := exec.Command("cp", "--sparse=always", image, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	return to
}

// A medium is a card as bytes: what lies before, in and behind its FAT partition.
type medium struct {
	before, fat, behind []byte
	files               map[string][]byte // of the FAT partition
}

func readMedium(t *testing.T, image string) *medium {
	t.Helper()
	data, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	im, err := card.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	p := im.Partitions[0]
	return &medium{data[:p.Start], data[p.Start:][:p.Size], data[p.Start+p.Size:], filesOf(t, bytes.NewReader(data), int64(len(data)))}
}

func filesOf(t *testing.T, r io.ReaderAt, size int64) map[string][]byte {
	t.Helper()
	im, err := card.Open(r, size)
	if err != nil {
		t.Fatal(err)
	}
	files, err := bootFiles(im)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// partitionFile is a FAT partition in a file of its own, read behind the
// beginning of its card.
type partitionFile struct {
	before []byte
	*os.File
}

func (p partitionFile) ReadAt(b []byte, off int64) (n int, err error) {
	if off < int64(len(p.before)) {
		n = copy(b, p.before[off:])
		if n == len(b) {
			return n, nil
		}
	}
	k, err := p.File.ReadAt(b[n:], off+int64(n)-int64(len(p.before)))
	return n + k, err
}

// WriteAt writes what a log has; all of it must lie in the partition.
func (p partitionFile) WriteAt(b []byte, off int64) (int, error) {
	return p.File.WriteAt(b, off-int64(len(p.before)))
}

// fsck runs fsck.fat; clean means that it found nothing, or that it mended it.
func fsck(t *testing.T, option, file string) (said string, clean bool) {
	t.Helper()
	out, err := exec.Command("fsck.fat", option, file).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(out)), " "), err == nil || option == "-a" && exit.ExitCode() == 1
}

// versions are what files that are written anew may be: the states in which a
// machine that was not disturbed left them.
type versions []map[string][]byte

// whole tells whether a file among others is one of its versions, or whole by its
// form: not a mixture and not a piece. results.txt grows suite by suite, and the
// report page likewise.
func (v versions) whole(name string, files map[string][]byte) bool {
	content := files[name]
	for _, version := range v {
		if want, ok := version[name]; ok && bytes.Equal(content, want) {
			return true
		}
	}
	switch {
	case strings.HasSuffix(name, ".json"):
		return json.Valid(content)
	case name == report.TextFile:
		return complete(files)
	}
	return name == report.PageFile && bytes.HasPrefix(content, []byte("<!DOCTYPE html>")) && bytes.HasSuffix(bytes.TrimSpace(content), []byte("</html>"))
}

// complete tells whether results.txt has, suite after suite up to one, the tables
// of the JSON files beside it.
func complete(files map[string][]byte) bool {
	text := strings.ReplaceAll(string(files[report.TextFile]), "\r\n", "\n")
	for _, suite := range report.Names() {
		var e report.Entry
		if json.Unmarshal(files[report.File(suite)], &e) != nil {
			continue // it did not run
		}
		table, err := tableOf(e)
		title, rest, ok := strings.Cut(text, "\n\n"+table+"\n")
		if err != nil || !ok || title == "" || strings.Contains(title, "\n") {
			return false
		}
		if text = rest; text == "" {
			return true
		}
	}
	return false
}

// tableOf is what results.txt has below a suite's title.
func tableOf(e report.Entry) (string, error) {
	if e.Error != "" {
		return "FAILED: " + e.Error + "\n", nil
	}
	var r report.Results
	if err := r.Add(e); err != nil {
		return "", err
	}
	var table interface{ WriteTable(io.Writer) error }
	switch e.Name {
	case report.Regression:
		table = r.Regression
	case report.Performance:
		table = r.Exact
	case report.PerformanceFast:
		table = r.Fast
	case report.Memory:
		table = r.Memory
	case report.Speech:
		table = r.Speech
	default:
		table = r.Baseline
	}
	var text strings.Builder
	err := table.WriteTable(&text)
	return text.String(), err
}

// checkFAT repairs a FAT partition as init does, and compares its files.
func (m *medium) checkFAT(t *testing.T, p partitionFile, after versions) (repaired bool) {
	t.Helper()
	before, size := m.files, int64(len(m.before)+len(m.fat)+len(m.behind))
	var state [1]byte
	if _, err := p.File.ReadAt(state[:], stateFAT32); err != nil {
		t.Fatal(err)
	}
	if state[0]&dirty != 0 {
		repaired = true
		if said, ok := fsck(t, "-a", p.Name()); !ok {
			t.Errorf("fsck.fat -a cannot repair it: %s", said)
		}
	}
	if said, clean := fsck(t, "-n", p.Name()); !clean {
		t.Errorf("the FAT file system is not clean (repaired: %v): %s", repaired, said)
	}
	files := filesOf(t, p, size)
	for name, want := range before {
		if got, ok := files[name]; !ok || !bytes.Equal(got, want) && !after.whole(name, files) {
			t.Errorf("%s has %d bytes; want the %d that it had, or a whole new one", name, len(got), len(want))
		}
	}
	for name, got := range files {
		if _, ok := before[name]; ok || strings.HasSuffix(name, ".new") {
			continue
		}
		if ok, _ := filepath.Match("FSCK????.REC", name); ok && repaired {
			continue // init removes them
		}
		// One that was not there before may be empty: Linux makes a name first and
		// points it at the content then.
		if len(got) > 0 && !after.whole(name, files) {
			t.Errorf("%s is new, has %d bytes and is not whole: %.60q", name, len(got), got)
		}
	}
	return repaired
}

// powerCuts has a machine keep results on its card, records all that it
// writes, and cuts the power between any two writes, inside one, and, for a card
// that does not write in order, between any that no flush parts. What is left
// must be a clean FAT file system, or one that init repairs, with whole files.
// Some of the cards are booted.
func (k tough) powerCuts(t *testing.T) {
	cuts, boots := number(t, "STORYTELLER_CUTS", 60), number(t, "STORYTELLER_BOOTS", 1)
	image, c := k.image, k.c
	start := readMedium(t, image)
	log, after := record(t, image, c)
	size := int64(len(start.before) + len(start.fat))
	var flushes int
	for i, e := range log {
		if e.Flush {
			flushes++
		}
		if len(e.Data) > 0 && (e.Offset < int64(len(start.before)) || e.Offset+int64(len(e.Data)) > size) {
			t.Errorf("write %d goes to bytes %d to %d of the card, outside the FAT partition", i, e.Offset, e.Offset+int64(len(e.Data)))
		}
	}
	t.Logf("recorded: %d writes and %d flushes", len(log)-flushes, flushes)
	if len(log) < 50 || flushes < 5 {
		t.Fatal("that is too little for results having been kept")
	}

	r := rand.New(rand.NewPCG(1, uint64(cuts)))
	var chosen []writelog.Cut
	for i := range cuts { // a third each, spread over the whole log
		at := i * len(log) / cuts
		switch i % 3 {
		case 0:
			chosen = append(chosen, log.InOrder(at, 0))
		case 1:
			chosen = append(chosen, log.InOrder(at, 1+r.IntN(8)))
		default:
			chosen = append(chosen, log.Reordered(at, r))
		}
	}
	dir := t.TempDir()
	var repaired int
	var broken []string
	for i, cut := range chosen {
		ok := t.Run(fmt.Sprintf("cut %d after %d kept %d torn %d", i, cut.After, len(cut.Kept), cut.Torn), func(t *testing.T) {
			p := start.partition(t, filepath.Join(dir, "fat"))
			defer p.Close()
			if err := log.Replay(p, cut); err != nil {
				t.Fatal(err)
			}
			if start.checkFAT(t, p, after) {
				repaired++
			}
		})
		if !ok {
			broken = append(broken, fmt.Sprint(i))
		}
	}
	t.Logf("%d cuts, %d of them with a FAT file system to repair, failed: %d %s", len(chosen), repaired, len(broken), strings.Join(broken, " "))

	for i := range boots {
		cut := chosen[(2*i+1)*len(chosen)/(2*boots)]
		t.Run(fmt.Sprintf("boot after %d", cut.After), func(t *testing.T) {
			left := copyOf(t, image)
			f, err := os.OpenFile(left, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := log.Replay(f, cut); err != nil {
				t.Fatal(err)
			}
			tells(t, left, c)
			start.compare(t, left, after)
		})
	}
}

// tells boots a card that was cut off: it must tell the story, and switch off.
func tells(t *testing.T, image string, c golden.Case) {
	t.Helper()
	m := bootCard(t, image, "")
	if got := m.story(); !c.Right(got) {
		t.Errorf("%s: told %q", c, got)
	}
	m.waitFor(prompt)
	m.powerOff()
}

// partition writes the FAT partition to a file, without its zeros.
func (m *medium) partition(t *testing.T, path string) partitionFile {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	const block = 64 << 10
	zero := make([]byte, block)
	for at := 0; at < len(m.fat); at += block {
		if b := m.fat[at:min(at+block, len(m.fat))]; !bytes.Equal(b, zero[:len(b)]) {
			if _, err := f.WriteAt(b, int64(at)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.Truncate(int64(len(m.fat))); err != nil {
		t.Fatal(err)
	}
	return partitionFile{m.before, f}
}

// compare wants a card that a machine wrote to unchanged outside its FAT
// partition, and that sound.
func (m *medium) compare(t *testing.T, image string, after versions) (repaired bool) {
	t.Helper()
	now := readMedium(t, image)
	if !bytes.Equal(now.before, m.before) {
		t.Error("the partition table has changed")
	}
	if !bytes.Equal(now.behind, m.behind) {
		t.Error("the root partition has changed")
	}
	p := now.partition(t, filepath.Join(t.TempDir(), "fat"))
	defer p.Close()
	return m.checkFAT(t, p, after)
}

// bootCard boots a card that the machine may write to, and writes log unless it
// is "".
func bootCard(t *testing.T, image, log string, args ...string) *machine {
	t.Helper()
	o := machineFor(t, image)
	o.Write, o.WriteLog, o.Args = true, log, append(o.Args, args...)
	return start(t, patience, o)
}

// keepResults is typed to have results written to the card: a dozen files, most
// of them over older ones.
const keepResults = "suites --short"

// record boots a card and has it keep results. It returns what was written
// and what the files then were.
func record(t *testing.T, image string, c golden.Case) (log writelog.Log, after versions) {
	t.Helper()
	image = copyOf(t, image)
	path := filepath.Join(t.TempDir(), "writes.log")
	m := bootCard(t, image, path)
	if got := m.story(); !c.Right(got) {
		t.Errorf("%s: told %q", c, got)
	}
	m.waitFor(prompt)
	for range number(t, "STORYTELLER_RUNS", 1) {
		m.send(keepResults)
		m.waitFor(`suites starts`)
		m.waitFor(prompt)
		after = append(after, readMedium(t, image).files)
		if kept := after[len(after)-1]; !complete(kept) {
			t.Fatalf("the results that were kept are not whole: %q", kept[report.TextFile])
		} else {
			piece := maps.Clone(kept)
			piece[report.TextFile] = kept[report.TextFile][:len(kept[report.TextFile])/2]
			if complete(piece) {
				t.Fatal("a piece of the results is held for whole")
			}
		}
	}
	m.powerOff()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if log, err = writelog.Read(f); err != nil {
		t.Fatal(err)
	}
	return log, after
}

// stateFAT32 is where in a FAT32 partition it is marked that it is being written to,
// with the bit dirty.
const stateFAT32, dirty = 65, 1

// waitWriting waits until the machine writes to the FAT partition, which begins at
// start, for the nth time.
func (m *machine) waitWriting(image string, start int64, n int) {
	m.t.Helper()
	f, err := os.Open(image)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(m.ctx, 5*silence)
	defer cancel()
	for was := false; n > 0; time.Sleep(2 * time.Millisecond) {
		var state [1]byte
		if _, err := f.ReadAt(state[:], start+stateFAT32); err != nil {
			m.t.Fatal(err)
		}
		writing := state[0]&dirty != 0
		if writing && !was {
			n--
		}
		was = writing
		if ctx.Err() != nil {
			m.t.Fatal("the machine does not write its results")
		}
	}
}

// pulledPlug pulls the plug of one machine again and again, each time at
// another moment, and boots the same card again: every boot must reach a story.
func (k tough) pulledPlug(t *testing.T) {
	image, c := k.image, k.c
	start := readMedium(t, image)
	card := copyOf(t, image)
	r := rand.New(rand.NewPCG(2, 3))
	var after versions // whole by their form alone
	moments := []string{"results", "start", "story", "idle"}
	var repaired int
	plugs := number(t, "STORYTELLER_PLUGS", 1)
	for i := range plugs {
		moment := moments[i%len(moments)]
		t.Run(fmt.Sprintf("%d %s", i, moment), func(t *testing.T) {
			m := bootCard(t, card, "")
			wait := func(most time.Duration) { time.Sleep(time.Duration(r.Int64N(int64(most)))) }
			switch moment {
			case "start":
				wait(4 * time.Second)
			case "story":
				m.waitFor(`story starts`)
				wait(2 * time.Second)
			default:
				if got := m.story(); !c.Right(got) {
					t.Errorf("%s: told %q", c, got)
				}
				m.waitFor(prompt)
				if moment == "results" {
					m.send(keepResults)
					m.waitWriting(card, int64(len(start.before)), 1+r.IntN(4))
					wait(300 * time.Millisecond)
				}
			}
			m.Close() // the plug: QEMU is killed
			if start.compare(t, copyOf(t, card), after) {
				repaired++
			}
		})
	}
	t.Run("the last boot", func(t *testing.T) {
		tells(t, card, c)
		start.compare(t, card, after)
	})
	t.Logf("%d plugs pulled, %d of them with a FAT file system to repair", plugs, repaired)
}
