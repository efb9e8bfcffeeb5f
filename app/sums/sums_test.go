package sums

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func tree(t *testing.T) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{
		"bin/storyteller": {Data: bytes.Repeat([]byte("program "), 40_000)},
		"etc/a b":         {Data: []byte("a name with a space")},
		"etc/empty":       {},
	}
	var files []File
	for _, name := range []string{"bin/storyteller", "etc/a b", "etc/empty"} {
		f, err := Of("/"+name, bytes.NewReader(tree[name].Data))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	text := Format(files)
	if got, err := Parse(text); err != nil || !slices.Equal(got, files) {
		t.Fatalf("Parse() = %v, %v; want %v", got, err, files)
	}
	tree[Path[1:]] = &fstest.MapFile{Data: text}
	return tree
}

func TestDamaged(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(fstest.MapFS)
		want   string // "" for none
	}{
		{"whole", func(fstest.MapFS) {}, ""},
		{"a bit", func(m fstest.MapFS) { m["bin/storyteller"].Data[200_000] ^= 4 }, "/bin/storyteller: its checksum is wrong"},
		{"short", func(m fstest.MapFS) { m["etc/a b"].Data = m["etc/a b"].Data[1:] }, "/etc/a b: it has not the 19 bytes"},
		{"long", func(m fstest.MapFS) { m["etc/empty"].Data = []byte("x") }, "/etc/empty: it has not the 0 bytes"},
		{"gone", func(m fstest.MapFS) { delete(m, "etc/empty") }, "/etc/empty: file does not exist"},
		{"the list", func(m fstest.MapFS) { m[Path[1:]].Data[3] ^= 1 }, Path + ": the list of checksums is damaged"},
		{"the list cut", func(m fstest.MapFS) { m[Path[1:]].Data = m[Path[1:]].Data[:30] }, Path + ": the list of checksums is damaged"},
		{"no list", func(m fstest.MapFS) { delete(m, Path[1:]) }, Path + ": file does not exist"},
	} {
		m := tree(t)
		tt.damage(m)
		faults := Damaged(m, nil)
		if len(faults) == 0 && tt.want == "" {
			continue
		}
		if len(faults) != 1 || tt.want == "" || !strings.Contains(faults[0].Error(), tt.want) || strings.Contains(faults[0].Error(), "\n") {
			t.Errorf("%s: %v; want one fault, %q", tt.name, faults, tt.want)
			continue
		}
		if !strings.HasPrefix(tt.want, faults[0].Path+": ") {
			t.Errorf("%s: the fault is of %s; want that of %q", tt.name, faults[0].Path, tt.want)
		}
	}
	m := tree(t)
	m["bin/storyteller"].Data[0]++
	m["etc/a b"].Data[0]++
	if all := Damaged(m, nil); len(all) != 2 || all[0].Path != "/bin/storyteller" || all[1].Path != "/etc/a b" {
		t.Errorf("two damaged files: %v", all)
	}
	delete(m, "etc/empty")
	m["etc/a b"].Data[0]--
	if all := Damaged(m, func(path string) bool { return path == "/etc/a b" }); all != nil {
		t.Errorf("a file that nobody asked for is damaged: %v", all)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("sums 00000000\n"))
	f.Add(Format([]File{{"/etc/a b", 3, 5}}))
	f.Add([]byte("0 0 /\nsums 00000000\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		files, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(Format(files))
		if err != nil || !slices.Equal(again, files) {
			t.Errorf("%q: %v, again %v, %v", text, files, again, err)
		}
	})
}
