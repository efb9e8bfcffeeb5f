package boot

import (
	"os"
	"testing"

	"duostoryteller/app/verify"
	"duostoryteller/imagebuilder/rootfs"
	"duostoryteller/tests/golden"
	"duostoryteller/tests/listen"
)

// givenVariable names a finished card image, which is booted instead of one that is
// built here: Buildroot's, for example.
const givenVariable = "STORYTELLER_CARD"

// storyCard returns the card that is given, or else one with the stand-in for the model
// of the board. It is for tests of what any model does.
func storyCard(t *testing.T) string {
	t.Helper()
	if image := os.Getenv(givenVariable); image != "" {
		return image
	}
	return buildCard(t, golden.Data(t, "standin15M.bin"), golden.Data(t, "tokenizer.bin"))
}

// cardsOwn picks a case of the suite that a card brings to be held against.
func cardsOwn(t *testing.T, image string) golden.Case {
	t.Helper()
	part, err := openCard(t, image).Partition(2)
	if err != nil {
		t.Fatal(err)
	}
	root, err := rootfs.Open(part)
	if err != nil {
		t.Fatal(err)
	}
	suite, err := root.Open("usr/share/storyteller/suites/regression.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer suite.Close()
	cases, err := verify.Read(suite)
	if err != nil || len(cases) == 0 {
		t.Fatalf("the suite on the card has %d cases, %v", len(cases), err)
	}
	return inConfiguration(cases)
}

// TestGiven has a finished card tell a whole story aloud, in QEMU's machine and in the
// Duo itself, emulated: word for word as the card's suite has it. What the card hears,
// TestHearing and TestTwinHears ask; nobody listens here.
func TestGiven(t *testing.T) {
	image := os.Getenv(givenVariable)
	if image == "" {
		t.Skip("no card is given: " + givenVariable + " names one")
	}
	c := cardsOwn(t, image)
	t.Logf("the story is %s, its text by %q, run.c's if that is empty", c, c.By)
	for _, tt := range []struct {
		name, settings string
		boot           func(*testing.T, string) (*machine, func() *listen.Recording)
	}{
		{"QEMU's machine", "", func(t *testing.T, image string) (*machine, func() *listen.Recording) { return bootWithSound(t, image) }},
		{"the Duo", "speaker = \"amplifier\"\n", bootTwin},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, played := tt.boot(t, changed(t, image, configured(configuration(c, c.Steps)+"microphone = \"off\"\n"+tt.settings)))
			text := m.story()
			if !c.Right(text) {
				t.Errorf("%s: told %q", c, text)
			}
			seconds, sentences := m.spoken(m.Console())
			m.waitFor(prompt)
			r := played()
			checkSound(t, r, seconds, sentences)
			m.checkCounters()
			checkShare(t, m, r, text, 0.7)
		})
	}
}
