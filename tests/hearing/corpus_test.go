package hearing

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"duostoryteller/app/hearing"
	"duostoryteller/app/sound"
	"duostoryteller/tests/listen"
)

// A speaker is one voice of a speech engine of Debian's.
type speaker struct {
	engine string // espeak-ng, flite or festival
	voice  string
	pitch  float64 // Hz, for flite; 0: its own
	speed  float64 // 1: its own
}

func (s speaker) String() string {
	return fmt.Sprint(s.engine, " ", s.voice, " ", s.pitch, " ", s.speed)
}

// The speakers that the thresholds were chosen with, and those that they are
// measured with. No speaker is in both, nor are two the same voice at the same
// pitch.
func tuningSpeakers() []speaker {
	return append(shared(0),
		speaker{"espeak-ng", "en-us+m2", 0, 1}, speaker{"espeak-ng", "en-gb+f3", 0, 1}, speaker{"espeak-ng", "en-us+f1", 0, 0.9},
		speaker{"espeak-ng", "en-us+klatt3", 0, 1}, speaker{"espeak-ng", "en-us+Alicia", 0, 1}, speaker{"espeak-ng", "en-us+john", 0, 1},
		speaker{"espeak-ng", "en-us+Gene", 0, 1.05}, speaker{"espeak-ng", "en-us+steph", 0, 0.9}, speaker{"espeak-ng", "en-us+max", 0, 1},
		speaker{"festival", "kal_diphone", 0, 1.15}, speaker{"festival", "ked_diphone", 0, 1.15}, speaker{"festival", "cmu_us_slt_arctic_hts", 0, 1.15},
	)
}

func measuredSpeakers() []speaker {
	return append(shared(1),
		speaker{"espeak-ng", "en-us", 0, 1}, speaker{"espeak-ng", "en-gb", 0, 1}, speaker{"espeak-ng", "en-us+m3", 0, 0.9},
		speaker{"espeak-ng", "en-us+f2", 0, 1}, speaker{"espeak-ng", "en-us+m7", 0, 1}, speaker{"espeak-ng", "en-us+Andy", 0, 1},
		speaker{"espeak-ng", "en-us+linda", 0, 0.95}, speaker{"espeak-ng", "en-us+f4", 0, 1}, speaker{"espeak-ng", "en-us+Michael", 0, 1.05},
		speaker{"festival", "kal_diphone", 0, 1}, speaker{"festival", "ked_diphone", 0, 1}, speaker{"festival", "cmu_us_slt_arctic_hts", 0, 1},
	)
}

// shared are flite's four voices at two pitches and speeds of eight.
func shared(set int) []speaker {
	hz := [2]map[string][2]float64{
		{"kal16": {95, 120}, "awb": {110, 155}, "rms": {85, 120}, "slt": {150, 200}},
		{"kal16": {0, 135}, "awb": {0, 170}, "rms": {0, 135}, "slt": {0, 215}},
	}
	var s []speaker
	for _, voice := range []string{"kal16", "awb", "rms", "slt"} {
		for i, speed := range []float64{1, 0.9} {
			s = append(s, speaker{"flite", voice, hz[set][voice][i], speed})
		}
	}
	return s
}

// missing says which program a speaker lacks.
func missing() string {
	for _, program := range []string{"espeak-ng", "flite", "text2wave"} {
		if _, err := exec.LookPath(program); err != nil {
			return program
		}
	}
	if _, err := os.Stat("/usr/share/festival/voices/us/cmu_us_slt_arctic_hts"); err != nil {
		return "festvox-us-slt-hts"
	}
	return ""
}

// packages have the speakers.
const packages = "espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts"

