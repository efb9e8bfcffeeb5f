package web

import (
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// maxPage is what a browser may have to load for the page, in bytes.
const maxPage = 200_000

func asset(t *testing.T, name string) string {
	t.Helper()
	text, err := assets.ReadFile("assets/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func pageIn(t *testing.T, s *Server, language string) string {
	t.Helper()
	page, err := s.pages.page(language)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestPageWeight(t *testing.T) {
	s, err := New(t.Context(), Options{Voice: hum{}, Suites: report("")})
	if err != nil {
		t.Fatal(err)
	}
	weight := len(pageIn(t, s, fallback))
	for _, name := range []string{"page.css", "page.js", "mine.js", "keep.js", "tone.js", "icon.svg", "pictures.svg"} {
		weight += len(asset(t, name))
	}
	if weight > maxPage {
		t.Errorf("the page weighs %d bytes; want at most %d", weight, maxPage)
	}
	t.Logf("the page weighs %d bytes", weight)
}

// The page loads nothing from elsewhere, has no text outside the labels, and
// no label is missing or left over.
func TestLabels(t *testing.T) {
	labels, err := readLabels(fallback)
	if err != nil {
		t.Fatal(err)
	}
	html, script := asset(t, "page.html"), asset(t, "page.js")+asset(t, "mine.js")+asset(t, "tone.js")+asset(t, "keep.js")
	demo, err := os.ReadFile("../../imagebuilder/demo/assets/demo.js")
	if err != nil {
		t.Fatal(err)
	}
	script += string(demo)
	used := map[string]bool{}
	for _, use := range regexp.MustCompile(`\.Labels\.(\w+)|labels\.(\w+)|say\("(\w+)"\)|"(status\w+)"|(languageName)`).FindAllStringSubmatch(html+script+"languageName", -1) {
		used[use[1]+use[2]+use[3]+use[4]+use[5]] = true
	}
	for key := range used {
		if labels[key] == "" {
			t.Errorf("no label %q", key)
		}
	}
	for key := range labels {
		made := regexp.MustCompile(`^(engine|hero|place|event|mine(Hero|Place|Event)|surprise)`).MatchString(key)
		if !used[key] && !made {
			t.Errorf("label %q is not used", key)
		}
	}
	text := regexp.MustCompile(`(?s)<[^>]*>|\{\{.*?\}\}`).ReplaceAllString(html, "")
	if words := regexp.MustCompile(`[A-Za-z]{2,}`).FindAllString(text, -1); words != nil {
		t.Errorf("page.html has text beside the labels: %q", words)
	}
	err = fs.WalkDir(assets, "assets", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".svg") {
			return err // its name space is an address
		}
		if data, _ := assets.ReadFile(path); strings.Contains(strings.NewReplacer("http://www.w3.org/2000/svg", "", "http://192.168.42.1/", "").Replace(string(data)), "://") {
			t.Errorf("%s: an address of elsewhere", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// colours returns the variables of the light and of the dark page.
func colours(css string) (light, dark map[string]string) {
	parse := func(block string) map[string]string {
		found := map[string]string{}
		for _, m := range regexp.MustCompile(`--([\w-]+): ([^;]+);`).FindAllStringSubmatch(block, -1) {
			found[m[1]] = m[2]
		}
		return found
	}
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(css, -1)
	light = parse(blocks[0][1])
	dark = maps.Clone(light)
	maps.Copy(dark, parse(blocks[1][1]))
	return light, dark
}

// luminance is the relative luminance of a colour #rrggbb as defined in WCAG 2.2.
func luminance(colour string) (float64, error) {
	v, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
	if err != nil || len(colour) != 7 {
		return 0, fmt.Errorf("%q is not a colour #rrggbb", colour)
	}
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := float64(v>>(16-8*i)&0xff) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum, nil
}

// TestContrast holds the pairs of colours that the page puts upon each other
// to WCAG 2.2 AA: 4.5 for text (1.4.3), 3 for what shows a control (1.4.11).
func TestContrast(t *testing.T) {
	css := asset(t, "page.css")
	light, dark := colours(css)
	for _, theme := range []struct {
		name    string
		colours map[string]string
	}{{"light", light}, {"dark", dark}} {
		for _, pair := range []struct {
			upper, lower string
			least        float64
		}{
			{"ink", "paper", 4.5}, {"ink", "page", 4.5}, {"ink", "glow", 4.5},
			{"soft", "paper", 4.5}, {"soft", "page", 4.5},
			{"accent", "page", 4.5}, {"on-accent", "accent", 4.5},
			{"line", "paper", 3}, {"line", "page", 3}, {"accent", "paper", 3},
			{"focus", "paper", 3}, {"focus", "page", 3},
		} {
			upper, err := luminance(theme.colours[pair.upper])
			if err != nil {
				t.Fatalf("%s %s: %v", theme.name, pair.upper, err)
			}
			lower, err := luminance(theme.colours[pair.lower])
			if err != nil {
				t.Fatalf("%s %s: %v", theme.name, pair.lower, err)
			}
			contrast := (max(upper, lower) + 0.05) / (min(upper, lower) + 0.05)
			if contrast < pair.least {
				t.Errorf("%s: contrast of %s on %s = %.2f; want at least %v", theme.name, pair.upper, pair.lower, contrast, pair.least)
			}
		}
	}
	// Text colours come from the variables only, or the pairs above prove nothing.
	rules := css[strings.Index(css, "* {"):]
	for _, m := range regexp.MustCompile(`(?:[^-]color|background|border(?:-color)?|fill|outline): *([^;}]*(?:#|rgb|hsl)[^;}]*)`).FindAllStringSubmatch(rules, -1) {
		t.Errorf("a colour that is no variable: %s", m[1])
	}
}

func TestLuminance(t *testing.T) {
	for _, test := range []struct {
		colour string
		want   float64
	}{{"#000000", 0}, {"#ffffff", 1}, {"#ff0000", 0.2126}, {"#808080", 0.2159}} {
		if got, err := luminance(test.colour); err != nil || math.Abs(got-test.want) > 1e-4 {
			t.Errorf("luminance(%s) = %.4f, %v; want %.4f", test.colour, got, err, test.want)
		}
	}
	if _, err := luminance("red"); err == nil {
		t.Error("luminance(red) = nil error")
	}
}

func TestPageShowsWhatThereIs(t *testing.T) {
	page := func(o Options) string {
		s, err := New(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return pageIn(t, s, fallback)
	}
	all := page(Options{Voice: hum{}, Suites: report(""), Engines: slices.Concat(one(newTeller(t, "x", 0)), []Engine{{Name: "fast", Teller: newTeller(t, "x", 0)}})})
	none := page(Options{Engines: one(newTeller(t, "x", 0))})
	for _, id := range []string{`id="aloud"`, `id="suites"`, `id="engine"`} {
		if !strings.Contains(all, id) {
			t.Errorf("a page with everything lacks %s", id)
		}
		if strings.Contains(none, id) {
			t.Errorf("a page without it has %s", id)
		}
	}
}
