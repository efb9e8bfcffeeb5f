//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"duostoryteller/app/cardmodels"

	"golang.org/x/sys/unix"
)

// A dial is a setting that can be changed on the console, for the stories that are
// asked for there from then on: "/temp 0.7". Alone it shows its value.
type dial struct {
	name, key, help string
	values          []string // that Tab completes
	anew            bool     // the storyteller has to start anew for it
}

func dials() []dial {
	models := cardModels()
	return []dial{
		{name: "/temp", key: "temperature", help: "how bold the choice of words is, 0 to 1 and more"},
		{name: "/topp", key: "topp", help: "the share of the likeliest words to choose from, 0 to 1"},
		{name: "/steps", key: "steps", help: "the longest length, in tokens"},
		{name: "/seed", key: "seed", help: "the story's number; 0: another one each time"},
		{name: "/voice", key: "voice", help: "that reads aloud: kal16, rms, espeak, off", values: []string{"kal16", "rms", "espeak", "off"}, anew: true},
		{name: "/rate", key: "rate", help: "how fast it reads, 0.5 to 2", anew: true},
		{name: "/bedtime", key: "bedtime", help: "on: slower and quieter with each paragraph, no light, no story after it; off", values: []string{"on", "off"}, anew: true},
		{name: "/avoid", key: "avoid", help: "on: no story with what avoid.txt lists; off", values: []string{"on", "off"}, anew: true},
		{name: "/model", key: "model", help: "which of the card's models tells: " + strings.Join(models, ", "), values: models, anew: true},
		{name: "/engine", key: "engine", help: "exact, fast or plain", values: []string{"exact", "fast", "plain"}, anew: true},
	}
}

// cardModels are the names of the card's models, its own first.
func cardModels() (names []string) {
	models, _ := cardmodels.All(onCard("model.packed", "model.bin"), "", onCard(cardmodels.Folder)) // the storyteller says what is wrong
	for _, m := range models {
		names = append(names, m.Name)
	}
	return names
}

// live does what a line that begins with a slash asks for.
func (r *robot) live(line string) {
	name, value, _ := strings.Cut(line, " ")
	value = strings.TrimSpace(value)
	switch {
	case name == "/again" && value == "":
		q := r.another()
		if r.last != nil {
			q = *r.last
		}
		r.tell(q)
		return
	case name == "/stats" && value == "":
		r.show(func(out io.Writer) error { return stats(out, "") })
		return
	case name == "/help" && value == "":
		r.show(func(out io.Writer) error { return help(out, "") })
		return
	}
	all := dials()
	i := slices.IndexFunc(all, func(d dial) bool { return d.name == name })
	if i < 0 {
		r.show(func(io.Writer) error { return fmt.Errorf("%.40s is no command; /help lists them", name) })
		return
	}
	d := all[i]
	before := r.settings
	var err error
	if value != "" {
		err = r.settings.Set(d.key, value)
	}
	anew := err == nil && d.anew && r.settings != before
	if anew && r.now == nil && r.teller != nil {
		fmt.Fprintf(r.out, "%s %s; the storyteller starts anew\n", d.name, r.settings.Get(d.key))
		r.teller.end() // its end brings the next one, and the prompt
		return
	}
	r.anew = r.anew || anew && r.now != nil
	r.show(func(out io.Writer) error {
		if err == nil {
			fmt.Fprintf(out, "%s %s\n", d.name, r.settings.Get(d.key))
		}
		return err
	})
}

// words are what a line can begin with.
func words() []string {
	all := []string{"/again", "/stats", "/help"}
	for _, d := range dials() {
		all = append(all, d.name)
	}
	for _, c := range commands() {
		all = append(all, c.name)
	}
	slices.Sort(all)
	return all
}

// complete returns a line that was typed so far with as much added as is certain,
// and what it can be, if that is more than one.
func complete(line string) (full string, options []string) {
	name, value, second := strings.Cut(line, " ")
	all, typed, before := words(), line, ""
	if second {
		dials := dials()
		i := slices.IndexFunc(dials, func(d dial) bool { return d.name == name })
		if i < 0 {
			return line, nil
		}
		all, typed, before = dials[i].values, value, name+" "
	}
	if typed == "" && !second {
		return line, nil
	}
	for _, w := range all {
		if strings.HasPrefix(w, typed) {
			options = append(options, w)
		}
	}
	switch len(options) {
	case 0:
		return line, nil
	case 1:
		return before + options[0] + " ", nil
	}
	prefix := options[0]
	for _, o := range options {
		for !strings.HasPrefix(o, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return before + prefix, options
}

// completionKey ends what init is given to read, as a line's end does.
const completionKey = '\t'

// offer completes what was typed so far on the terminal's line, as if it had been
// typed to its end, so that it can still be edited. It returns what of the line is
// not to be read again.
func (t *terminal) offer(typed string) (had string) {
	full, options := complete(typed)
	if full == typed && options == nil {
		return typed + " " // a story may have tabs, and more of it may have come already
	}
	text := "\r\x1b[K"
	if options != nil {
		text = "\r\n" + strings.Join(options, "  ") + "\r\n"
	}
	t.Write([]byte(text + prompt))
	for i, c := range []byte(full) {
		if err := unix.IoctlSetPointerInt(t.fd, unix.TIOCSTI, int(c)); err != nil {
			// Nobody may type for others here: it cannot be edited then.
			t.Write([]byte(full[i:]))
			return full[i:]
		}
	}
	return ""
}
