// Package docs checks what the readmes say against each other and the Makefile.
package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const repository = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// commands lists what a readme has in code: indented lines without their remarks,
// what is between backquotes, and the pictures between fences.
func commands(text string) (all []string) {
	fences := regexp.MustCompile("(?s)```.*?```").FindAllString(text, -1)
	text = regexp.MustCompile("(?s)```.*?```").ReplaceAllString(text, "")
	for _, m := range regexp.MustCompile(`(?m)^    (\S.*)$`).FindAllStringSubmatch(text, -1) {
		line, _, _ := strings.Cut(m[1], " #")
		all = append(all, strings.TrimSpace(line))
	}
	text = regexp.MustCompile("(?m)^    .*$").ReplaceAllString(text, "")
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return append(slices.Compact(all), fences...)
}

// found lists what a pattern finds, once each, in order.
func found(pattern, text string) []string {
	all := regexp.MustCompile(pattern).FindAllString(text, -1)
	slices.Sort(all)
	return slices.Compact(all)
}

// TestTranslation wants the Chinese readme to have the English one's commands, links and
// rows of figures.
func TestTranslation(t *testing.T) {
	english, chinese := read(t, "README.md"), read(t, "README.zh.md")
	compare := func(what string, en, zh []string) {
		t.Helper()
		for _, x := range en {
			if !slices.Contains(zh, x) {
				t.Errorf("README.zh.md lacks the %s %q", what, x)
			}
		}
		for _, x := range zh {
			if !slices.Contains(en, x) {
				t.Errorf("README.md lacks the %s %q of README.zh.md", what, x)
			}
		}
	}
	compare("command", commands(english), commands(chinese))
	links := func(text string) []string {
		return slices.DeleteFunc(found(`\]\([^)]+\)|https?://[\w./]+`, text), func(s string) bool { return strings.HasPrefix(s, "](README") })
	}
	compare("link", links(english), links(chinese))
	rows := func(text string) (figures []string) {
		for _, row := range found(`(?m)^\| .*$`, text) {
			numbers := regexp.MustCompile(`\d+(?:[.,]\d+)*`).FindAllString(row, -1)
			slices.Sort(numbers)
			figures = append(figures, strings.Join(numbers, " "))
		}
		slices.Sort(figures)
		return figures
	}
	if got, want := rows(chinese), rows(english); !slices.Equal(got, want) {
		t.Errorf("the tables of README.zh.md have the figures\n%q\nthose of README.md\n%q", got, want)
	}
	if got, want := len(found(`(?m)^## .*$`, chinese)), len(found(`(?m)^## .*$`, english)); got != want {
		t.Errorf("README.zh.md has %d parts; README.md %d", got, want)
	}
}

// TestTargets wants every make command in the documents to be in the Makefile.
func TestTargets(t *testing.T) {
	makefile := read(t, "Makefile")
	for _, name := range []string{"README.md", "README.zh.md", "CONTRIBUTING.md", "SECURITY.md", "imagebuilder/submission/readme.md"} {
		for _, command := range commands(read(t, name)) {
			m := regexp.MustCompile(`^make ([a-z][a-z-]*)`).FindStringSubmatch(command)
			if m != nil && !regexp.MustCompile(`(?m)^`+m[1]+`:`).MatchString(makefile) {
				t.Errorf("%s: %s: the Makefile has no %s", name, command, m[1])
			}
		}
	}
}

// TestLinks wants what the documents link to within the repository to be there.
func TestLinks(t *testing.T) {
	for _, name := range []string{"README.md", "README.zh.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "board/LICENSES/readme.md"} {
		for _, m := range regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`).FindAllStringSubmatch(read(t, name), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(repository, filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
		}
	}
}
