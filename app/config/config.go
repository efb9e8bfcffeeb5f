// Package config reads storyteller.toml, the file on the card's FAT partition
// that any PC can edit. Every key is optional. A key that is wrong never stops
// the story: it is reported as a Problem and its default is used.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"duostoryteller/app/cardmodels"
	"duostoryteller/app/panel"
	"duostoryteller/app/textfile"

	"github.com/BurntSushi/toml"
)

// MaxPrompt is the longest prompt, in bytes.
const MaxPrompt = 4 << 10

// MaxStories is how much the last stories may take on the card, in KB.
const MaxStories = 256

// What happens when a story has ended.
const (
	AfterWait     = "wait"     // wait at the console for the next prompt
	AfterAgain    = "again"    // tell another story
	AfterPowerOff = "poweroff" // switch the machine off
)

// What can be switched.
const (
	On  = "on"
	Off = "off"
)

// Silent is the voice that says nothing.
const Silent = "off"

// What the machine does when it has started.
const (
	RunStory  = "story"  // tell a story
	RunSuites = "suites" // test and measure itself, and keep the results on the card
)

// Automatic is the microphone that is the first one found.
const Automatic = "auto"

// What the board's USB port is for.
const (
	USBDevice = "device" // a PC, which gets the page over the cable
	USBHost   = "host"   // a sound card
)

// What plays the story.
const (
	SpeakerUSB       = "usb"       // a USB sound card, with USBHost
	SpeakerAmplifier = "amplifier" // one on the pads for Ethernet
)

// Config is what storyteller.toml says. The sampling values mean what the
// options of llama2.c's run.c mean.
type Config struct {
	Prompt      string  // start of the story
	Seed        uint32  // of the random numbers; 0: a new one for every story
	Temperature float64 // 0 is greedy
	TopP        float64 // nucleus, 0 to 1
	Steps       int     // tokens to tell at most; 0: as many as the model can
	Model       string  // the name of one of the card's models; empty: the card's own
	Engine      string  // "exact", "fast" or "plain"; empty: the storyteller's own default
	Arithmetic  string  // "riscv64-ofast" or "strict"; empty: the storyteller's own default
	Run         string  // RunStory or RunSuites
	After       string  // AfterWait, AfterAgain or AfterPowerOff
	USB         string  // USBDevice or USBHost
	Speaker     string  // SpeakerUSB or SpeakerAmplifier
	Voice       string  // that reads the story aloud: "kal16", "rms", "espeak" or Silent
	Rate        float64 // of the voice; 1 is its own, as for the next two
	Pitch       float64
	Volume      float64
	Microphone  string // name of the sound card to listen on; Automatic for the first one, or Silent
	Gain        int    // of the microphone in percent of what the sound card can
	Button      string // GPIO line of a push-button, as in "gpiochip1/15"; empty: none
	Avoid       string // On or Off: whether stories have nothing of the list in avoid.txt
	Bedtime     string // On or Off: slower, quieter with each paragraph, no light, and no story after it
	Stories     int    // KB that the last stories may take on the card; 0: none is kept
}

// Default returns the configuration of an empty file.
func Default() Config {
	return Config{Prompt: "Once upon a time", Temperature: 1, TopP: 0.9, Steps: 256, Run: RunStory, After: AfterWait, USB: USBDevice, Speaker: SpeakerUSB,
		Voice: "kal16", Rate: 1, Pitch: 1, Volume: 1, Microphone: Automatic, Gain: 60, Avoid: On, Bedtime: Off, Stories: 64}
}

// A Problem is something in the file that was not used.
type Problem struct {
	Line    int    // counted from 1; 0 when it concerns the whole file
	Message string // what is wrong, what is allowed, what is used instead
}

// String returns the problem as one line of text.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Message
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Message)
}

// Load reads the file at path. It always returns a usable configuration; a
// file that cannot be read is one Problem.
func Load(path string) (Config, []Problem) {
	text, err := textfile.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Default(), []Problem{{Message: "no such file; using the defaults"}}
	case errors.Is(err, textfile.ErrTooLarge):
		return Default(), []Problem{{Message: fmt.Sprintf("%v; using the defaults", err)}}
	case err != nil:
		return Default(), []Problem{{Message: fmt.Sprintf("cannot be read (%v); using the defaults", err)}}
	}
	return Parse(text)
}

