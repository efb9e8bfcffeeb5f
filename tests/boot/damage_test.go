package boot

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/llama/packed"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/emulator"
	"duostoryteller/imagebuilder/rootfs"
	"duostoryteller/tests/golden"
)

// A bad is a card image in memory that a test damages.
type bad struct {
	t    *testing.T
	data []byte
	card *card.Image
	root fs.FS
}

func newBad(t *testing.T, image string) *bad {
	t.Helper()
	data, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	b := &bad{t: t, data: data}
	if b.card, err = card.Open(bytes.NewReader(bytes.Clone(data)), int64(len(data))); err != nil {
		t.Fatal(err)
	}
	partition, err := b.card.Partition(2)
	if err != nil {
		t.Fatal(err)
	}
	if b.root, err = rootfs.Open(partition); err != nil {
		t.Fatal(err)
	}
	return b
}

// boot and rest are where the partitions begin.
func (b *bad) boot() int64 { return b.card.Partitions[0].Start }
func (b *bad) rest() int64 { return b.card.Partitions[1].Start }

// noise overwrites n bytes with what is neither zeros nor sense.
func (b *bad) noise(at, n int64) {
	for i := range n {
		b.data[at+i] ^= byte(0xa5 + 31*i)
	}
}

// file returns where a file of the root file system lies on the card, which is
// in one piece.
func (b *bad) file(name string) (at, size int64) {
	b.t.Helper()
	content, err := fs.ReadFile(b.root, name)
	if err != nil {
		b.t.Fatal(err)
	}
	at = int64(bytes.Index(b.data[b.rest():], content))
	if at < 0 {
		b.t.Fatalf("%s does not lie in one piece on the card", name)
	}
	return b.rest() + at, int64(len(content))
}

// bootFile returns where a file of the FAT partition lies.
func (b *bad) bootFile(name string) (at, size int64) {
	b.t.Helper()
	content, err := b.card.ReadFile(name)
	if err != nil {
		b.t.Fatal(err)
	}
	at = int64(bytes.Index(b.data, content))
	if at < 0 {
		b.t.Fatalf("%s does not lie in one piece on the card", name)
	}
	return at, int64(len(content))
}

const packedModel = "usr/share/storyteller/model.packed"

// model lists the parts of the packed checkpoint, where they lie on the card.
func (b *bad) model() []packed.Section {
	b.t.Helper()
	at, size := b.file(packedModel)
	sections, err := packed.Sections(io.NewSectionReader(bytes.NewReader(b.data), at, size))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range sections {
		sections[i].Offset += at
	}
	return sections
}

// section is where a part of the packed checkpoint lies.
func (b *bad) section(name string) (at, size int64) {
	b.t.Helper()
	for _, s := range b.model() {
		if s.Name == name {
			return s.Offset, s.Length
		}
	}
	b.t.Fatalf("the packed checkpoint has no section %q", name)
	return 0, 0
}

