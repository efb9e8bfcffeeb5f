package boot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/cost"
	"duostoryteller/app/report"
	"duostoryteller/imagebuilder/boardtest"
	"duostoryteller/imagebuilder/build"
	"duostoryteller/imagebuilder/manifest"
	"duostoryteller/tests/testmodel"
)

// TestSuites runs the suites in every way that there is, beside a program that
// stands in for run.c.
func TestSuites(t *testing.T) {
	t.Parallel()
	checkpoint, tokenizer, err := testmodel.Models()[0].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	baseline := goBuild(t, "../baseline")
	image := buildCardIn(t, t.TempDir(), checkpoint, tokenizer, func(o *build.Options) { o.Baseline = baseline })
	t.Run("from a PC", func(t *testing.T) { testFromPC(t, image) })
	t.Run("unattended", func(t *testing.T) { testUnattended(t, image) })
}

// testFromPC runs the shortened suites as `imagebuilder test` does, over the console
// and then over the network.
func testFromPC(t *testing.T, image string) {
	o := machineFor(t, image)
	var address string
	o.Args, address, _ = cable(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	board, err := boardtest.Emulate(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer board.Close()

	over := func(way string, entries []report.Entry, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		var names []string
		for _, e := range entries {
			line, passed := e.Summary()
			t.Log(line)
			if !passed || !strings.Contains(line, "emulated") {
				t.Errorf("%s: %s; want it passed, and emulated", way, line)
			}
			names = append(names, e.Name)
		}
		if !slices.Equal(names, report.Names()) {
			t.Errorf("%s: the suites are %v; want all, %v", way, names, report.Names())
		}
		checkResults(t, image, boardtest.Results{Board: "qemu-virt", Way: way, Time: time.Unix(1_700_000_000, 0), Short: true, Suites: entries})
	}
	entries, err := boardtest.Run(ctx, board.Console, true, func(what string) { t.Log(what) })
	over("emulated", entries, err)
	var live strings.Builder
	entries, err = boardtest.OverNetwork(ctx, address, true, &live)
	over("network", entries, err)
	if !strings.Contains(live.String(), "of 2 right") {
		t.Errorf("the page said %q while the suites ran; want their tables", &live)
	}

	// What people find on the card.
	for _, name := range []string{report.PageFile, report.TextFile} {
		response, err := http.Get("http://" + address + "/results/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(text), "of 2 right") {
			t.Errorf("%s = %s, %d bytes, %v; want the regression's result in it", name, response.Status, len(text), err)
		}
	}
}

// testUnattended has a card run its suites by itself. The first time the plug is
// pulled while results are written: the card must be good for another start.
func testUnattended(t *testing.T, image string) {
	disk := changed(t, image, configured("run = \"suites\"\nafter = \"poweroff\"\n"))
	before := fatFiles(t, disk)
	insert := func() *machine {
		o := machineFor(t, disk)
		o.Write = true
		return start(t, patience, o)
	}

	m := insert()
	m.waitFor(`\d+ of \d+ right`)
	m.Close()
	checkFAT(t, disk)
	for name, data := range before {
		if got := fatFiles(t, disk)[name]; !bytes.Equal(got, data) {
			t.Errorf("the plug pulled, %s on the card has changed", name)
		}
	}

	m = insert()
	m.waitFor(`(?s)of \d+ right.*compared with.*init: \d+ ms  switching off`)
	m.ended()
	checkFAT(t, disk)
	files := fatFiles(t, disk)
	for _, name := range report.Names() {
		var e report.Entry
		if err := json.Unmarshal(files[report.File(name)], &e); err != nil {
			t.Errorf("%s on the card: %v", report.File(name), err)
			continue
		}
		if line, passed := e.Summary(); !passed {
			t.Errorf("%s; want it passed", line)
		}
	}
	text := string(files[report.TextFile])
	if !strings.Contains(text, "right") || strings.Count(text, "\n") != strings.Count(text, "\r\n") {
		t.Errorf("%s on the card = %q; want the tables, with carriage returns", report.TextFile, text)
	}
	if page := string(files[report.PageFile]); !strings.Contains(page, "mean of 30 runs") || !strings.HasSuffix(page, "</html>\n") {
		t.Errorf("%s on the card has %d bytes; want the whole page of 30 runs", report.PageFile, len(page))
	}
	if n := len(before) + len(report.Names()) + 2; len(files) != n {
		t.Errorf("%d files on the card's FAT partition; want %d", len(files), n)
	}
}

// fatFiles reads the FAT partition of a card.
func fatFiles(t *testing.T, image string) map[string][]byte {
	t.Helper()
	files, err := bootFiles(openCard(t, image))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// checkFAT has fsck look at the FAT partition of a card. That it was not unmounted
// and holds clusters of no file is no harm.
func checkFAT(t *testing.T, image string) {
	t.Helper()
	if _, err := exec.LookPath("fsck.vfat"); err != nil {
		t.Log("fsck.vfat is not installed (apt-get install dosfstools)")
		return
	}
	im := openCard(t, image)
	partition, err := im.Partition(1)
	if err != nil {
		t.Fatal(err)
	}
	fat := filepath.Join(t.TempDir(), "fat")
	out, err := os.Create(fat)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, partition)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
	said, _ := exec.Command("fsck.vfat", "-n", fat).CombinedOutput()
	for line := range strings.Lines(string(said)) {
		for _, bad := range []string{"shared", "cross", "Bad", "bad ", "beyond", "differ", "loop", "Start cluster", "File size is"} {
			if strings.Contains(line, bad) {
				t.Errorf("fsck.vfat: %s", line)
			}
		}
	}
	t.Logf("fsck.vfat: %s", said)
}

// checkResults holds saved results to what the card's owner reads.
func checkResults(t *testing.T, image string, r boardtest.Results) {
	t.Helper()
	known, err := cost.ReadBoard(filepath.Join(repository, "board/milkv-duo"))
	if err != nil {
		t.Fatal(err)
	}
	name, err := r.Save(t.TempDir(), &known)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(strings.TrimSuffix(name, ".json") + ".html")
	if err != nil {
		t.Fatal(err)
	}
	var m manifest.Manifest
	text, err := os.ReadFile(filepath.Join(filepath.Dir(image), "manifest.json"))
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil || m.Image.Parts == "" {
		t.Fatalf("manifest.json names no parts: %v", err)
	}
	for _, want := range []string{"emulated", "0.360", "24.3", "2 of 2 right", "the same text", "modelled", m.Image.Parts} {
		if !strings.Contains(string(page), want) {
			t.Errorf("%s: the report lacks %q", r.Way, want)
		}
	}
	if n := strings.Count(string(page), ">measured<"); n != 1 {
		t.Errorf("%s: the report says %d times that something was measured; want it said once, where the word is explained", r.Way, n)
	}
	var results report.Results
	for _, e := range r.Suites {
		if err := results.Add(e); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
	}
	if b := results.Baseline; b == nil || b.Compared == nil || !b.Compared.SameText || b.Compared.Ratio <= 0 {
		t.Errorf("%s: the program beside ours is compared as %+v; want the same text", r.Way, b)
	}
	if got := results.Environment().Card; got != m.Image.Parts {
		t.Errorf("%s: the results are of the card %q, the manifest's is %q", r.Way, got, m.Image.Parts)
	}
	if _, err := boardtest.Measured(name); err == nil || !strings.Contains(err.Error(), "emulated") {
		t.Errorf("%s: emulated figures pass as a board's: %v", r.Way, err)
	}
}

// cable is a network card of the machine that leads here, in place of the USB
// cable: arguments for QEMU, and the addresses of the page and of SSH.
func cable(t *testing.T) (args []string, page, ssh string) {
	t.Helper()
	page, ssh = freePort(t), freePort(t)
	return []string{"-netdev", "user,id=cable,net=192.168.42.0/24,restrict=on,hostfwd=tcp:" + page + "-192.168.42.1:80,hostfwd=tcp:" + ssh + "-192.168.42.1:22",
		"-device", "virtio-net-device,netdev=cable"}, page, ssh
}

// freePort returns an address of this machine that nobody listens at. Nobody else
// takes it in the moment between, or QEMU says so.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
