package boot

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"duostoryteller/app/speech"
	"duostoryteller/imagebuilder/timeline"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/listen"
)

const (
	// slowdown is by how much a story may be slower while it is read aloud.
	slowdown = 0.15
	// byInstructions makes the machine's clock go by instructions, 2 ns (1<<1)
	// for each: a processor of 1 GHz that takes two cycles for each. While the
	// machine has nothing to do it goes by the PC's.
	byInstructions = "shift=1"
)

// TestTimeline tells a story of the 15M model on a clock that goes by
// instructions, silently and with each voice. STORYTELLER_TIMELINE names the
// folder for the times of each, and the picture of the default voice's.
func TestTimeline(t *testing.T) {
	out := os.Getenv("STORYTELLER_TIMELINE")
	if out == "" {
		t.Skip("four stories by a counted clock take half an hour: make timeline")
	}
	image := buildCard(t, golden.Data(t, "standin15M.bin"), golden.Data(t, "tokenizer.bin"))
	cases := typeable(t, golden.Data(t, "golden/standin15M.jsonl"), "standin15M.bin")
	c := cases[slices.IndexFunc(cases, func(c golden.Case) bool {
		return c.Prompt == "Once upon a time" && c.Temperature == 1 && c.TopP == 0.9 && c.Seed == 7
	})]
	steps, err := strconv.Atoi(cmp.Or(os.Getenv("STORYTELLER_TIMELINE_STEPS"), strconv.Itoa(c.Steps)))
	if err != nil {
		t.Fatal(err)
	}
	silent := 0.0 // seconds a token
	// tell has the story told once the model is in memory, and returns what it was.
	tell := func(t *testing.T, voice string) (m *machine, text string, token float64, played func() *listen.Recording) {
		t.Helper()
		m, played = bootWithSound(t, changed(t, image, configured("prompt = \"Once\"\nsteps = 1\nvoice = \""+voice+"\"\n")), "-icount", byInstructions)
		m.waitFor(prompt)
		m.send("tell -s %d -t %v -p %v -n %d %s", c.Seed, c.Temperature, c.TopP, steps, c.Prompt)
		got := m.waitFor(`(?s)story starts, seed \d+  MemAvailable \d+ kB\n(.*?)\nachieved tok/s: ([\d.]+)\n`)
		want, _ := hex.DecodeString(c.TextHex)
		if text = withoutQEMU(got[1]); !strings.HasPrefix(string(want), text) || steps == c.Steps && text != string(want) {
			t.Errorf("%s: told %q", c, text)
		}
		perSecond, err := strconv.ParseFloat(got[2], 64)
		if err != nil || perSecond <= 0 {
			t.Fatalf("%q tokens a second", got[2])
		}
		m.waitFor(prompt)
		return m, text, 1 / perSecond, played
	}
	t.Run("silent", func(t *testing.T) {
		m, _, token, _ := tell(t, "off")
		silent = token
		t.Logf("silent: %.2f ms a token (emulated, 2 ns an instruction)", 1000*token)
		m.powerOff()
	})
	for _, voice := range []string{"kal16", "rms", "espeak"} {
		t.Run(voice, func(t *testing.T) {
			m, text, token, played := tell(t, voice)
			m.send("cat /run/speech.json")
			times := withoutQEMU(m.waitFor(`(?s)\n(\{\n.*?\n\}\n)`)[1])
			m.waitFor(prompt)
			m.powerOff()
			if err := os.WriteFile(filepath.Join(out, voice+".json"), []byte(times), 0o644); err != nil {
				t.Fatal(err)
			}
			r, err := timeline.Read(strings.NewReader(times))
			if err != nil {
				t.Fatal(err)
			}
			checkTimes(t, r)
			if first := regexp.MustCompile(`first sound [\d.]+ s after power-on`).FindString(m.Console()); first != "" {
				t.Logf("%s, a story of one word (emulated)", first)
			}
			tokens := len(r.Tokens)
			if silent > 0 {
				// All that the story became longer by, it did while it was read aloud.
				longer := float64(tokens) * (token - silent)
				aloud := r.Tokens[tokens-1] - r.Sentences[0].Asked
				fewer := longer / aloud
				t.Logf("%s: %.2f ms a token; %.1f %% fewer tokens a second while it is read aloud, %.1f %% in the whole story (emulated, 2 ns an instruction)",
					voice, 1000*token, 100*fewer, 100*(1-silent/token))
				if fewer > slowdown {
					t.Errorf("%.1f %% fewer tokens a second while it is read aloud; want at most %.0f %%", 100*fewer, 100*slowdown)
				}
			}
			recording := played()
			checkSound(t, recording, r.Speech, len(r.Sentences)+1) // the first word of all was one
			words := listen.Words(text)
			if perWord := r.Speech / float64(len(words)); perWord < 0.22 || perWord > 0.5 {
				t.Errorf("%.1f s of speech for %d words; want 0.22 to 0.5 s a word", r.Speech, len(words))
			}
			if listen.Missing() == "" && voice != "espeak" {
				heard, err := recording.Recognise(m.ctx, t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				share, want := listen.Found(heard, words), map[string]float64{"kal16": 0.74, "rms": 0.89}[voice]
				t.Logf("a recogniser finds %.0f %% of the words", 100*share)
				if share < want {
					t.Errorf("a recogniser finds %.0f %% of the words; want %.0f %%", 100*share, 100*want)
				}
			}
			if voice != "kal16" {
				return
			}
			f, err := os.Create(filepath.Join(out, "timeline.svg"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := timeline.Draw(f, "A story of the 15M model, told and read aloud (kal16), by a clock of 2 ns an instruction (emulated)", r); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// withoutQEMU leaves out what QEMU itself says about its sound.
func withoutQEMU(console string) string {
	return regexp.MustCompile(`Resetting rate control \(\d+ frames\)\n`).ReplaceAllString(console, "")
}

// checkTimes wants every sentence spoken, once and in order, and speech to begin
// before the third is written.
func checkTimes(t *testing.T, r *speech.Report) {
	t.Helper()
	if !r.Complete || len(r.Sentences) < 3 {
		text, _ := json.Marshal(r)
		t.Fatalf("the speech is not complete: %s", text)
	}
	if first, third := r.Sentences[0], r.Sentences[2]; first.Played >= third.Complete {
		t.Errorf("the first sentence is heard from %.2f s on, when the third was there at %.2f s; want it heard before", first.Played, third.Complete)
	}
	ends := 0.0
	for i, s := range r.Sentences {
		if s.Complete > s.Asked || s.Asked > s.First || s.First > s.Played || s.Played < ends-0.3 {
			t.Errorf("sentence %d: %+v; want it complete, asked for, spoken and heard in this order, and after the one before, heard until %.2f s", i+1, s, ends)
		}
		ends = s.Played + s.Speech
	}
	t.Logf("first sample %.0f ms after the first sentence, heard after %.0f ms, %.2f s before the third was there (emulated)",
		1000*r.First, 1000*(r.Sentences[0].Played-r.Sentences[0].Complete), r.Sentences[2].Complete-r.Sentences[0].Played)
}