// say returns what a speaker says, at the recogniser's rate.
func (s speaker) say(ctx context.Context, text string) ([]int16, error) {
	dir, err := os.MkdirTemp("", "say-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "say.wav")
	var cmd *exec.Cmd
	switch s.engine {
	case "espeak-ng":
		cmd = exec.CommandContext(ctx, "espeak-ng", "-v", s.voice, "-s", strconv.Itoa(int(160*s.speed)), "-w", path, text)
	case "flite":
		args := []string{"-voice", s.voice, "--setf", fmt.Sprint("duration_stretch=", 1/s.speed)}
		if s.pitch > 0 {
			args = append(args, "--setf", fmt.Sprint("int_f0_target_mean=", s.pitch))
		}
		cmd = exec.CommandContext(ctx, "flite", append(args, "-t", text, "-o", path)...)
	case "festival":
		cmd = exec.CommandContext(ctx, "text2wave", "-eval", "(voice_"+s.voice+")", "-eval", fmt.Sprintf("(Parameter.set 'Duration_Stretch %g)", 1/s.speed), "-o", path)
		cmd.Stdin = strings.NewReader(text)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%v: %w: %s", s, err, out)
	}
	r, err := listen.ReadWAV(path)
	if err != nil {
		return nil, err
	}
	samples := r.Samples
	if r.Hz != hearing.Rate {
		c := sound.NewResampler(r.Hz, hearing.Rate)
		samples = c.Flush(c.Process(nil, samples))
	}
	return level(samples), nil
}

// level makes speech equally loud, with a quarter of a second of silence about it.
func level(in []int16) []int16 {
	power := speechPower(in)
	gain := 2000 / math.Sqrt(max(power, 1))
	pad := hearing.Rate / 4
	out := make([]int16, len(in)+2*pad)
	for i, s := range in {
		out[pad+i] = clip(float64(s) * gain)
	}
	return out
}

func clip(x float64) int16 { return int16(max(-32768, min(32767, math.Round(x)))) }

// speechPower is the mean square of the 20 ms frames within 30 dB of the loudest.
func speechPower(s []int16) float64 {
	const size = hearing.Rate / 50
	var frames []float64
	loudest := 0.0
	for i := 0; i+size <= len(s); i += size {
		sum := 0.0
		for _, x := range s[i : i+size] {
			sum += float64(x) * float64(x) / size
		}
		frames = append(frames, sum)
		loudest = max(loudest, sum)
	}
	sum, n := 0.0, 0.0
	for _, f := range frames {
		if f > loudest/1000 {
			sum, n = sum+f, n+1
		}
	}
	return sum / max(n, 1)
}

// noisy adds room noise, which falls by 3 dB an octave, at a distance of snr dB
// from the speech.
func noisy(in []int16, snr float64, random *rand.Rand) []int16 {
	noise := pink(len(in), random)
	gain := math.Sqrt(speechPower(in) / math.Pow(10, snr/10))
	out := make([]int16, len(in))
	for i := range in {
		out[i] = clip(float64(in[i]) + gain*noise[i])
	}
	return out
}

// pink is noise of effective value 1 (Kellet's filter, three poles).
func pink(n int, random *rand.Rand) []float64 {
	out := make([]float64, n)
	var a, b, c, power float64
	for i := range out {
		w := random.NormFloat64()
		a = 0.99765*a + w*0.0990460
		b = 0.96300*b + w*0.2965164
		c = 0.57000*c + w*1.0526913
		out[i] = a + b + c + w*0.1848
		power += out[i] * out[i]
	}
	for i := range out {
		out[i] /= math.Sqrt(power / float64(n))
	}
	return out
}

// An utterance is what somebody says and what is to be understood.
type utterance struct {
	speaker speaker
	text    string
	want    hearing.Understood
}

// phrase makes up a phrase of the grammar.
func phrase(w hearing.Words, random *rand.Rand) string {
	pick := func(s ...string) string { return s[random.IntN(len(s))] }
	being := func() string {
		if random.IntN(4) == 0 {
			return capital(pick(append(append([]string(nil), w.Girls...), w.Boys...)...))
		}
		thing := pick(w.Things...)
		if random.IntN(2) == 0 {
			thing = pick(w.Kinds...) + " " + thing
		}
		article := "a "
		if strings.ContainsRune("aeiou", rune(thing[0])) && !strings.HasPrefix(thing, "uni") {
			article = "an "
		}
		return article + thing
	}
	switch n := random.IntN(20); {
	case n < 8:
		return pick("", "", "Please ", "Hello storyteller, ") + pick("tell", "read") + " me a story about " + being()
	case n < 11:
		return "A story about " + being() + " and " + being()
	case n < 13:
		return "A story about " + being()
	case n < 16:
		return "Once upon a time there was " + being()
	case n < 17:
		return "Tell me a story"
	default:
		return pick("Again", "Stop", "Louder", "Quieter", "Another story", "Storyteller, stop", "Storyteller, louder", "Storyteller, again")
	}
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// utterances makes up n of them, spread over the speakers.
func utterances(w hearing.Words, speakers []speaker, n int, seed uint64) []utterance {
	random := rand.New(rand.NewPCG(seed, 5))
	all := make([]utterance, n)
	for i := range all {
		text := phrase(w, random)
		all[i] = utterance{speakers[i%len(speakers)], text, w.Understand(listen.Words(text))}
	}
	return all
}

// words reads the word list that comes with the card.
func words(t *testing.T) hearing.Words {
	t.Helper()
	text, err := os.ReadFile("../../overlay/boot/words.txt")
	if err != nil {
		t.Fatal(err)
	}
	w, problems := hearing.ParseWords(string(text))
	if len(problems) > 0 {
		t.Fatalf("the word list has problems: %q", problems)
	}
	return w
}

// TestSpeakersApart holds the figures honest: nobody and nothing is measured that
// the thresholds were chosen with.
func TestSpeakersApart(t *testing.T) {
	for _, s := range tuningSpeakers() {
		if slices.Contains(measuredSpeakers(), s) {
			t.Errorf("%v is in both sets", s)
		}
	}
	for _, s := range tuningSentences() {
		if slices.Contains(outside(), s) {
			t.Errorf("%q is in both sets", s)
		}
	}
}