// Parse reads the contents of a configuration file, as package textfile reads it.
func Parse(text string) (Config, []Problem) {
	lines := strings.Split(text, "\n")
	keys, meta, problems := decode(lines)
	c := Default()
	unknown := 0
	for _, key := range meta.Keys() { // in the file's order
		primitive, ok := keys[key[0]]
		if !ok {
			continue // seen already, within a table
		}
		name := key[0]
		delete(keys, name)
		s := setting{key: name}
		if i := slices.IndexFunc(settings, func(s setting) bool { return s.key == name }); i >= 0 {
			s = settings[i]
		} else if unknown++; unknown > textfile.MaxProblems {
			continue // only counted: the library takes long to find the line
		}
		to := &target{config: &c, setting: s}
		if err := meta.PrimitiveDecode(primitive, to); err != nil {
			// The library wraps our error in one that knows the line.
			p := Problem{Message: err.Error()}
			if parseErr, ok := errors.AsType[toml.ParseError](err); ok {
				p = Problem{Line: parseErr.Position.Line, Message: parseErr.Message}
			}
			if to.wrong != nil { // the library does not pass it on, but its text
				p.Message = to.wrong.describe(typed(lines, p.Line))
			}
			problems = append(problems, p)
		}
	}
	slices.SortFunc(problems, func(a, b Problem) int {
		if a.Line == 0 || b.Line == 0 { // of the whole file: last
			return cmp.Compare(b.Line, a.Line)
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Message, b.Message))
	})
	uncounted := max(0, unknown-textfile.MaxProblems)
	problems = textfile.Few(problems, func(n int) Problem { return Problem{Message: fmt.Sprintf("and %d more", n+uncounted)} })
	if uncounted > 0 && len(problems) <= textfile.MaxProblems {
		problems = append(problems, Problem{Message: fmt.Sprintf("and %d more", uncounted)})
	}
	return c, problems
}

const (
	// maxBadLines is how many lines that are no TOML are skipped before the whole
	// file is given up.
	maxBadLines = 5
	// maxDepth is how many brackets may be open at once, and how many dots a line may
	// have: no key needs one, and the library's time grows with their square.
	maxDepth = 16
)

// decode parses lines tolerantly: one that is no TOML (a prompt without quotes is the
// usual one) is reported, and emptied, so that the other keys still count. It returns
// no keys for a file that is no TOML at all.
func decode(lines []string) (map[string]toml.Primitive, toml.MetaData, []Problem) {
	problems := tooMuch(lines)
	for bad := 0; ; bad++ {
		var keys map[string]toml.Primitive
		meta, err := toml.Decode(strings.Join(lines, "\n"), &keys)
		if err == nil {
			if len(problems) > 0 && len(keys) == 0 {
				break
			}
			return keys, meta, problems
		}
		parseErr, ok := errors.AsType[toml.ParseError](err)
		line := parseErr.Position.Line
		if !ok || line < 1 || line > len(lines) || lines[line-1] == "" || bad == maxBadLines {
			break
		}
		lines[line-1] = ""
		problems = append(problems, Problem{line, fmt.Sprintf("not understood (%s); write key = value, texts in \"quotes\"; line left out",
			printable(parseErr.Message))})
	}
	return nil, toml.MetaData{}, append(problems, Problem{Message: "not a TOML file; write one key = value a line; using the defaults"})
}

// tooMuch empties the lines that are longer, or nested deeper, than any of this file
// need be.
func tooMuch(lines []string) (problems []Problem) {
	var n nesting
	for i, line := range lines {
		err := textfile.CheckLine(line)
		if err == nil && n.line(line) > maxDepth {
			err = errors.New("left out: write key = value, without tables and lists")
		}
		if err != nil {
			n = nesting{}
			lines[i] = ""
			problems = append(problems, Problem{i + 1, err.Error()})
		}
	}
	return problems
}

// nesting counts brackets and dots outside of texts and remarks.
type nesting struct {
	open  int    // brackets
	quote string // that the text ends with which goes on in the next line
}

// line reads a line and returns how many brackets are open at most, or how many dots
// it has.
func (n *nesting) line(line string) (most int) {
	dots := 0
	most = n.open
	for rest := line; rest != ""; {
		if n.quote != "" {
			switch {
			case strings.HasPrefix(rest, n.quote):
				rest = rest[len(n.quote):]
				n.quote = ""
			case rest[0] == '\\' && n.quote[0] == '"':
				rest = rest[min(2, len(rest)):]
			default:
				rest = rest[1:]
			}
			continue
		}
		length := 1
		switch rest[0] {
		case '"', '\'':
			if n.quote = rest[:1]; strings.HasPrefix(rest, strings.Repeat(n.quote, 3)) {
				n.quote = rest[:3]
			}
			length = len(n.quote)
		case '#':
			length = len(rest)
		case '{', '[':
			n.open++
		case '}', ']':
			n.open = max(0, n.open-1)
		case '.':
			dots++
		}
		most = max(most, n.open, dots)
		rest = rest[length:]
	}
	if len(n.quote) == 1 {
		n.quote = "" // only a text in three quotes goes on
	}
	return most
}

