package commands

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func run(input string, line ...string) (status int, out, errs string) {
	var o, e bytes.Buffer
	status = Run(line[0], line[1:], Streams{strings.NewReader(input), &o, &e})
	return status, o.String(), e.String()
}

func TestText(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	for path, text := range map[string]string{one: "a fox\na cat\n", two: "a Fox\nno end"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const numbers = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n"
	for _, c := range []struct {
		input  string
		line   string
		status int
		want   string
	}{
		{numbers, "head -n 2", 0, "1\n2\n"},
		{numbers, "head -2", 0, "1\n2\n"},
		{numbers, "head -n 0", 0, ""},
		{numbers, "tail -n 2", 0, "10\n11\n"},
		{numbers, "tail -3", 0, "9\n10\n11\n"},
		{numbers, "tail -n 0", 0, ""},
		{"", "head -1 " + one + " " + two, 0, "==> " + one + " <==\na fox\n==> " + two + " <==\na Fox\n"},
		{numbers, "grep -n 1.", 0, "10:10\n11:11\n"},
		{numbers, "grep -v -c 1", 0, "8\n"},
		{numbers, "grep x", 1, ""},
		{numbers, "grep -q 5", 0, ""},
		{"", "grep -i fox " + one + " " + two, 0, one + ":a fox\n" + two + ":a Fox\n"},
		{"", "grep -l Fox " + one + " " + two, 0, two + "\n"},
		{"one two\n\nthree", "wc", 0, "      2       3      14\n"},
		{"", "wc -l " + one, 0, "      2 " + one + "\n"},
		{"b\na\nb\n", "sort", 0, "a\nb\nb\n"},
		{"b\na\nb\n", "sort -u -r", 0, "b\na\n"},
		{"10 x\n9 y\n-1\nword\n", "sort -n", 0, "-1\nword\n9 y\n10 x\n"},
		{"AB", "hexdump", 0, "00000000  41 42                                             |AB|\n"},
		{"", "cat " + one, 0, "a fox\na cat\n"},
	} {
		status, out, errs := run(c.input, strings.Fields(c.line)...)
		if status != c.status || out != c.want || errs != "" {
			t.Errorf("%s = %d, %q, %q; want %d, %q", c.line, status, out, errs, c.status, c.want)
		}
	}
}

func TestSystem(t *testing.T) {
	for line, want := range map[string]string{
		"ps":       fmt.Sprint(os.Getpid()),
		"free":     "available",
		"uptime":   "load",
		"df":       "directory\n",
		"df /":     " /\n",
		"uname -a": "Linux",
	} {
		if status, out, errs := run("", strings.Fields(line)...); status != 0 || !strings.Contains(out, want) {
			t.Errorf("%s = %d, %q, %q; want %q in it", line, status, out, errs, want)
		}
	}
	// A container or chroot may have no mount of its own at /.
	table, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if status, out, errs := run("", "mount"); status != 0 || out != string(table) {
		t.Errorf("mount = %d, %q, %q; want /proc/mounts", status, out, errs)
	}
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := run("", "kill", "-KILL", fmt.Sprint(child.Process.Pid)); status != 0 {
		t.Errorf("kill = %d, %s", status, errs)
	}
	if err := child.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("the process that was killed ended with %v", err)
	}
	begin := time.Now()
	if status, _, _ := run("", "sleep", "0.05"); status != 0 || time.Since(begin) < 50*time.Millisecond {
		t.Errorf("sleep 0.05 = %d after %v", status, time.Since(begin))
	}
}

// What is asked for wrongly is refused in one line, and nothing happens.
func TestWrong(t *testing.T) {
	for line, want := range map[string]int{
		"nosuch":              127,
		"head -n x":           2,
		"head /no/such":       1,
		"tail --what":         2,
		"grep":                2,
		"grep (":              2,
		"grep x /no/such":     1,
		"kill":                2,
		"kill -NOSUCH 1":      2,
		"kill x":              2,
		"kill 999999999":      1,
		"sleep":               2,
		"sleep -1":            2,
		"sleep NaN":           2,
		"uname -z":            2,
		"ps all":              2,
		"df /no/such":         1,
		"mount a b c":         2,
		"mount -o rw /no/dir": 1,
		"cat /no/such":        1,
		"reboot now":          2,
		"reboot":              1, // this is not the board
		"poweroff":            1,
	} {
		status, out, errs := run("", strings.Fields(line)...)
		if status != want || out != "" || !strings.HasSuffix(errs, "\n") || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s = %d, %q, %q; want %d and one line of error", line, status, out, errs, want)
		}
	}
}

func TestNames(t *testing.T) {
	names := Names()
	if !slices.IsSorted(names) || len(names) < 30 {
		t.Errorf("Names() = %q; want 30 or more, sorted", names)
	}
	for _, n := range []string{"head", "tail", "grep", "wc", "sort", "uname", "sleep"} {
		if status, out, _ := run("", n, "-h"); status != 0 || !strings.HasPrefix(out, "usage: "+n) {
			t.Errorf("%s -h = %d, %q; want its usage", n, status, out)
		}
	}
}

// FuzzText feeds the commands that read text with anything.
func FuzzText(f *testing.F) {
	f.Add("1\n2\n", "-n", "1")
	f.Add("a\x00b", "[", "")
	f.Fuzz(func(t *testing.T, input, a, b string) {
		for _, name := range []string{"head", "tail", "grep", "wc", "sort", "hexdump"} {
			if strings.Contains(a+b, "/") || strings.HasPrefix(b, ".") {
				return // no files
			}
			if status, _, _ := run(input, name, a, b); status < 0 || status > 2 {
				t.Errorf("%s %q %q = %d", name, a, b, status)
			}
		}
	})
}
