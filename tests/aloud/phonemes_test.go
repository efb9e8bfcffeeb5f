package aloud

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/sentence"
	"duostoryteller/app/voice/child"
)

// What an engine makes of each line of its input, in place of a voice program's main: a
// line of phonemes, where a clause ends a bar.
var phonemes = map[string]string{
	"kal16": `
#include "flite.c"
#include <stdio.h>
#include <string.h>
void child_pcm(const short *samples, int n) { (void)samples, (void)n; }
void child_silence(int n) { (void)n; }
int main(void) {
    char line[4096];
    if (engine_start() == 0)
        return 1;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        cst_utterance *u = flite_synth_text(line, voice);
        for (const cst_item *s = utt_rel_head(u, "Segment"); s; s = item_next(s))
            if (item_prev(s) && item_next(s))
                printf("%s ", cst_streq(item_feat_string(s, "name"), "pau") ? "|" : item_feat_string(s, "name"));
        printf("\n");
        delete_utterance(u);
    }
}
`,
	"espeak": `
#include "espeak.c"
void child_pcm(const short *samples, int n) { (void)samples, (void)n; }
void child_silence(int n) { (void)n; }
int main(void) {
    char line[4096];
    if (engine_start() == 0)
        return 1;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        for (const void *p = line; p != NULL;) {
            printf("%s", espeak_TextToPhonemes(&p, espeakCHARS_UTF8, 0));
            printf(p == NULL ? "\n" : " | ");
        }
    }
}
`,
}

// pronounce returns the phonemes of texts, as the voice of that name gets them.
func pronounce(t *testing.T, name string, texts []string) []string {
	t.Helper()
	cc, p, dir := compiler(t), source(t, name), t.TempDir()
	installed(t, cc, p)
	if err := child.WriteSources(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "phonemes.c"), []byte(phonemes[name]), 0o644); err != nil {
		t.Fatal(err)
	}
	args := child.CompilerFlags()
	for _, d := range p.Defines {
		args = append(args, "-D"+d)
	}
	args = append(args, "-o", "phonemes", "phonemes.c")
	for _, s := range p.Sources {
		if !slices.Contains([]string{"frames.c", "confine.c", "child.c", "flite.c", "espeak.c"}, s) {
			args = append(args, s)
		}
	}
	for _, l := range p.Libraries {
		args = append(args, "-l"+l)
	}
	cmd := exec.Command(cc, args...)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var plain []string
	for _, text := range texts {
		plain = append(plain, sentence.Plain(text))
	}
	cmd = exec.Command(filepath.Join(dir, "phonemes"))
	cmd.Stdin = strings.NewReader(strings.Join(plain, "\n") + "\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(out)) {
		got = append(got, strings.TrimSpace(line))
	}
	if len(got) != len(texts) {
		t.Fatalf("%d lines of phonemes for %d texts", len(got), len(texts))
	}
	return got
}

