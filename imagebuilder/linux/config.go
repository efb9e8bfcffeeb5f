package linux

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// symbol is one line of a configuration: value is what stands after "=", or ""
// for "is not set".
type symbol struct {
	name, value string
	from        string // file:line
}

func (s symbol) String() string {
	if s.value == "" {
		return "# " + s.name + " is not set"
	}
	return s.name + "=" + s.value
}

// parseConfig reads the syntax that fragments and .config share (Kconfig):
// CONFIG_X=value, "# CONFIG_X is not set", other comments and empty lines.
func parseConfig(name, text string) ([]symbol, error) {
	var all []symbol
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		from := fmt.Sprintf("%s:%d", name, n)
		if off, ok := strings.CutSuffix(line, " is not set"); ok && strings.HasPrefix(off, "# CONFIG_") {
			all = append(all, symbol{strings.TrimPrefix(off, "# "), "", from})
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		sym, value, ok := strings.Cut(line, "=")
		if !ok || !strings.HasPrefix(sym, "CONFIG_") || strings.ContainsAny(sym, " \t") || value == "" {
			return nil, fmt.Errorf("linux: %s: %q is neither CONFIG_X=value nor '# CONFIG_X is not set'", from, line)
		}
		if value == "n" {
			value = ""
		}
		all = append(all, symbol{sym, value, from})
	}
	return all, nil
}

// readFragments joins the files' symbols; one may repeat another, not contradict it.
func readFragments(names []string) ([]symbol, error) {
	var all []symbol
	seen := make(map[string]symbol)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("linux: %w", err)
		}
		short := filepath.Join(filepath.Base(filepath.Dir(name)), filepath.Base(name))
		symbols, err := parseConfig(short, string(text))
		if err != nil {
			return nil, err
		}
		for _, s := range symbols {
			if other, ok := seen[s.name]; !ok {
				seen[s.name] = s
				all = append(all, s)
			} else if other.value != s.value {
				return nil, fmt.Errorf("linux: %s says %q, %s says %q", other.from, other, s.from, s)
			}
		}
	}
	return all, nil
}

func fragmentText(symbols []symbol) []byte {
	var b bytes.Buffer
	for _, s := range symbols {
		fmt.Fprintln(&b, s)
	}
	return b.Bytes()
}

// checkConfig compares a .config with what the fragments want. Kconfig drops
// without a word what it does not know or whose dependencies are not met.
func checkConfig(name string, want []symbol) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("linux: %w", err)
	}
	have, err := parseConfig(name, string(text))
	if err != nil {
		return err
	}
	value := make(map[string]string)
	for _, s := range have {
		value[s.name] = s.value
	}
	var lost []string
	for _, s := range want {
		if got := value[s.name]; got != s.value {
			lost = append(lost, fmt.Sprintf("%s (%s; is %s)", s, s.from, symbol{name: s.name, value: got}))
		}
	}
	if lost != nil {
		return fmt.Errorf("linux: the final .config did not keep %s: fix the fragment, or what these depend on", strings.Join(lost, ", "))
	}
	return nil
}
