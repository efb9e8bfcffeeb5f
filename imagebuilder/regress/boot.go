package regress

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"duostoryteller/imagebuilder/boardtest"
)

// A milestone is what the console says on the way from power to the prompt behind the
// first story, in this order.
type milestone int

const (
	uBoot milestone = iota
	kernel
	firstInit
	storyBegins
	storyEnds
	prompts
	arrived // no more is to come
)

// milestones has their names, which the results show, and how they are recognised.
var milestones = [arrived]struct{ name, pattern string }{
	uBoot:       {"U-Boot speaks", `(?m:^U-Boot (?:SPL )?\d{4}\.\d\d[^\n]*\n)`},
	kernel:      {"U-Boot starts the kernel", `Starting kernel`},
	firstInit:   {"the card's init runs", `(?m:^init: )`},
	storyBegins: {"the story begins", `story starts, seed \d+[^\n]*\n`},
	storyEnds:   {"the story is told", `story ends[^\n]*\n`},
	prompts:     {"the board prompts", `storyteller> $`},
}

// faults are what the console says when it goes another way: by the first and the last
// milestone that may still be waited for then.
var faults = []struct {
	name, pattern string
	from, to      milestone
}{
	// Bytes that are no text, with hardly any text between.
	{"noise", `(?:[^\t\n\x1b -~][\t\n -~]{0,2}){40}`, uBoot, storyBegins},
	{"stuck", `(?m:^(?:=>|[\w.-]+#) $)`, uBoot, kernel},
	{"other", `(?m:^(?:[\w.-]+ login:|\[?[\w.-]+@[\w.-]+[^\n]*[#$]) $)`, kernel, storyBegins},
	{"panic", `Kernel panic[^\n]*\n`, uBoot, prompts},
	{"rescue", `the storyteller cannot tell[^\n]*\n`, storyBegins, prompts},
	{"again", milestones[uBoot].pattern, kernel, prompts},
}

// awaiting is the pattern of all that may come next: this milestone, a later one if it
// was missed, or a fault.
func awaiting(next milestone) *regexp.Regexp {
	var all []string
	for m := next; m < arrived; m++ {
		all = append(all, fmt.Sprintf("(?P<m%d>%s)", m, milestones[m].pattern))
	}
	for _, f := range faults {
		if f.from <= next && next <= f.to {
			all = append(all, fmt.Sprintf("(?P<%s>%s)", f.name, f.pattern))
		}
	}
	return regexp.MustCompile(strings.Join(all, "|"))
}

// watch is somebody who reads the console.
type watch struct {
	console *boardtest.Console
	silence time.Duration     // after which the board is given up
	reached func(name string) // told of each milestone
	said    strings.Builder   // since the power was switched on
	text    int               // where U-Boot's first line begins in it
	story   int               // where the story begins
	next    milestone         // that is waited for
}

