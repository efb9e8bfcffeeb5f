package shell

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// completer completes the word before the cursor when Tab is pressed: the first
// one of a line to a program, others to files, as far as there is one way to.
type completer struct {
	programs []string // names of programs
	dir      func() string
}

// key has the form of x/term's AutoCompleteCallback.
func (c *completer) key(line string, at int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	start := strings.LastIndexAny(line[:at], " ;|&<>()") + 1
	word := line[start:at]
	var ways []string
	if strings.TrimSpace(line[:start]) == "" && !strings.Contains(word, "/") {
		ways = c.commands(word)
	} else {
		ways = c.files(word)
	}
	if len(ways) == 0 {
		return line, at, true
	}
	end := common(ways)
	if len(ways) == 1 && !strings.HasSuffix(end, "/") {
		end += " "
	}
	return line[:start] + end + line[at:], start + len(end), true
}

func (c *completer) commands(word string) []string {
	return slices.DeleteFunc(slices.Clone(c.programs), func(name string) bool { return !strings.HasPrefix(name, word) })
}

func (c *completer) files(word string) (ways []string) {
	dir, begin := filepath.Split(word)
	where := dir
	if !filepath.IsAbs(where) {
		where = filepath.Join(c.dir(), where)
	}
	entries, err := os.ReadDir(where)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		name := e.Name()
		// Names that would have to be quoted are left to the person.
		if !strings.HasPrefix(name, begin) || begin == "" && strings.HasPrefix(name, ".") || strings.ContainsAny(name, " '\"\\$`;|&<>()*?[]{}~#!\t\n") {
			continue
		}
		if e.IsDir() {
			name += "/"
		}
		ways = append(ways, dir+name)
	}
	return ways
}

// common returns the longest beginning that all words share.
func common(words []string) string {
	begin := words[0]
	for _, w := range words[1:] {
		for !strings.HasPrefix(w, begin) {
			begin = begin[:len(begin)-1]
		}
	}
	return strings.ToValidUTF8(begin, "")
}