// typed returns the value of a line as it was typed, without a remark.
func typed(lines []string, line int) string {
	if line < 1 || line > len(lines) {
		return ""
	}
	_, value, _ := strings.Cut(lines[line-1], "=")
	value = strings.TrimSpace(value)
	if value != "" && value[0] != '"' && value[0] != '\'' {
		value, _, _ = strings.Cut(value, "#")
		value = strings.TrimSpace(value)
	}
	return shorten(printable(value))
}

// shorten keeps a message short enough for a console.
func shorten(s string) string {
	const most = 40
	letters := []rune(s)
	if len(letters) <= most {
		return s
	}
	return string(letters[:most]) + "…"
}

// printable keeps a message on one line of a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}

// A setting is one key of the file.
type setting struct {
	key     string
	allowed string                  // in words
	set     func(*Config, any) bool // false when the value is not allowed
	get     func(Config) any        // to name the default
}

var settings = []setting{
	{"prompt", fmt.Sprintf("a text in quotes of at most %d bytes, without NUL", MaxPrompt),
		func(c *Config, v any) bool {
			s, ok := v.(string)
			return ok && len(s) <= MaxPrompt && !strings.Contains(s, "\x00") && store(&c.Prompt, s)
		}, func(c Config) any { return c.Prompt }},
	{"seed", "a whole number from 0 to 2147483647",
		func(c *Config, v any) bool {
			n, ok := v.(int64)
			return ok && n >= 0 && n <= math.MaxInt32 && store(&c.Seed, uint32(n))
		}, func(c Config) any { return c.Seed }},
	{"temperature", "a number, 0 or more",
		func(c *Config, v any) bool {
			f, ok := number(v)
			return ok && f >= 0 && f <= math.MaxFloat32 && store(&c.Temperature, f)
		}, func(c Config) any { return c.Temperature }},
	{"topp", "a number from 0 to 1",
		func(c *Config, v any) bool {
			f, ok := number(v)
			return ok && f >= 0 && f <= 1 && store(&c.TopP, f)
		}, func(c Config) any { return c.TopP }},
	{"steps", "a whole number from 0 to 65536",
		func(c *Config, v any) bool {
			n, ok := v.(int64)
			return ok && n >= 0 && n <= 65536 && store(&c.Steps, int(n))
		}, func(c Config) any { return c.Steps }},
	{"model", "the name of a model on the card in quotes, or \"\" for the card's own",
		func(c *Config, v any) bool {
			s, ok := v.(string)
			return ok && (s == "" || cardmodels.CheckName(s) == nil) && store(&c.Model, s)
		}, func(c Config) any { return c.Model }},
	{"engine", `"exact", "fast" or "plain"`,
		func(c *Config, v any) bool { return oneOf(&c.Engine, v, "exact", "fast", "plain") },
		func(c Config) any { return cmp.Or(c.Engine, "exact") }},
	{"arithmetic", `"riscv64-ofast" or "strict"`,
		func(c *Config, v any) bool { return oneOf(&c.Arithmetic, v, "riscv64-ofast", "strict") },
		func(c Config) any { return cmp.Or(c.Arithmetic, "riscv64-ofast") }},
	{"voice", `"kal16", "rms", "espeak" or "off"`,
		func(c *Config, v any) bool { return oneOf(&c.Voice, v, "kal16", "rms", "espeak", Silent) },
		func(c Config) any { return c.Voice }},
	factor("rate", 0.5, func(c *Config) *float64 { return &c.Rate }),
	factor("pitch", 0.5, func(c *Config) *float64 { return &c.Pitch }),
	factor("volume", 0, func(c *Config) *float64 { return &c.Volume }),
	{"run", `"story" or "suites"`,
		func(c *Config, v any) bool { return oneOf(&c.Run, v, RunStory, RunSuites) },
		func(c Config) any { return c.Run }},
	{"microphone", `"auto", "off" or a sound card's name in quotes`,
		func(c *Config, v any) bool {
			s, ok := v.(string)
			return ok && s != "" && len(s) <= 64 && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0 && store(&c.Microphone, s)
		}, func(c Config) any { return c.Microphone }},
	{"gain", "a whole number from 0 to 100",
		func(c *Config, v any) bool {
			n, ok := v.(int64)
			return ok && 0 <= n && n <= 100 && store(&c.Gain, int(n))
		}, func(c Config) any { return c.Gain }},
	{"button", `a GPIO line in quotes, as "gpiochip1/15", or ""`,
		func(c *Config, v any) bool {
			s, ok := v.(string)
			if ok && s != "" {
				_, _, err := panel.ParseLine(s)
				ok = err == nil
			}
			return ok && store(&c.Button, s)
		}, func(c Config) any { return c.Button }},
	{"avoid", `"on" or "off"`,
		func(c *Config, v any) bool { return oneOf(&c.Avoid, v, On, Off) },
		func(c Config) any { return c.Avoid }},
	{"bedtime", `"on" or "off"`,
		func(c *Config, v any) bool { return oneOf(&c.Bedtime, v, On, Off) },
		func(c Config) any { return c.Bedtime }},
	{"stories", fmt.Sprintf("a whole number from 0 to %d", MaxStories),
		func(c *Config, v any) bool {
			n, ok := v.(int64)
			return ok && 0 <= n && n <= MaxStories && store(&c.Stories, int(n))
		}, func(c Config) any { return c.Stories }},
	{"after", `"wait", "again" or "poweroff"`,
		func(c *Config, v any) bool { return oneOf(&c.After, v, AfterWait, AfterAgain, AfterPowerOff) },
		func(c Config) any { return c.After }},
	{"usb", `"device" or "host"`,
		func(c *Config, v any) bool { return oneOf(&c.USB, v, USBDevice, USBHost) },
		func(c Config) any { return c.USB }},
	{"speaker", `"usb" or "amplifier"`,
		func(c *Config, v any) bool { return oneOf(&c.Speaker, v, SpeakerUSB, SpeakerAmplifier) },
		func(c Config) any { return c.Speaker }},
}

