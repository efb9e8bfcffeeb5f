package avoid

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	const list = "# a remark\nGun\nknives # and this\nfairy\nbad man\nshut   up\nbox\nwolf\nhero\nno. 1\ntaxis\n'hell'"
	for _, test := range []struct {
		text string
		line int
	}{
		{"", 0},
		{"He had a gun.", 2},
		{"GUNS!", 2},
		{"the gun's end", 2},
		{"the guns’ noise", 2},
		{"It had begun, and the gunner sat in the sun.", 0},
		{"gun", 2},
		{"his-gun-was", 2},
		{"the gun—the", 2},
		{"“Gun” he said", 2},
		{"a knife", 3},
		{"the knife's knives", 3},
		{"two fairies", 4},
		{"a bad man", 5},
		{"a bad, bad\nman came", 5},
		{"bad men", 5},
		{"a bad manner, a bad", 0},
		{"Shut. Up", 6},
		{"shut the door up", 0},
		{"boxes and", 7},
		{"wolves", 8},
		{"heroes, heros", 9},
		{"No 1", 10},
		{"no 10", 0},
		{"the taxi came", 11},
		{"he'll go", 0},
		{"what the hell", 12},
		{"\xff\xfegun\xff ", 2},
		{"gün", 0},
	} {
		l, problems := Parse(list)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if got := l.Find(test.text); got != test.line {
			t.Errorf("Find(%q) = %d; want line %d", test.text, got, test.line)
		}
		// What comes byte by byte is found as well, and nothing of it is let through before.
		f, free, got := l.Follow(), 0, 0
		for i := range len(test.text) {
			line, waits := f.Write([]byte(test.text[i : i+1]))
			if got = line; got > 0 {
				break
			}
			if !waits {
				free = i + 1
			}
		}
		if got == 0 {
			got = f.End()
		}
		if got != test.line {
			t.Errorf("%q, byte by byte: %d; want line %d", test.text, got, test.line)
		}
		if line := l.Find(test.text[:free]); line > 0 {
			t.Errorf("%q: %q was let through", test.text, test.text[:free])
		}
	}
}

func TestNoList(t *testing.T) {
	var none *List
	f := none.Follow()
	if line, waits := f.Write([]byte("a gun ")); line != 0 || waits || f.End() != 0 || none.Len() != 0 || none.Find("gun") != 0 {
		t.Error("no list finds something, or waits")
	}
}

func TestParse(t *testing.T) {
	l, problems := Parse("gun\n!!\n" + strings.Repeat("a ", maxWords+1) + "\n" + strings.Repeat("b", maxLetters+1) + "\nbomb\n")
	want := []string{`line 2: "!!" left out; it has no word`,
		"line 3: left out; a phrase has 8 words at most, a word 40 letters", "line 4: left out; a phrase has 8 words at most, a word 40 letters"}
	if l.Len() != 2 || !slices.Equal(problems, want) {
		t.Errorf("%d entries, problems %q; want 2, %q", l.Len(), problems, want)
	}
	if l, problems = Parse(strings.Repeat("x\n", MaxEntries+5)); l.Len() != MaxEntries || len(problems) != 1 || !strings.HasPrefix(problems[0], "5 lines left out") {
		t.Errorf("%d entries, problems %q", l.Len(), problems)
	}
	if l, problems = Parse("# nothing\n"); l.Len() != 0 || problems != nil {
		t.Errorf("an empty list has %d entries, problems %q", l.Len(), problems)
	}
}

func TestStandard(t *testing.T) {
	l, problems := Parse(standard)
	if l.Len() < 30 || problems != nil {
		t.Errorf("the standard list has %d entries, problems %q", l.Len(), problems)
	}
	if line := l.Find("Once upon a time, there was a little girl named Lily. She shot the ball into the goal, cut the bread with a knife and said hello."); line != 0 {
		t.Errorf("a harmless story has line %d of the standard list", line)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, File)
	if l, problems := Load(path); l.Len() != Standard().Len() || len(problems) != 1 {
		t.Errorf("without a file: %d entries, %q; want the standard list, and a line", l.Len(), problems)
	}
	if err := os.WriteFile(path, []byte("\ufeffgun\r\nbad man\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, problems := Load(path); l.Len() != 2 || problems != nil || l.Find("bad men") != 2 {
		t.Errorf("%d entries, %q; want the file's 2", l.Len(), problems)
	}
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, problems := Load(path); l.Len() != Standard().Len() || len(problems) != 1 {
		t.Errorf("a file too large: %d entries, %q; want the standard list, and a line", l.Len(), problems)
	}
}

// FuzzFind: how a text is cut changes nothing, and what need not wait has none of the list.
func FuzzFind(f *testing.F) {
	f.Add("gun\nbad man", "he had a bad, bad man's gun", 3)
	f.Add("ox\n’s", "oxen’s\xe2\x80", 1)
	f.Fuzz(func(t *testing.T, list, text string, n int) {
		l, _ := Parse(list)
		want := l.Find(text)
		if n < 1 {
			n = 1
		}
		follow, got, free := l.Follow(), 0, 0
		for i := 0; i < len(text) && got == 0; i += n {
			end := min(len(text), i+min(n, len(text)))
			var waits bool
			if got, waits = follow.Write([]byte(text[i:end])); got == 0 && !waits {
				free = end
			}
			if n > len(text) {
				break
			}
		}
		if got == 0 {
			got = follow.End()
		}
		if got != want {
			t.Errorf("line %d; in parts of %d bytes %d", want, n, got)
		}
		if line := l.Find(text[:free]); line > 0 {
			t.Errorf("%q was let through: line %d", text[:free], line)
		}
	})
}