// said are texts with flite's phonemes: of both of its voices, which share a dictionary.
var said = []struct{ text, phonemes string }{
	{"Once upon a time, there was", "w ah n s ax p aa n ax t ay m | dh eh r w aa z"},
	{"The end.", "dh iy eh n d"},

	{"Lily", "l ih l iy"}, {"Timmy", "t ih m iy"}, {"Tim", "t ih m"}, {"Tom", "t aa m"}, {"Mia", "m iy ax"}, {"Sue", "s uw"},
	{"Ben", "b eh n"}, {"Max", "m ae k s"}, {"Jack", "jh ae k"}, {"Spot", "s p aa t"}, {"Fluffy", "f l ah f iy"},
	{"Lucy", "l uw s iy"}, {"Sara", "s eh r ax"}, {"Anna", "ae n ax"}, {"Amy", "ey m iy"}, {"Billy", "b ih l iy"},
	{"Bella", "b eh l ax"}, {"Bruno", "b r uw n ow"}, {"Dot", "d aa t"}, {"Pip", "p ih p"}, {"Robo", "r ow b ow"},
	{"Nina", "n iy n ax"}, {"Nemo", "n iy m ow"}, {"Gigi", "jh iy jh iy"}, {"Kiki", "k iy k iy"}, {"Leah", "l iy ax"},
	{"Noah", "n ow ax"}, {"Rosie", "r ow z iy"}, {"Suzie", "s uw z iy"}, {"Lucas", "l uw k ax s"}, {"Zoe", "z ow iy"},
	{"Lily's mom", "l ih l iy z m aa m"}, {"Max's", "m ae k s ax z"}, {"the dogs' ball", "dh ax d aa g z b ao l"},

	{"Mr. Fox", "m ih s t er f aa k s"}, {"Mrs. Hen", "m ih s ax s hh eh n"}, {"Ms. Amy", "m ih z ey m iy"}, {"Dr. Owl", "d aa k t er aw l"},

	{"3", "th r iy"}, {"10", "t eh n"}, {"1,000", "w ah n th aw z ax n d"}, {"2nd", "s eh k ax n d"}, {"1st", "f er s t"},
	{"100", "w ah n hh ah n d r ax d"}, {"12", "t w eh l v"}, {"21st", "t w eh n t iy f er s t"}, {"3.5", "th r iy p oy n t f ay v"},
	{"7 o'clock", "s eh v ax n ax k l aa k"}, {"No. 5", "n ah m b er f ay v"}, {"½ cup", "ax hh ae f k ah p"},

	{"“Hello,” said Tom.", "hh ax l ow | s eh d t aa m"}, {"'Hello,' said Tom.", "hh ax l ow | s eh d t aa m"},
	{"I’m", "ay m"}, {"don't", "d ow n t"}, {"didn't", "d ih d n t"}, {"let's", "l eh t s"}, {"he'll", "hh iy l"}, {"they're", "dh ey r"},

	{"Shhh!", "sh ah sh"}, {"Hmm", "hh ah m"}, {"Grrr", "g er"}, {"Brr", "b er"}, {"Zzz", "z ah z"}, {"Mmm", "ah m"}, {"Ahhh", "aa"},
	{"Ohh", "ow"}, {"Nooo", "n ow"}, {"Eww", "uw"}, {"Yayyy", "y ey"}, {"Weee", "w iy"},
	{"a red bow", "ax r eh d b ow"}, {"bows", "b ow z"}, {"baa", "b aa"}, {"scarecrow", "s k eh r k r ow"}, {"veggies", "v eh jh iy z"},
}

// Names, numbers, quotes and what is called out are said right: by flite as a dictionary has
// them, by espeak, whose phonemes differ a little from one version to the next, not in letters.
func TestPhonemes(t *testing.T) {
	t.Run("flite", func(t *testing.T) {
		var texts []string
		for _, s := range said {
			texts = append(texts, s.text)
		}
		for i, got := range pronounce(t, "kal16", texts) {
			if got != said[i].phonemes {
				t.Errorf("%q is said %q; want %q", texts[i], got, said[i].phonemes)
			}
		}
	})
	t.Run("espeak", func(t *testing.T) {
		same := [][2]string{ // what must sound alike, by our spelling or without it
			{"Leah", "Leeah"}, {"Rosie", "Rosy"}, {"Lucas", "Lucus"}, {"STOP IT NOW", "stop it now"}, {"icky", "ikky"},
			{"Mr. Fox", "Mister Fox"}, {"Dr. Owl", "Doctor Owl"}, {"Shhh", "shush"}, {"Grrr", "gurr"}, {"Zzz", "zuzz"},
			{"Hmm", "hum"}, {"Nooo", "no"}, {"iguana", "igwana"}, {"½ cup", "a half cup"}, {"1,000", "one thousand"}, {"2nd", "second"}, {"10", "ten"},
		}
		var texts []string
		for _, s := range same {
			texts = append(texts, s[0], s[1])
		}
		got := pronounce(t, "espeak", texts)
		for i, s := range same {
			if got[2*i] != got[2*i+1] {
				t.Errorf("%q is said %q, %q is said %q; want them alike", s[0], got[2*i], s[1], got[2*i+1])
			}
		}
	})
}
