package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/textfile"
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
		{"all", "prompt = \"A cat\"\nseed = 7\ntemperature = 0\ntopp = 0.5\nsteps = 10\nmodel = \"stories260K\"\nengine = \"fast\"\narithmetic = \"strict\"\nrun = \"suites\"\nafter = \"again\"\nusb = \"host\"\nspeaker = \"amplifier\"\nvoice = \"rms\"\nrate = 0.5\npitch = 2\nvolume = 0\nmicrophone = \"Headset\"\ngain = 20\nbutton = \"gpiochip1/15\"\navoid = \"off\"\nbedtime = \"on\"\nstories = 0\n",
			Config{"A cat", 7, 0, 0.5, 10, "stories260K", "fast", "strict", RunSuites, AfterAgain, USBHost, SpeakerAmplifier, "rms", 0.5, 2, 0, "Headset", 20, "gpiochip1/15", Off, On, 0}, nil},
		{"bad hearing", "microphone = \"\"\nbutton = \"15\"\ngain = 101\n", Default(), []string{`line 1: microphone = "" is not allowed`, `line 2: button = "15" is not allowed: it is none of these; give a GPIO line`, `line 3: gain = 101 is not allowed: it is too large or too small; give a whole number`}},
		{"bad model", "model = \"../model\"\n", Default(), []string{`line 1: model = "../model" is not allowed`}},
		{"bad voices", "voice = \"choir\"\nrate = 0.4\npitch = nan\nvolume = 2.1\n", Default(),
			[]string{`line 1: voice = "choir"`, `line 2: rate = 0.4 is not allowed: it is too large or too small; give a number from 0.5 to 2; using 1`, "line 3: pitch", "line 4: volume"}},
		{"carriage returns", "seed = 7\r\nprompt = \"A cat\"\r\n", with(func(c *Config) { c.Seed = 7; c.Prompt = "A cat" }), nil},
		{"byte order mark", "\ufeffseed = 7\n", with(func(c *Config) { c.Seed = 7 }), nil},
		{"empty prompt", `prompt = ""`, with(func(c *Config) { c.Prompt = "" }), nil},
		{"bad values", "seed = -1\ntemperature = \"hot\"\nsteps = 5\ntopp = 1.5\nafter = \"dance\"\n", with(func(c *Config) { c.Steps = 5 }),
			[]string{`line 1: seed = -1 is not allowed: it is too large or too small; give a whole number`, `line 2: temperature = "hot"`, `line 4: topp = 1.5`, `line 5: after = "dance"`}},
		{"not finite", "temperature = nan\ntopp = inf\n", Default(), []string{"line 1", "line 2"}},
		{"unknown key", "sead = 4\nseed = 5\n", with(func(c *Config) { c.Seed = 5 }), []string{`line 1: unknown key "sead" left out; the keys are prompt`}},
		{"unknown table", "seed = 5\n[cake]\nsugar = 1\n", with(func(c *Config) { c.Seed = 5 }), []string{`line 2: unknown key "cake"`}},
		{"no quotes", "seed = 5\nprompt = Once upon a time\nsteps = 9\n", with(func(c *Config) { c.Seed = 5; c.Steps = 9 }), []string{"line 2: not understood"}},
		{"curly quotes", "prompt = “A cat”\nsteps = 9\n", with(func(c *Config) { c.Steps = 9 }), []string{"line 1: not understood"}},
		{"key twice", "seed = 5\nseed = 6\n", with(func(c *Config) { c.Seed = 5 }), []string{"line 2: not understood"}},
		{"no TOML", "PK\x03\x04 this\nis\nnot\n", Default(), []string{"line 1", "line 2", "line 3", "not a TOML file"}},
		{"prose", strings.Repeat("Tell me a story, please.\n", 20), Default(), []string{"line 1", "line 2", "line 3", "line 4", "line 5", "not a TOML file"}},
		{"prompt with NUL", `prompt = "a\u0000b"`, Default(), []string{"line 1: prompt"}},
		{"long prompt", `prompt = "` + strings.Repeat("x", MaxPrompt+1) + `"`, Default(), []string{"line 1: prompt"}},
		{"a fraction", "seed = 1.5\n", Default(), []string{"line 1: seed = 1.5 is not allowed: it has a decimal point or an exponent; give a whole number from 0 to 2147483647; using 0"}},
		{"as typed", "steps = 100.0 # many\nseed = \"7\"\nprompt = 5\nafter = true\ngain = 2_000\ntopp = {a = 1}\n", Default(), []string{
			`line 1: steps = 100.0 is not allowed: it has a decimal point or an exponent; give`, `line 2: seed = "7" is not allowed: it is a text, in quotes; give a whole number`,
			`line 3: prompt = 5 is not allowed: it is a number, not a text in quotes; give`, `line 4: after = true is not allowed: it is true or false`,
			`line 5: gain = 2_000 is not allowed: it is too large or too small`, `line 6: topp = {a = 1} is not allowed: it is a table`}},
		{"every line wrong", "prompt = a\nseed is 7\n", Default(), []string{"line 1: not understood", "line 2: not understood", "not a TOML file"}},
		{"5,000 unknown keys", many(5000), Default(), append(slices.Repeat([]string{"unknown key"}, textfile.MaxProblems), "and 4990 more")},
		{"deep", "seed = 7\na = " + strings.Repeat("{a=", 2000) + "\nsteps = 9\n", with(func(c *Config) { c.Seed = 7; c.Steps = 9 }), []string{"line 2: left out: write key = value"}},
		{"many deep lines", strings.Repeat("a = "+strings.Repeat("{a=", 2000)+"\n", 8), Default(), append(slices.Repeat([]string{"left out"}, 8), "not a TOML file")},
		{"deep over lines", "seed = 7\na = " + strings.Repeat("[\n", 30) + "\n", Default(), []string{"left out", "not a TOML file"}},
		{"dots", "a" + strings.Repeat(".a", 2000) + " = 1\nseed = 7\n", with(func(c *Config) { c.Seed = 7 }), []string{"line 1: left out"}},
		{"a long line", "seed = 7\n#" + strings.Repeat("x", textfile.MaxLine) + "\n", with(func(c *Config) { c.Seed = 7 }), []string{"line 2: left out: it is longer"}},
		{"brackets and dots in a prompt", "prompt = \"[[[[[[[[[[[[[[[[[[[[ .................... \\\" [[[[\" # {{{{{{{{{{{{{{{{{{{{\nseed = 7\n",
			with(func(c *Config) { c.Prompt = "[[[[[[[[[[[[[[[[[[[[ .................... \" [[[["; c.Seed = 7 }), nil},
		{"a prompt over lines", "prompt = \"\"\"\nWait" + strings.Repeat(".", 30) + "\nshe said\"\"\"\nseed = 7\n",
			with(func(c *Config) { c.Prompt = "Wait" + strings.Repeat(".", 30) + "\nshe said"; c.Seed = 7 }), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, problems := parse(t, []byte(tt.text))
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

// parse parses what a file has.
func parse(t testing.TB, data []byte) (Config, []Problem) {
	t.Helper()
	text, err := textfile.Decode(data)
	if err != nil {
		t.Skip(err)
	}
	return Parse(text)
}

// many is so many keys that nobody knows.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "key%d = 1\n", i)
	}
	return b.String()
}

