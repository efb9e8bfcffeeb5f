package config

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"
)

func TestParse(t *testing.T) {
	with := func(change func(*Config)) Config {
		c := Default()
		change(&c)
		return c
	}
	tests := []struct {
		name     string
		text     string
		want     Config
		problems []string // a part of each line
	}{
		{"empty", "", Default(), nil},
		{"comments", "# nothing\n\n#seed = 3\n", Default(), nil},
		{"all", "prompt = \"A cat\"\nseed = 7\ntemperature = 0\ntopp = 0.5\nsteps = 10\nengine = \"fast\"\narithmetic = \"strict\"\nrun = \"suites\"\nafter = \"again\"\nusb = \"host\"\nvoice = \"rms\"\nrate = 0.5\npitch = 2\nvolume = 0\nmicrophone = \"Headset\"\ngain = 20\nbutton = \"gpiochip1/15\"\n",
			Config{"A cat", 7, 0, 0.5, 10, "fast", "strict", RunSuites, AfterAgain, USBHost, "rms", 0.5, 2, 0, "Headset", 20, "gpiochip1/15"}, nil},
		{"bad hearing", "microphone = \"\"\nbutton = \"15\"\ngain = 101\n", Default(), []string{`line 1: microphone = "" is not allowed`, `line 2: button = "15" is not allowed: give a GPIO line`, `line 3: gain = "101" is not allowed: give a whole number`}},
		{"bad voices", "voice = \"choir\"\nrate = 0.4\npitch = nan\nvolume = 2.1\n", Default(),
			[]string{`line 1: voice = "choir"`, `line 2: rate = "0.4" is not allowed: give a number from 0.5 to 2; using 1`, "line 3: pitch", "line 4: volume"}},
		{"carriage returns", "seed = 7\r\nprompt = \"A cat\"\r\n", with(func(c *Config) { c.Seed = 7; c.Prompt = "A cat" }), nil},
		{"byte order mark", "\ufeffseed = 7\n", with(func(c *Config) { c.Seed = 7 }), nil},
		{"empty prompt", `prompt = ""`, with(func(c *Config) { c.Prompt = "" }), nil},
		{"bad values", "seed = -1\ntemperature = \"hot\"\nsteps = 5\ntopp = 1.5\nafter = \"dance\"\n", with(func(c *Config) { c.Steps = 5 }),
			[]string{`line 1: seed = "-1" is not allowed: give a whole number`, `line 2: temperature = "hot"`, `line 4: topp = "1.5"`, `line 5: after = "dance"`}},
		{"not finite", "temperature = nan\ntopp = inf\n", Default(), []string{"line 1", "line 2"}},
		{"unknown key", "sead = 4\nseed = 5\n", with(func(c *Config) { c.Seed = 5 }), []string{`line 1: unknown key "sead" left out; the keys are prompt`}},
		{"unknown table", "seed = 5\n[cake]\nsugar = 1\n", with(func(c *Config) { c.Seed = 5 }), []string{`line 2: unknown key "cake"`}},
		{"no quotes", "seed = 5\nprompt = Once upon a time\nsteps = 9\n", with(func(c *Config) { c.Seed = 5; c.Steps = 9 }), []string{"line 2: not understood"}},
		{"curly quotes", "prompt = “A cat”\nsteps = 9\n", with(func(c *Config) { c.Steps = 9 }), []string{"line 1: not understood"}},
		{"key twice", "seed = 5\nseed = 6\n", with(func(c *Config) { c.Seed = 5 }), []string{"line 2: not understood"}},
		{"no TOML", "PK\x03\x04 this\nis\nnot\n", Default(), []string{"not a TOML file"}},
		{"prose", strings.Repeat("Tell me a story, please.\n", 20), Default(), []string{"not a TOML file"}},
		{"prompt with NUL", `prompt = "a\u0000b"`, Default(), []string{"line 1: prompt"}},
		{"long prompt", `prompt = "` + strings.Repeat("x", MaxPrompt+1) + `"`, Default(), []string{"line 1: prompt"}},
		{"huge", strings.Repeat("#", MaxSize+1), Default(), []string{"larger than"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, problems := Parse([]byte(tt.text))
			if got != tt.want {
				t.Errorf("Parse() = %+v; want %+v", got, tt.want)
			}
			if len(problems) != len(tt.problems) {
				t.Fatalf("Parse() problems = %q; want %d", problems, len(tt.problems))
			}
			for i, p := range problems {
				if s := p.String(); !strings.Contains(s, tt.problems[i]) || strings.ContainsAny(s, "\r\n") {
					t.Errorf("problem %d = %q; want one line with %q", i, s, tt.problems[i])
				}
			}
		})
	}
}

func TestParseUTF16(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		var data []byte
		for _, unit := range utf16.Encode([]rune("\ufeffprompt = \"Žofie 🐈\"\r\n")) {
			data = order.AppendUint16(data, unit)
		}
		c, problems := Parse(data)
		if c.Prompt != "Žofie 🐈" || len(problems) != 0 {
			t.Errorf("%v: Parse() = %q, %v; want the prompt, no problem", order, c.Prompt, problems)
		}
	}
}

// TestTemplate keeps the file that goes on the card and the code together: each
// line commented out in it is a key with its default.
func TestTemplate(t *testing.T) {
	template, err := os.ReadFile("../../overlay/boot/storyteller.toml")
	if err != nil {
		t.Fatal(err)
	}
	if c, problems := Parse(template); c != Default() || len(problems) != 0 {
		t.Errorf("as delivered: Parse() = %+v, %v; want the defaults", c, problems)
	}
	key := regexp.MustCompile(`(?m)^#([a-z]+ =)`)
	if got := len(key.FindAll(template, -1)); got != len(settings) {
		t.Errorf("%d keys documented; want %d", got, len(settings))
	}
	want := Default()
	want.Engine, want.Arithmetic = "exact", "riscv64-ofast"
	if c, problems := Parse(key.ReplaceAll(template, []byte("$1"))); c != want || len(problems) != 0 {
		t.Errorf("with every key in use: Parse() = %+v, %v; want %+v", c, problems, want)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "storyteller.toml")
	for _, p := range []string{path, dir} {
		if c, problems := Load(p); c != Default() || len(problems) != 1 {
			t.Errorf("Load(%s) = %+v, %v; want the defaults and one problem", p, c, problems)
		}
	}
	if err := os.WriteFile(path, []byte("seed = 9\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if c, problems := Load(path); c.Seed != 9 || len(problems) != 0 {
		t.Errorf("Load() = %+v, %v; want seed 9", c, problems)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("seed = 7\nprompt = \"A cat\"\n"))
	f.Add([]byte("\xff\xfes\x00"))
	f.Add([]byte("prompt = \"\"\"\nlong\n\"\"\"\n[a.b]\nc=1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, problems := Parse(data)
		for _, p := range problems {
			if s := p.String(); strings.ContainsAny(s, "\r\n\x00\x1b") {
				t.Errorf("problem %q is not one plain line", s)
			}
		}
		if c.Temperature < 0 || c.TopP < 0 || c.TopP > 1 || c.Steps < 0 || strings.Contains(c.Prompt, "\x00") || c.After == "" {
			t.Errorf("Parse() = %+v: out of bounds", c)
		}
	})
}
