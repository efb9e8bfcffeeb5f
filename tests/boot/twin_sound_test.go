package boot

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"duostoryteller/app/sound"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/listen"
)

const (
	// microphonePad is what is said to the emulated Duo, a file.
	microphonePad = "/machine/soc/adc"
	// padGain is how much the Duo's amplifier makes of it with the gain that
	// storyteller.toml has by default: 60 % of 48 dB, in steps of 2.
	padGain = 25.1 // 28 dB
)

// bootTwin boots a card in the Duo itself, emulated. played returns what its I2S pads
// played so far.
func bootTwin(t *testing.T, image string) (m *machine, played func() *listen.Recording) {
	t.Helper()
	o := twinFor(t, image, "")
	path := filepath.Join(t.TempDir(), "pads.wav")
	o.Emulator.Machine += ",audiodev=pads"
	o.Args = append(o.Args, "-audiodev", "wav,id=pads,out.frequency=48000,path="+path)
	o.Restarts = true // it starts once more for another device tree
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

// say plays samples of sound.Rate, which the amplifier makes as loud as they are, into
// the microphone's pad.
func (m *machine) say(samples []int16) {
	m.t.Helper()
	quiet := make([]int16, len(samples))
	for i, s := range samples {
		quiet[i] = int16(math.Round(float64(s) / padGain))
	}
	file := filepath.Join(m.t.TempDir(), "said.wav")
	if err := os.WriteFile(file, wavFile(quiet), 0o644); err != nil {
		m.t.Fatal(err)
	}
	m.monitor("qom-set " + microphonePad + " microphone " + file)
}

// wavFile is mono PCM of sound.Rate as a WAV file.
func wavFile(samples []int16) []byte {
	var b bytes.Buffer
	b.WriteString("RIFF")
	binary.Write(&b, binary.LittleEndian, uint32(36+2*len(samples)))
	b.WriteString("WAVEfmt ")
	binary.Write(&b, binary.LittleEndian, []uint32{16, 1<<16 | 1, sound.Rate, 2 * sound.Rate, 16<<16 | 2})
	b.WriteString("data")
	binary.Write(&b, binary.LittleEndian, uint32(2*len(samples)))
	binary.Write(&b, binary.LittleEndian, samples)
	return b.Bytes()
}

// TestTwinSpeaks has the emulated Duo read a story aloud through an I2S amplifier on its
// Ethernet pads, after it has chosen the device tree for that by itself.
func TestTwinSpeaks(t *testing.T) {
	t.Parallel()
	image := storyCard(t)
	m, played := bootTwin(t, changed(t, image, configured("prompt = \"A cat\"\nsteps = 60\nseed = 7\ntemperature = 0\nspeaker = \"amplifier\"\nmicrophone = \"off\"\n")))
	m.waitFor(`speaker = "amplifier": starting once more for it\n`)
	text := m.story()
	seconds, sentences := m.spoken(m.Console())
	m.waitFor(prompt)
	r := played()
	checkSound(t, r, seconds, sentences)
	checkKernelLines(t, m.Console())
	checkShare(t, m, r, text, 0.7)
}

// TestTwinHears says to the emulated Duo's microphone what story it shall tell.
func TestTwinHears(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("flite"); err != nil {
		t.Skip("hearing needs somebody who speaks: apt-get install flite")
	}
	image := storyCard(t)
	m, _ := bootTwin(t, changed(t, image, configured("prompt = \"A\"\nsteps = 20\nvoice = \"off\"\n")))
	m.story()
	m.waitFor(prompt)
	if line := "listening on sound card 1 (Microphone), 48000 Hz, 2 channels\n"; strings.Count(m.Console(), line) != 1 {
		t.Errorf("the console does not say once %q", line)
	}
	said := make([]int16, 0, sound.Rate)
	for pcm := utterance(t, dragon); len(pcm) >= 2; pcm = pcm[2:] {
		said = append(said, int16(binary.LittleEndian.Uint16(pcm)))
	}
	m.say(said)
	m.waitFor(regexp.QuoteMeta("heard: A story about a little dragon."))
	if text, want := m.story(), "Once upon a time, there was a little dragon"; !strings.HasPrefix(string(text), want) {
		t.Errorf("told %q; want a story that begins %q", text, want)
	}
	checkKernelLines(t, m.Console())
}

// TestTwinPitch has a tone of 1 kHz go in at the microphone and out at the pads.
func TestTwinPitch(t *testing.T) {
	t.Parallel()
	const hz, seconds = 1000, 6
	program := goBuild(t, "./echo")
	image := changed(t, buildCard(t, golden.Data(t, "stories260K.bin"), golden.Data(t, "stories260K_tok512.bin")), func(c contents) {
		configured("steps = 1\nvoice = \"off\"\nmicrophone = \"off\"\nspeaker = \"amplifier\"\n")(c)
		put(t, c.root, "/bin/echo-tone", program)
	})
	m, played := bootTwin(t, image)
	m.story()
	m.waitFor(prompt)
	m.send("shell")
	m.waitFor(`/ \$ $`)
	m.send("echo-tone %d", seconds)
	m.waitFor(`echo: begins, from sound card \d+ \(Microphone\), 48000 Hz, 2 channels to sound card \d+ \(Speaker\)\n`)
	tone := make([]int16, (seconds+2)*sound.Rate)
	for i := range tone {
		tone[i] = int16(10000 * math.Sin(2*math.Pi*hz*float64(i)/sound.Rate))
	}
	m.say(tone)
	m.waitFor("echo: ends\n")
	r := played()
	got, length := pitch(r)
	t.Logf("a tone of %d Hz comes out as %.3f Hz, for %.2f s", hz, got, length)
	if math.Abs(got-hz) > hz/1000.0 || length < seconds/2 {
		t.Errorf("a tone of %d Hz is heard as %.3f Hz for %.2f s; want it within 0.1 %%, for half of the %d s", hz, got, length, seconds)
	}
}

// pitch returns the frequency of the tone in a recording by the time between its first
// and its last rising pass through zero, and that time.
func pitch(r *listen.Recording) (hz, seconds float64) {
	limit := r.Peak() / 2
	var first, last float64
	passes, armed := 0, false
	for i := 1; i < len(r.Samples); i++ {
		a, b := float64(r.Samples[i-1]), float64(r.Samples[i])
		if int(a) < -limit {
			armed = true
		}
		if armed && a < 0 && b >= 0 {
			at := float64(i-1) + a/(a-b)
			if passes == 0 {
				first = at
			}
			last, armed = at, false
			passes++
		}
	}
	if passes < 2 {
		return 0, 0
	}
	seconds = (last - first) / float64(r.Hz)
	return float64(passes-1) / seconds, seconds
}

// checkKernelLines wants no line of the kernel's behind the story's beginning.
func checkKernelLines(t *testing.T, console string) {
	t.Helper()
	_, after, _ := strings.Cut(console, "story starts")
	if lines := regexp.MustCompile(`(?m)^.*\[ *\d+\.\d{6}\].*$`).FindAllString(after, -1); lines != nil {
		t.Errorf("the kernel speaks into the story: %q", lines)
	}
}
