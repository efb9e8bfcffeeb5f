package boot

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/sound"
	"duostoryteller/app/speech"
	"duostoryteller/app/voice"
	"duostoryteller/app/voice/child"
	"duostoryteller/imagebuilder/timeline"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/listen"
)

const (
	// byInstructions makes the machine's clock go by instructions, 2 ns (1<<1)
	// for each: a processor of 1 GHz that takes two cycles for each. While the
	// machine has nothing to do it goes by the PC's.
	byInstructions = "shift=1"
	// slowdown is by how much a story may be slower while a voice reads it aloud.
	slowdown = 0.15
)

// TestTimeline tells a story of the 15M model on a clock that goes by
// instructions, silently and with each voice. STORYTELLER_TIMELINE names the
// folder for the times of each, and the picture of the default voice's.
func TestTimeline(t *testing.T) {
	out := os.Getenv("STORYTELLER_TIMELINE")
	if out == "" {
		t.Skip("eight stories by a counted clock take a quarter of an hour: make timeline")
	}
	image := buildCard(t, golden.Data(t, "standin15M.bin"), golden.Data(t, "tokenizer.bin"))
	cases := typeable(t, golden.Data(t, "golden/standin15M.jsonl"), "standin15M.bin")
	c := cases[slices.IndexFunc(cases, func(c golden.Case) bool {
		return c.Prompt == "Once upon a time" && c.Temperature == 1 && c.TopP == 0.9 && c.Seed == 7
	})]
	text, err := hex.DecodeString(c.TextHex)
	if err != nil {
		t.Fatal(err)
	}
	told := strings.TrimRight(string(text), "\n")
	// tell has the story told, once so that all that can be in the memory is and once
	// more to be counted: in instructions from its beginning to its last word.
	tell := func(t *testing.T, voice string) (m *machine, cost executed, played func() *listen.Recording) {
		t.Helper()
		args, count := countInstructions(t)
		m, played = bootWithSound(t, changed(t, image, configured(configuration(c, c.Steps)+"voice = \""+voice+"\"\nmicrophone = \"off\"\n")),
			append(args, "-icount", byInstructions)...)
		m.waitFor(prompt)
		before, begun := m.counters(), count()
		m.send("tell -s %d -t %v -p %v -n %d %s", c.Seed, c.Temperature, c.TopP, c.Steps, c.Prompt)
		got := m.waitFor(`(?s)story starts, seed \d+  MemAvailable \d+ kB\n(.*?)\nachieved tok/s: ([\d.]+)\n`)
		cost = count().since(begun)
		if got := strings.TrimRight(got[1], "\n"); got != told {
			t.Errorf("%s: told %q", c, got)
		}
		after := m.counters()
		m.waitFor(prompt)
		t.Logf("%s: %.1f M instructions, %.1f M of them the kernel's; %s tokens a second of the clock, waiting for the card included; %d kB read from it (emulated, 2 ns an instruction)",
			voice, cost.all(), cost.kernel, got[2], after.readKB-before.readKB)
		return m, cost, played
	}
	silent := 0.0 // instructions
	t.Run("silent", func(t *testing.T) {
		m, cost, _ := tell(t, "off")
		silent = cost.all()
		m.powerOff()
	})
	for _, name := range []string{"kal16", "rms", "espeak"} {
		t.Run(name, func(t *testing.T) {
			m, cost, played := tell(t, name)
			m.send("cat /run/speech.json")
			times := m.waitFor(`(?s)\n(\{\n.*?\n\}\n)`)[1]
			m.waitFor(prompt)
			m.powerOff()
			if err := os.WriteFile(filepath.Join(out, name+".json"), []byte(times), 0o644); err != nil {
				t.Fatal(err)
			}
			r, err := timeline.Read(strings.NewReader(times))
			if err != nil {
				t.Fatal(err)
			}
			checkTimes(t, r)
			if first := regexp.MustCompile(`first sound [\d.]+ s after power-on`).FindString(m.Console()); first != "" {
				t.Logf("%s, the first story (emulated)", first)
			}
			if silent > 0 {
				// What the story takes more, it takes while it is read aloud.
				since := slices.IndexFunc(r.Tokens, func(at float64) bool { return at > r.Sentences[0].Asked })
				more, aloud := cost.all()-silent, float64(len(r.Tokens)-since)/float64(len(r.Tokens))*silent
				fewer := more / (aloud + more)
				t.Logf("%s: %.1f %% fewer tokens a second while it is read aloud, %.1f %% in the whole story (emulated count)",
					name, 100*fewer, 100*more/cost.all())
				if fewer > slowdown {
					t.Errorf("%.1f %% fewer tokens a second while it is read aloud; want at most %.0f %%", 100*fewer, 100*slowdown)
				}
			}
			recording := played()
			checkSound(t, recording, 2*r.Speech, 2*len(r.Sentences))
			words := listen.Words(told)
			if perWord := r.Speech / float64(len(words)); perWord < 0.22 || perWord > 0.5 {
				t.Errorf("%.1f s of speech for %d words; want 0.22 to 0.5 s a word", r.Speech, len(words))
			}
			t.Run("words", func(t *testing.T) { checkWords(t, name, recording, told) })
			if name != voice.Default {
				return
			}
			if first, third := r.Sentences[0], r.Sentences[2]; first.Played >= third.Complete {
				t.Errorf("the first sentence is heard from %.2f s on, when the third was there at %.2f s; want it heard before", first.Played, third.Complete)
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

// checkWords wants a recogniser to find, of a text that was played twice, nearly
// what it finds in the very samples that the voice makes of it.
func checkWords(t *testing.T, name string, played *listen.Recording, text string) {
	p := child.Programs()[slices.IndexFunc(child.Programs(), func(p child.Program) bool { return p.Voice == name })]
	if p.Voice == "espeak" {
		t.Skip("the recogniser was never taught such voices")
	}
	if missing := listen.Missing(); missing != "" {
		t.Skip("the words need " + missing)
	}
	program, err := p.BuildNative(t.Context(), "cc", t.TempDir())
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "voice.wav")
	w, err := sound.CreateWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	complain := func(line string) { t.Error(line) }
	v := voice.NewProcess(program, complain)
	defer v.Close()
	s := speech.Speaker{Voice: v, Params: voice.Normal(), Sink: w, Log: complain}
	s.Text(t.Context(), strings.NewReader(text))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	alone, err := listen.ReadWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	share := func(r *listen.Recording, text string) float64 {
		heard, err := r.Recognise(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return listen.Found(heard, listen.Words(text))
	}
	got, want := share(played, text+" "+text), share(alone, text)
	t.Logf("a recogniser finds %.0f %% of the words, %.0f %% in what the voice makes", 100*got, 100*want)
	if got < want-0.05 {
		t.Errorf("a recogniser finds %.0f %% of the words, %.0f %% in what the voice makes; want at most 5 points less", 100*got, 100*want)
	}
}

// checkTimes wants every sentence spoken, once and in order.
func checkTimes(t *testing.T, r *speech.Report) {
	t.Helper()
	if !r.Complete || len(r.Sentences) < 3 {
		text, _ := json.Marshal(r)
		t.Fatalf("the speech is not complete: %s", text)
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
