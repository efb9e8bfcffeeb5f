package boot

import (
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"duostoryteller/tests/golden"
	"duostoryteller/tests/listen"
)

const (
	usbHost   = "qemu-xhci,id=usb"
	soundCard = "usb-audio,bus=usb.0,audiodev=speaker,id=sound"
)

// bootWithSound boots a card in a machine with a USB sound card that plays into
// a file on the host, with these arguments for QEMU added. played returns what
// it played so far. The machine's clock goes by instructions (QEMU's icount), the
// sound card's, too: on a busy PC the sound takes longer, and is the same.
func bootWithSound(t *testing.T, image string, args ...string) (m *machine, played func() *listen.Recording) {
	t.Helper()
	return bootSilent(t, image, append(args, "-device", usbHost, "-device", soundCard)...)
}

// bootSilent is the same without the sound card: it can be plugged in.
func bootSilent(t *testing.T, image string, args ...string) (m *machine, played func() *listen.Recording) {
	t.Helper()
	o := machineFor(t, image)
	path := filepath.Join(t.TempDir(), "speaker.wav")
	o.Args = append(append(o.Args, "-audiodev", "wav,id=speaker,path="+path), args...)
	if !slices.Contains(args, "-icount") {
		o.Args = append(o.Args, "-icount", "shift=0,sleep=off")
	}
	m = start(t, patience, o)
	return m, func() *listen.Recording {
		t.Helper()
		r, err := listen.ReadWAV(path)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// monitor has QEMU plug or unplug something.
func (m *machine) monitor(command string) {
	m.t.Helper()
	if answer, err := m.Monitor(m.ctx, command); err != nil || answer != "" {
		m.t.Fatalf("%s: %s %v", command, answer, err)
	}
}

// hears waits until the sound card has played so much more sound.
func (m *machine) hears(played func() *listen.Recording, more time.Duration) {
	m.t.Helper()
	sounding := func() time.Duration {
		r, samples := played(), 0
		for _, s := range r.Sounds(400 * time.Millisecond) {
			samples += s.End - s.Begin
		}
		return r.At(samples)
	}
	ctx, cancel := context.WithTimeout(m.ctx, 2*silence)
	defer cancel()
	for before := sounding(); sounding() < before+more; time.Sleep(200 * time.Millisecond) {
		if ctx.Err() != nil {
			m.t.Fatalf("no %v of sound come from the sound card", more)
		}
	}
}

// spoken reads the line that sums the speech up: its length and sentences.
func (m *machine) spoken(console string) (seconds float64, sentences int) {
	m.t.Helper()
	got := regexp.MustCompile(`speech: ([\d.]+) s in (\d+) sentences, computed in .*\n`).FindStringSubmatch(console)
	if got == nil {
		m.t.Fatal("no line about the speech")
	}
	m.t.Log(strings.TrimSpace(got[0]), "(emulated)")
	seconds, _ = strconv.ParseFloat(got[1], 64)
	sentences, _ = strconv.Atoi(got[2])
	return seconds, sentences
}

// checkShare wants a recogniser to find at least that share of the text's words.
func checkShare(t *testing.T, m *machine, r *listen.Recording, text []byte, least float64) {
	t.Helper()
	if missing := listen.Missing(); missing != "" {
		t.Skip("the words need " + missing)
	}
	heard, err := r.Recognise(m.ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	share := listen.Found(heard, listen.Words(string(text)))
	t.Logf("a recogniser finds %.0f %% of the words", 100*share)
	if share < least {
		t.Errorf("a recogniser finds %.0f %% of the words; want %.0f %%: %q", 100*share, 100*least, heard)
	}
}

// checkSound wants the speech whole: as much sound as was made, not clipped, with
// no more long silences than there are sentences. How long the silences between
// the sentences are depends on the emulator's speed, so that is not asked.
func checkSound(t *testing.T, r *listen.Recording, seconds float64, sentences int) {
	t.Helper()
	spans := r.Sounds(400 * time.Millisecond)
	sounding := 0
	for _, s := range spans {
		sounding += s.End - s.Begin
	}
	length := r.At(sounding).Seconds()
	t.Logf("%.1f s of sound in %d parts, peak %d", length, len(spans), r.Peak())
	if length < 0.7*seconds || length > 1.2*seconds {
		t.Errorf("%.1f s of sound; want the speech's %.1f", length, seconds)
	}
	if len(spans) > sentences {
		t.Errorf("%d parts with 400 ms of silence between them; want at most the %d sentences", len(spans), sentences)
	}
	if peak := r.Peak(); peak < 3000 || r.Clipped() > 0 {
		t.Errorf("peak %d, %d samples clipped; want it loud and none clipped", peak, r.Clipped())
	}
}

// TestSound has a machine with a USB sound card read stories aloud, and pulls
// the card out and kills the voice meanwhile.
func TestSound(t *testing.T) {
	t.Parallel()
	image := buildCard(t, golden.Data(t, "stories260K.bin"), golden.Data(t, "stories260K_tok512.bin"))
	cases := typeable(t, golden.Data(t, "golden/stories260K.jsonl"), "stories260K.bin")
	c := cases[slices.IndexFunc(cases, func(c golden.Case) bool {
		return c.Prompt == "Once upon a time" && c.Temperature == 1 && c.TopP == 0.9 && c.Steps == 256
	})]

	t.Run("reads the story aloud", func(t *testing.T) {
		m, played := bootWithSound(t, changed(t, image, configured(configuration(c, c.Steps)+"after = \"poweroff\"\n")))
		text := m.story()
		if !c.Right(text) {
			t.Errorf("%s: told %q", c, text)
		}
		seconds, sentences := m.spoken(m.Console())
		m.waitFor(`init: \d+ ms  switching off`)
		m.ended()
		r := played()
		checkSound(t, r, seconds, sentences)
		checkShare(t, m, r, text, 0.74)
	})

	t.Run("has no sound card at first", func(t *testing.T) {
		m, played := bootSilent(t, changed(t, image, configured(configuration(c, c.Steps))), "-device", usbHost)
		if text := m.story(); !c.Right(text) {
			t.Errorf("%s: told %q", c, text)
		}
		m.waitFor(prompt)
		for _, line := range []string{
			`storyteller: sound: no sound card; the story goes on, its sound when a card is plugged in\n`,
			`storyteller: speech: (\d+) of (\d+) sentences were not heard: no sound card\n`,
		} {
			if got := regexp.MustCompile(line).FindAllStringSubmatch(m.Console(), -1); len(got) != 1 || len(got[0]) == 3 && got[0][1] != got[0][2] {
				t.Errorf("%d times %s in %q; want it once, of all sentences", len(got), line, got)
			}
		}
		m.monitor("device_add " + soundCard)
		for cards := ""; !strings.Contains(cards, "USB-Audio"); { // until the kernel has it
			cards = m.show("cat /proc/asound/cards", `(?s)cat /proc/asound/cards\n(.*?)storyteller> $`)[1]
		}
		m.send("tell -s %d -t 0 -n 30 Once upon a time", c.Seed)
		seconds, sentences := m.spoken(m.waitFor(`speech: [^\n]*\n`)[0])
		m.waitFor(prompt)
		checkSound(t, played(), seconds, sentences)
		m.powerOff()
	})

	t.Run("survives its voice and its sound card", func(t *testing.T) {
		m, played := bootWithSound(t, changed(t, image, configured("steps = 1\nvoice = \"kal16\"\n")))
		m.waitFor(prompt)
		tell := "tell -s " + strconv.Itoa(int(c.Seed)) + " -t 1 -p 0.9 -n 256 " + c.Prompt

		m.send("%s", tell)
		m.hears(played, 2*time.Second)
		pid := m.show("memory", `\n *(\d+) [^\n]* voice-kal16`)[1]
		m.send("kill %s", pid)
		m.waitFor(`storyteller: voice: it ended \(signal: killed\); started again\n`)
		seconds, sentences := m.spoken(m.waitFor(`speech: [^\n]*\n`)[0])
		m.waitFor(prompt)
		checkSound(t, played(), seconds, sentences+1) // the first word of all was one

		m.send("%s", tell)
		m.hears(played, 2*time.Second)
		m.monitor("device_del sound")
		m.waitFor(`storyteller: sound: sound card \d+ \([^)]*\): unplugged; the story goes on`)
		m.monitor("device_add " + soundCard)
		m.waitFor(`storyteller: sound: speaking on sound card`)
		if again, _ := m.spoken(m.waitFor(`speech: [^\n]*\n`)[0]); again != seconds {
			t.Errorf("%.1f s of speech; want %.1f s as without a break", again, seconds)
		}
		m.waitFor(prompt)
		m.powerOff()
	})
}