// TestTemplate keeps the file that goes on the card and the code together: each
// line commented out in it is a key with its default.
func TestTemplate(t *testing.T) {
	template, err := os.ReadFile("../../overlay/boot/storyteller.toml")
	if err != nil {
		t.Fatal(err)
	}
	if c, problems := Parse(string(template)); c != Default() || len(problems) != 0 {
		t.Errorf("as delivered: Parse() = %+v, %v; want the defaults", c, problems)
	}
	key := regexp.MustCompile(`(?m)^#([a-z]+ =)`)
	if got := len(key.FindAll(template, -1)); got != len(settings) {
		t.Errorf("%d keys documented; want %d", got, len(settings))
	}
	want := Default()
	want.Engine, want.Arithmetic = "exact", "riscv64-ofast"
	if c, problems := Parse(string(key.ReplaceAll(template, []byte("$1")))); c != want || len(problems) != 0 {
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
	if err := os.WriteFile(path, []byte(strings.Repeat("#", textfile.MaxSize+1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if c, problems := Load(path); c != Default() || len(problems) != 1 || !strings.Contains(problems[0].Message, "larger than 64 KB") {
		t.Errorf("Load() of a large file = %+v, %v; want the defaults and one problem", c, problems)
	}
	if err := os.WriteFile(path, []byte("\xff\xfes\x00=\x00\r\x00\n\x00"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, problems := Load(path); len(problems) == 0 || problems[0].Line != 1 {
		t.Errorf("Load() of UTF-16 that says nothing: %v; want a problem in line 1", problems)
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
		c, problems := parse(t, data)
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
