package owner

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"duostoryteller/app/config"
	"duostoryteller/app/textfile"
)

// Setting is one line of storyteller.toml.
type Setting struct {
	Key   string
	Value string // as TOML has it, or a text without quotes
}

// ParseSetting reads "key=value".
func ParseSetting(s string) (Setting, error) {
	key, value, found := strings.Cut(s, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if !found || !keyPattern.MatchString(key) {
		return Setting{}, fmt.Errorf("%.40q is no setting: write key=value, as engine=fast", s)
	}
	return Setting{key, value}, nil
}

var keyPattern = regexp.MustCompile(`^[a-z0-9_-]+$`)

// Set returns a configuration file with settings changed. A line that has the key
// takes the new value, else the remark that shows its default does; all other lines
// stay. What the board would not understand is an error.
func Set(file []byte, settings []Setting) ([]byte, error) {
	text, err := textfile.Decode(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", settingsFile, err)
	}
	for _, s := range settings {
		var problem error
		for _, value := range []string{s.Value, strconv.Quote(s.Value)} {
			changed := setLine(text, s.Key, value)
			if problem = worse(text, changed); problem == nil {
				text = changed
				break
			}
		}
		if problem != nil {
			return nil, fmt.Errorf("--set %s=%s: %w", s.Key, s.Value, problem)
		}
	}
	return []byte(text), nil
}

// worse returns what a board would say of the changed text and not of the one before.
func worse(before, changed string) error {
	_, old := config.Parse(before)
	_, now := config.Parse(changed)
	known := map[string]bool{}
	for _, p := range old {
		known[p.Message] = true
	}
	for _, p := range now {
		if !known[p.Message] {
			what, _, _ := strings.Cut(p.Message, "; using") // what a board does
			return errors.New(what)
		}
	}
	return nil
}

// setLine gives a key a value.
func setLine(text, key, value string) string {
	lines := strings.SplitAfter(text, "\n")
	line := fmt.Sprintf("%s = %s", key, value)
	for _, prefix := range []string{"", "#"} {
		for i, l := range lines {
			name, _, found := strings.Cut(l, "=")
			if found && strings.TrimSpace(name) == prefix+key {
				lines[i] = line + l[len(strings.TrimRight(l, "\n")):]
				return strings.Join(lines, "")
			}
		}
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + line + "\n"
}