// damages is the matrix: what is bad, and what comes of it. The console says want,
// or the story is told right, or, if both are given, both.
func damages(model []packed.Section) []damageCase {
	const anew = `.*; write the card anew, on a PC`
	all := []damageCase{
		{"partition table, whole", func(b *bad) { b.noise(0, 512) }, false, `U-Boot cannot start the card`},
		{"disk signature", func(b *bad) { b.noise(440, 4) }, true, `taking /dev/vda2 for the root file system`},
		{"partition 2's entry", func(b *bad) { clear(b.data[446+16:][:16]) }, false, `the card has no partition 2.*partition table` + anew},
		{"FAT: boot sector", func(b *bad) { b.noise(b.boot(), 512) }, false, `U-Boot cannot start the card`},
		// Without storyteller.toml: the default prompt.
		{mediaDescriptor, func(b *bad) { b.data[b.boot()+21] = 0x11 }, false, `init: card: partition 1 .* holds no readable FAT(?s:.*)story starts`},
		{"FAT: first allocation table", func(b *bad) { b.noise(b.boot()+32*512, 16*512) }, false, `U-Boot cannot start the card`},
		{"FAT: second allocation table", func(b *bad) { b.noise(b.table(1), 64*512) }, true, ""},
		{"FAT: root directory", func(b *bad) { b.noise(b.table(2), 512) }, false, `U-Boot cannot start the card`},
		{"FAT: left open", func(b *bad) { b.data[b.boot()+65] |= 1 }, true, `init: card: partition 1 .* repaired \(fsck.fat`},
		// Two passes of fsck.fat mend it.
		{directoryLost, func(b *bad) { b.loseDirectory() }, true, `init: card: partition 1 .* repaired \(fsck\.fat.*; again: .*\)`},
		{"boot.sd: its tree", func(b *bad) { at, _ := b.bootFile("boot.sd"); b.noise(at, 64) }, false, `U-Boot cannot start the card`},
		{"boot.sd: the kernel", func(b *bad) { at, n := b.bootFile("boot.sd"); b.noise(at+n/4, 1) }, false, `U-Boot cannot start the card.*(?i:hash|crc32|bad)`},
		{"boot.sd: the first root", func(b *bad) { at, n := b.bootFile("boot.sd"); b.noise(at+n*3/4, 1) }, false, `U-Boot cannot start the card.*(?i:hash|crc32|bad|corrupt)`},
		{"root: superblock", func(b *bad) { clear(b.data[b.rest()+1024:][:512]) }, false, `the root file system, partition 2 .*superblock is damaged` + anew},
		{"root: superblock, a few bits", func(b *bad) { b.noise(b.rest()+1024+40, 4) }, false, `the root file system.*` + anew},
		{"root: its first directory", func(b *bad) { b.noise(b.rootInode(), 64) }, false, `the root file system.*` + anew},
		{"/sbin/init", func(b *bad) { at, n := b.file("sbin/init"); b.noise(at+n/2, 1) }, true, `/sbin/init: its checksum is wrong` + anew},
		{"/bin/storyteller", func(b *bad) { at, n := b.file("bin/storyteller"); b.noise(at+n/2, 1) }, false, `no story: /bin/storyteller: its checksum is wrong` + anew},
		{"tokenizer.bin", func(b *bad) { at, n := b.file("usr/share/storyteller/tokenizer.bin"); b.noise(at+n/2, 1) }, false, `no story: .*tokenizer.bin: its checksum is wrong` + anew},
		{"list of checksums", func(b *bad) { at, n := b.file("usr/share/storyteller/sums"); b.noise(at+n/2, 1) }, false, `no story: .*sums: the list of checksums is damaged` + anew},
		{"model: header", func(b *bad) { at, _ := b.file(packedModel); b.noise(at+12, 4) }, false, `model.packed: header damaged`},
	}
	for _, section := range model {
		c := damageCase{"model: " + section.Name, func(b *bad) { at, n := b.section(section.Name); b.noise(at+n/2, 1) }, false,
			fmt.Sprintf("section %q is damaged", section.Name)}
		switch {
		case section.Name == "rows" || strings.HasPrefix(section.Name, "fast ") || section.Name == "remainder": // the exact engine reads none of the small model's
			c.tells, c.want = true, ""
		case section.Name == "embed": // read row by row
			c.damage = func(b *bad) {
				at, n := b.section("embed")
				for i := int64(0); i < n; i += 100 {
					b.noise(at+i, 1)
				}
			}
			c.want = `row \d+ of section "embed" is damaged .*: write the card again`
		}
		all = append(all, c)
	}
	return append(all,
		damageCase{"storyteller.toml", func(b *bad) { at, n := b.bootFile("storyteller.toml"); b.noise(at, n) }, false, `init: /boot/storyteller.toml: .*(?s:.*)story starts`},
		damageCase{"words.txt", func(b *bad) { at, n := b.bootFile("words.txt"); b.noise(at, n) }, true, ""},
		damageCase{"a voice", func(b *bad) { at, n := b.file("usr/lib/storyteller/voices/voice-kal16"); b.noise(at+64, n/2) }, true, ""},
	)
}

// mediaDescriptor is damaged after boot.sd was read: not every U-Boot minds.
const mediaDescriptor = "FAT: media descriptor"

const directoryLost = "FAT: a directory without its first cluster"

// loseDirectory adds a directory whose first cluster is free, to a FAT partition that
// was left open.
func (b *bad) loseDirectory() {
	b.t.Helper()
	le := binary.LittleEndian
	b.data[b.boot()+65] |= 1
	table := b.data[b.table(0):b.table(1)]
	free := 2
	for le.Uint32(table[4*free:])&0x0fffffff != 0 {
		free++
	}
	for entry := b.data[b.table(2):][:512]; len(entry) > 0; entry = entry[32:] {
		if entry[0] == 0 {
			copy(entry, "RESULTS    \x10")
			le.PutUint16(entry[20:], uint16(free>>16))
			le.PutUint16(entry[26:], uint16(free))
			return
		}
	}
	b.t.Fatal("the root directory's first sector is full")
}

// rootInode returns where the inode of the root directory lies (EROFS's
// fs/erofs/erofs_fs.h).
func (b *bad) rootInode() int64 {
	le := binary.LittleEndian
	super := b.data[b.rest()+1024:]
	const inode = 32
	return b.rest() + int64(le.Uint32(super[40:]))<<super[12] + inode*int64(le.Uint16(super[14:]))
}

type damageCase struct {
	name   string
	damage func(*bad)
	tells  bool
	want   string
}

// table returns where the FAT partition's second allocation table begins, or,
// with 2, what comes behind it.
func (b *bad) table(n int64) int64 {
	le := binary.LittleEndian
	boot := b.data[b.boot():]
	return b.boot() + 512*(int64(le.Uint16(boot[14:]))+n*int64(le.Uint32(boot[36:])))
}