// toPrompt reads until the board prompts. The error says what a person has to know.
func (w *watch) toPrompt(ctx context.Context) error {
	for w.next < arrived {
		pattern := awaiting(w.next)
		before, match, err := w.console.WaitFor(ctx, pattern, w.silence)
		w.said.WriteString(before + match)
		if err != nil {
			return w.ended(ctx, err)
		}
		groups := pattern.FindStringSubmatch(match)
		for i, name := range pattern.SubexpNames() {
			if i == 0 || groups[i] == "" {
				continue
			}
			var m milestone
			if n, _ := fmt.Sscanf(name, "m%d", &m); n == 0 {
				err = w.fault(name, match)
			} else {
				err = w.arrive(m)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// arrive takes note of a milestone, and of those before it that nobody saw.
func (w *watch) arrive(m milestone) error {
	all := w.said.String()
	switch m {
	case uBoot:
		w.text = strings.LastIndex(all, "U-Boot")
	case storyBegins:
		w.story = len(all)
		boot := all[w.text:]
		// One byte or another is lost where the kernel takes the line over from U-Boot.
		if n := noise(boot); n*100 > len(boot) {
			return garbled(n, len(boot))
		}
	case storyEnds:
		if w.next == storyEnds && len(words(all[w.story:])) == 0 {
			return errors.New("the story has no word")
		}
	case prompts:
		if w.next <= storyBegins {
			return fmt.Errorf("the board prompts, but has told no story; its last words: %s", lastWords(strings.TrimSuffix(all, "storyteller> ")))
		}
	}
	for ; w.next <= m; w.next++ {
		w.reached(milestones[w.next].name)
	}
	return nil
}

// fault says what went wrong, by the name of the fault.
func (w *watch) fault(name, match string) error {
	all := w.said.String()
	line := strings.TrimSpace(match)
	switch name {
	case "noise":
		return garbled(noise(all), len(all))
	case "stuck":
		return fmt.Errorf("the firmware does not start this card: U-Boot says %s", complaint(strings.TrimSuffix(all, match)))
	case "other":
		return fmt.Errorf("another system than the card's has started: it says %q; is the card in the board, and does its boot loader take it?", line)
	case "panic":
		return fmt.Errorf("the kernel gives up: %q", line)
	case "rescue":
		return fmt.Errorf("the card's storyteller cannot tell a story: %s", complaint(strings.TrimSuffix(all, match)))
	}
	// U-Boot once more. Init says so when it wants another device tree for itself.
	if w.next <= storyBegins && strings.Contains(all[w.text:], "starting once more for it") {
		w.text = strings.LastIndex(all, "U-Boot")
		w.next = kernel
		return nil
	}
	return fmt.Errorf("the board started again by itself %s: its power failed for a moment, or its watchdog bit", w.where())
}

// ended says why nothing more comes.
func (w *watch) ended(ctx context.Context, err error) error {
	all := w.said.String()
	last := "its last words: " + lastWords(all)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w before %s; %s", context.Cause(ctx), milestones[w.next].name, last)
	case !errors.Is(err, boardtest.ErrQuiet):
		return err
	case len(all) == 0:
		return fmt.Errorf("the board is dead: not a byte came in %v of power; see that the power really comes on, that the card has a fip.bin, and that the adapter's RX is at the board's TX", w.silence)
	case w.next <= storyBegins && noise(all[w.text:])*4 > len(all[w.text:]):
		return garbled(noise(all[w.text:]), len(all[w.text:]))
	}
	switch w.next {
	case uBoot:
		return fmt.Errorf("the board speaks, but U-Boot never does; the card's fip.bin is damaged, missing or not this board's; %s", last)
	case kernel:
		return fmt.Errorf("U-Boot has not started a kernel, and is silent for %v; %s", w.silence, last)
	case firstInit:
		return fmt.Errorf("a kernel was started, but not the card's init, and all is silent for %v; %s", w.silence, last)
	}
	return fmt.Errorf("the board fell silent %s for %v: its power, or the serial line, was cut, or it hangs; %s", w.where(), w.silence, last)
}

// where says how far the board was.
func (w *watch) where() string {
	switch w.next {
	case storyEnds:
		return "in mid-story"
	case prompts:
		return "behind the story"
	}
	return fmt.Sprintf("before %s", milestones[w.next].name)
}

// garbled is the error of a line that brings n damaged bytes among so many.
func garbled(n, of int) error {
	return fmt.Errorf("the serial line is garbled: %d of %d bytes are no text; see that it is set to the board's speed, that ground is connected, and that no other program reads it", n, of)
}

// noise counts the bytes that no boot loader and no kernel writes.
func noise(text string) (n int) {
	for _, b := range []byte(text) {
		if b >= 0x7f || b < ' ' && !strings.ContainsRune("\a\b\t\n\f\x1b", rune(b)) {
			n++
		}
	}
	return n
}

// words are those that are told, without what programs say of themselves.
func words(text string) (all []string) {
	for line := range strings.Lines(text) {
		if !regexp.MustCompile(`^(?:init|storyteller|speech|stats): |^achieved tok/s`).MatchString(line) {
			all = append(all, strings.Fields(line)...)
		}
	}
	return all
}

// complaint is the last line that sounds like a failure, or the last words.
func complaint(text string) string {
	complains := regexp.MustCompile(`(?im)^.*(?:unable|fail|error|bad |not found|cannot|can't|could not|wrong|no such|invalid).*$`)
	if lines := complains.FindAllString(text, -1); len(lines) > 0 {
		return lastWords(lines[len(lines)-1])
	}
	return lastWords(text)
}

// lastWords are the end of what was said, in one quoted line.
func lastWords(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	const most = 200 // bytes
	if len(text) > most {
		text = "..." + text[len(text)-most:]
	}
	return fmt.Sprintf("%q", text)
}