// factor is a setting from lowest to 2 of the voice.
func factor(key string, lowest float64, of func(*Config) *float64) setting {
	return setting{key, fmt.Sprintf("a number from %g to 2", lowest),
		func(c *Config, v any) bool {
			f, ok := number(v)
			return ok && f >= lowest && f <= 2 && store(of(c), f)
		}, func(c Config) any { return *of(&c) }}
}

func store[T any](to *T, v T) bool {
	*to = v
	return true
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func oneOf(to *string, v any, allowed ...string) bool {
	s, ok := v.(string)
	return ok && slices.Contains(allowed, s) && store(to, s)
}

// wrongValue is a value that a key cannot have.
type wrongValue struct {
	setting setting
	value   any
}

func (w *wrongValue) Error() string { return w.describe(shorten(printable(fmt.Sprint(w.value)))) }

// describe says what is wrong with a value that was typed so.
func (w *wrongValue) describe(typed string) string {
	instead := fmt.Sprint(w.setting.get(Default()))
	if text, ok := w.setting.get(Default()).(string); ok {
		instead = strconv.Quote(text)
	}
	return fmt.Sprintf("%s = %s is not allowed: %s; give %s; using %s", w.setting.key, typed, w.reason(), w.setting.allowed, instead)
}

// reason compares the value's kind with the default's.
func (w *wrongValue) reason() string {
	_, wantsText := w.setting.get(Default()).(string)
	_, wantsFraction := w.setting.get(Default()).(float64)
	switch v := w.value.(type) {
	case string:
		if !wantsText {
			return "it is a text, in quotes"
		}
		return "it is none of these"
	case bool:
		return "it is true or false"
	case int64, float64:
		if wantsText {
			return "it is a number, not a text in quotes"
		}
		if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			return "it is no finite number"
		}
		if _, ok := v.(float64); ok && !wantsFraction {
			return "it has a decimal point or an exponent"
		}
		return "it is too large or too small"
	}
	return "it is a table, a list or a date"
}

// target decodes the value of one key into a Config.
type target struct {
	config  *Config
	setting setting
	wrong   *wrongValue // what was refused
}

// UnmarshalTOML implements toml.Unmarshaler.
func (t *target) UnmarshalTOML(v any) error {
	if t.setting.set == nil {
		known := make([]string, len(settings))
		for i, s := range settings {
			known[i] = s.key
		}
		return fmt.Errorf("unknown key %q left out; the keys are %s", shorten(t.setting.key), strings.Join(known, ", "))
	}
	if !t.setting.set(t.config, v) {
		t.wrong = &wrongValue{t.setting, v}
		return t.wrong
	}
	return nil
}