// damage damages every kind of sector of a card, boots it, and wants the story,
// word for word, or one line that says what is bad, and in no case a panic or an
// endless restart.
func (k tough) damage(t *testing.T, all bool) {
	image, c := k.image, k.c
	whole := newBad(t, image)
	uuid := fmt.Sprintf("%08x-02", whole.card.Signature)
	few := map[string]bool{"root: superblock": true, "/bin/storyteller": true, directoryLost: true}
	cases := damages(whole.model())
	for _, pair := range pairs(cases) {
		few[pair.name] = pair.name == "/sbin/init and tokenizer.bin"
		cases = append(cases, pair)
	}
	var table strings.Builder
	for _, tt := range cases {
		if !all && !few[tt.name] {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			b := newBad(t, image)
			tt.damage(b)
			path := filepath.Join(t.TempDir(), "bad.img")
			if err := os.WriteFile(path, b.data, 0o600); err != nil {
				t.Fatal(err)
			}
			loaded := ""
			if tt.name == mediaDescriptor {
				loaded = bootSD(t, image)
			}
			got := bootBad(t, path, uuid, "", loaded, c, tt)
			fmt.Fprintf(&table, "%-45s %s\n", tt.name, got)
		})
	}
	t.Run("a read error that goes away", func(t *testing.T) {
		b := newBad(t, image)
		at, _ := b.section("embed")
		faults := filepath.Join(t.TempDir(), "faults")
		text := fmt.Sprintf("[inject-error]\nevent = \"read_aio\"\nerrno = \"5\"\nonce = \"on\"\nsector = \"%d\"\n", at/512+8)
		if err := os.WriteFile(faults, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := bootBad(t, image, uuid, faults, "", c, damageCase{tells: true})
		fmt.Fprintf(&table, "%-45s %s\n", "a read error that goes away", got)
	})
	t.Logf("what is bad, and what comes of it:\n%s", table.String())
}

// pairs are two damages at once of what is checked before a story: one must not hide
// the other.
func pairs(all []damageCase) (pairs []damageCase) {
	var single []damageCase
	for _, name := range []string{"/sbin/init", "/bin/storyteller", "tokenizer.bin", "list of checksums", "model: header", "FAT: left open"} {
		single = append(single, all[slices.IndexFunc(all, func(c damageCase) bool { return c.name == name })])
	}
	for i, a := range single {
		for _, c := range single[i+1:] {
			pair := damageCase{a.name + " and " + c.name, func(b *bad) { a.damage(b); c.damage(b) }, a.tells && c.tells, ""}
			switch {
			case a.tells == c.tells: // whatever is found first, or both
				pair.want = "(?:" + a.want + "|" + c.want + ")"
			case a.tells:
				pair.want = c.want
			default:
				pair.want = a.want
			}
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

// bootBad boots a damaged card and says what came of it. loaded is a boot.sd that the
// machine has in its memory, if not "".
func bootBad(t *testing.T, image, uuid, faults, loaded string, c golden.Case, tt damageCase) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	o := machineFor(t, image)
	o.Root, o.Faults, o.BootSD = uuid, faults, loaded
	started, err := emulator.Start(ctx, o)
	if err != nil {
		// The firmware has said what it cannot read; nothing of ours runs yet.
		if tt.tells || !regexp.MustCompile(`(?s)`+tt.want).MatchString(err.Error()) {
			t.Errorf("the machine does not start: %v", err)
		}
		_, said, _ := strings.Cut(err.Error(), "says: ")
		return "U-Boot: " + lastPart(said)
	}
	defer started.Close()
	m := &machine{Machine: started, t: t, ctx: ctx}
	outcome := ""
	if tt.tells {
		if got := m.story(); !c.Right(got) {
			t.Errorf("%s: told %q", c, got)
		}
		outcome = "the right story"
	}
	m.WaitFor(ctx, regexp.MustCompile(prompt))
	console := m.Console()
	if tt.want != "" {
		line := regexp.MustCompile(tt.want).FindString(console)
		if line == "" {
			t.Errorf("the console does not say %q", tt.want)
		}
		outcome = strings.TrimSpace(outcome + " " + lastPart(line))
	}
	if !tt.tells && strings.Contains(console, "achieved tok/s") && !strings.Contains(tt.want, "story starts") {
		t.Errorf("a story was told from a damaged card")
	}
	if strings.Contains(console, "Kernel panic") {
		t.Error("the kernel panicked")
	}
	if strings.Contains(console, "cannot be written to") {
		t.Error("a file system was repaired, but not so that files can be kept")
	}
	// It still obeys: no panic, no endless restart.
	m.powerOff()
	if t.Failed() {
		t.Logf("the console:\n%s", console)
	}
	return outcome
}

// lastPart shortens what a console says for a table.
func lastPart(said string) string {
	said = strings.Join(strings.Fields(said), " ")
	const most = 130
	if len(said) > most {
		said = "…" + said[len(said)-most:]
	}
	return said
}
