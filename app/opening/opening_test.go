package opening

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestChosen(t *testing.T) {
	for _, test := range []struct{ hero, name, place, event, want string }{
		{"", "", "", "", "Once upon a time"},
		{"bear", "", "", "", "Once upon a time, there was a little bear named Bruno."},
		{"cat", "", "forest", "box", "Once upon a time, a little cat named Mia lived in the forest. One day, Mia found a shiny box."},
		{"robot", "olga", "moon", "", "Once upon a time, a little robot named Olga lived on the moon."},
		{"girl", "Ada", "sea", "friend", "Once upon a time, a little girl named Ada lived by the sea. One day, Ada met a new friend."},
		{"a purple hippo", "Otto", "Under a big tree", "Ate too much cake!", "Once upon a time, a purple hippo named Otto lived under a big tree. One day, Otto ate too much cake."},
		{"Greta", "", "Paris", "", "Once upon a time, a child named Greta lived in Paris."},
		{"", "Greta", "", "", "Once upon a time, there was a child named Greta."},
		{"elephant", "Ella", "The zoo", "", "Once upon a time, a little elephant named Ella lived in the zoo."},
		{"old owl", "Oz", "", "", "Once upon a time, there was an old owl named Oz."},
		{"", "", "castle", "", "Once upon a time, a little girl named Lily lived in a big castle."},
		{" \x00\xff\n ", "\t", "...", "?", "Once upon a time"},
	} {
		if got := Chosen(test.hero, test.name, test.place, test.event).Text(); got != test.want {
			t.Errorf("Chosen(%q, %q, %q, %q) =\n%s\nwant\n%s", test.hero, test.name, test.place, test.event, got, test.want)
		}
	}
}

// TestNamed wants every hero to have a name, the same each time.
func TestNamed(t *testing.T) {
	for _, noun := range []string{"hippo", "brave train", "ünicorn"} {
		h := Hero{Noun: noun}.Named()
		if h.Name == "" || h != (Hero{Noun: noun}).Named() {
			t.Errorf("%q is named %+v", noun, h)
		}
	}
	for _, c := range Heroes() {
		if c.Name == "" {
			t.Errorf("%+v lacks a name", c)
		}
	}
}

func FuzzChosen(f *testing.F) {
	f.Add("bear", "Bruno", "forest", "box")
	f.Add("É", "\xff", "ß", "I")
	f.Fuzz(func(t *testing.T, hero, name, place, event string) {
		got := Chosen(hero, name, place, event).Text()
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x00") || len(got) > 4*MaxWords+200 || !strings.HasPrefix(got, Plain) {
			t.Errorf("Chosen(%q, %q, %q, %q) = %q", hero, name, place, event, got)
		}
	})
}
