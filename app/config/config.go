// Package config reads storyteller.toml, the file on the card's FAT partition
// that any PC can edit. Every key is optional. A key that is wrong never stops
// the story: it is reported as a Problem and its default is used.
package config

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"duostoryteller/app/panel"

	"github.com/BurntSushi/toml"
)

// MaxSize is the largest configuration file that is read, in bytes.
const MaxSize = 64 << 10

// MaxPrompt is the longest prompt, in bytes.
const MaxPrompt = 4 << 10

// What happens when a story has ended.
const (
	AfterWait     = "wait"     // wait at the console for the next prompt
	AfterAgain    = "again"    // tell another story
	AfterPowerOff = "poweroff" // switch the machine off
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

// Config is what storyteller.toml says. The sampling values mean what the
// options of llama2.c's run.c mean.
type Config struct {
	Prompt      string  // start of the story
	Seed        uint32  // of the random numbers; 0: a new one for every story
	Temperature float64 // 0 is greedy
	TopP        float64 // nucleus, 0 to 1
	Steps       int     // tokens to tell at most; 0: as many as the model can
	Engine      string  // "exact", "fast" or "plain"; empty: the storyteller's own default
	Arithmetic  string  // "riscv64-ofast" or "strict"; empty: the storyteller's own default
	Run         string  // RunStory or RunSuites
	After       string  // AfterWait, AfterAgain or AfterPowerOff
	USB         string  // USBDevice or USBHost
	Voice       string  // that reads the story aloud: "kal16", "rms", "espeak" or Silent
	Rate        float64 // of the voice; 1 is its own, as for the next two
	Pitch       float64
	Volume      float64
	Microphone  string // name of the sound card to listen on; Automatic for the first one, or Silent
	Gain        int    // of the microphone in percent of what the sound card can
	Button      string // GPIO line of a push-button, as in "gpiochip0/15"; empty: none
}

// Default returns the configuration of an empty file.
func Default() Config {
	return Config{Prompt: "Once upon a time", Temperature: 1, TopP: 0.9, Steps: 256, Run: RunStory, After: AfterWait, USB: USBDevice,
		Voice: "kal16", Rate: 1, Pitch: 1, Volume: 1, Microphone: Automatic, Gain: 60}
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
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Default(), []Problem{{Message: "no such file; using the defaults"}}
	}
	if err != nil {
		return Default(), []Problem{{Message: fmt.Sprintf("cannot be read (%v); using the defaults", err)}}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return Default(), []Problem{{Message: fmt.Sprintf("cannot be read (%v); using the defaults", err)}}
	}
	return Parse(data)
}

// Parse reads the contents of a configuration file. It tolerates what Windows
// editors add: carriage returns, byte order marks, UTF-16.
func Parse(data []byte) (Config, []Problem) {
	if len(data) > MaxSize {
		return Default(), []Problem{{Message: fmt.Sprintf("larger than %d KB; using the defaults", MaxSize>>10)}}
	}
	keys, meta, problems := decode(plainText(data))
	if keys == nil {
		return Default(), problems
	}
	c := Default()
	for name, primitive := range keys {
		s := setting{key: name}
		if i := slices.IndexFunc(settings, func(s setting) bool { return s.key == name }); i >= 0 {
			s = settings[i]
		}
		if err := meta.PrimitiveDecode(primitive, &target{&c, s}); err != nil {
			// The library wraps our error in one that knows the line.
			p := Problem{Message: err.Error()}
			if parseErr, ok := errors.AsType[toml.ParseError](err); ok {
				p = Problem{Line: parseErr.Position.Line, Message: parseErr.Message}
			}
			problems = append(problems, p)
		}
	}
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Message, b.Message))
	})
	return c, problems
}

// maxBadLines is how many lines that are no TOML are skipped before the whole
// file is given up.
const maxBadLines = 5

// decode parses text line-tolerantly: a line that is no TOML (a prompt without
// quotes is the usual one) is reported and left out, so that the other keys
// still count. It returns nil keys for a file that is no TOML at all.
func decode(text string) (map[string]toml.Primitive, toml.MetaData, []Problem) {
	lines := strings.Split(text, "\n")
	var problems []Problem
	for {
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
		if !ok || line < 1 || line > len(lines) || lines[line-1] == "" || len(problems) == maxBadLines {
			break
		}
		lines[line-1] = ""
		problems = append(problems, Problem{line, fmt.Sprintf("not understood (%s); write key = value, texts in \"quotes\"; line left out",
			printable(parseErr.Message))})
	}
	return nil, toml.MetaData{}, []Problem{{Message: "not a TOML file; write one key = value a line; using the defaults"}}
}

// plainText returns data as UTF-8 without a byte order mark.
func plainText(data []byte) string {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return strings.TrimPrefix(string(data), "\ufeff")
	}
	units := make([]uint16, 0, len(data)/2)
	for rest := data[2:]; len(rest) >= 2; rest = rest[2:] {
		units = append(units, order.Uint16(rest))
	}
	return string(utf16.Decode(units))
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
	{"button", `a GPIO line in quotes, as "gpiochip0/15", or ""`,
		func(c *Config, v any) bool {
			s, ok := v.(string)
			if ok && s != "" {
				_, _, err := panel.ParseLine(s)
				ok = err == nil
			}
			return ok && store(&c.Button, s)
		}, func(c Config) any { return c.Button }},
	{"after", `"wait", "again" or "poweroff"`,
		func(c *Config, v any) bool { return oneOf(&c.After, v, AfterWait, AfterAgain, AfterPowerOff) },
		func(c Config) any { return c.After }},
	{"usb", `"device" or "host"`,
		func(c *Config, v any) bool { return oneOf(&c.USB, v, USBDevice, USBHost) },
		func(c Config) any { return c.USB }},
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

// target decodes the value of one key into a Config.
type target struct {
	config  *Config
	setting setting
}

// UnmarshalTOML implements toml.Unmarshaler.
func (t *target) UnmarshalTOML(v any) error {
	if t.setting.set == nil {
		known := make([]string, len(settings))
		for i, s := range settings {
			known[i] = s.key
		}
		return fmt.Errorf("unknown key %.40q left out; the keys are %s", t.setting.key, strings.Join(known, ", "))
	}
	if !t.setting.set(t.config, v) {
		return fmt.Errorf("%s = %.40q is not allowed: give %s; using %#v", t.setting.key, fmt.Sprint(v), t.setting.allowed, t.setting.get(Default()))
	}
	return nil
}
