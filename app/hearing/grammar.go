package hearing

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"duostoryteller/app/opening"
)

// fixed are the words of the phrases themselves: those that all have in common,
// and those of the commands.
var (
	common = strings.Fields("please tell read me a an the story about once upon time there was and named")
	fixed  = append(strings.Fields("hello storyteller again another stop louder quieter"), common...)
)

// Grammar returns the phrases that are understood, in the Java Speech Grammar
// Format 1.0 (Sun Microsystems, 1998). Rules without words are left out.
func (w Words) Grammar() string {
	var b strings.Builder
	b.WriteString("#JSGF V1.0;\ngrammar storyteller;\n")
	rule := func(name string, words ...string) string {
		if len(words) == 0 {
			return ""
		}
		fmt.Fprintf(&b, "<%s> = %s;\n", name, strings.Join(words, " | "))
		return "<" + name + ">"
	}
	thing := rule("thing", w.Things...)
	var beings []string
	for _, a := range []string{"a", "an"} { // nobody says "an boat"
		var rest []string
		if things := rule(a+"thing", taking(a, w.Things)...); things != "" {
			rest = append(rest, things)
		}
		if kinds := rule(a+"kind", taking(a, w.Kinds)...); kinds != "" && thing != "" {
			rest = append(rest, kinds+" "+thing)
		}
		if rest := rule(a+"rest", rest...); rest != "" {
			beings = append(beings, "("+a+" | the) "+rest)
		}
	}
	if name := rule("name", slices.Concat(w.Girls, w.Boys)...); name != "" {
		beings = append(beings, name)
	}
	about, there := "", ""
	if being := rule("being", beings...); being != "" {
		beings := rule("beings", being, being+" and "+being)
		about = " [about " + beings + "]"
		there = rule("there", "once upon a time there was "+beings)
	}
	asks := []string{"[please] (tell | read) me a story" + about + " [please]", "a story" + about + " [please]"}
	if there != "" {
		asks = append(asks, there)
	}
	ask := rule("ask", asks...)
	rule("call", "hello storyteller", "storyteller")
	command := rule("command", "again", "another story", "stop", "louder", "quieter")
	// No option within an option: sphinxbase 0.8 takes the inner one for granted.
	b.WriteString("public <utterance> = [<call>] (" + ask + " | " + command + ");\n")
	return b.String()
}

// taking returns the words that the article a or an stands before.
func taking(a string, words []string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(s string) bool { return opening.Article(s) != a })
}

// Dictionary copies to out the pronunciations of the fixed words and of w from a
// dictionary in CMUdict's form: a word, its phones; "word(2)" for another
// pronunciation. It returns the words of w that the dictionary has, and those
// that it lacks.
func (w Words) Dictionary(in io.Reader, out io.Writer) (have Words, lacks []string, err error) {
	wanted := make(map[string]bool)
	for _, word := range slices.Concat(fixed, w.all()) {
		wanted[word] = false
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		word, _, _ := strings.Cut(lines.Text(), " ")
		word, _, _ = strings.Cut(word, "(")
		if _, ok := wanted[word]; !ok {
			continue
		}
		wanted[word] = true
		if _, err := fmt.Fprintln(out, lines.Text()); err != nil {
			return Words{}, nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return Words{}, nil, err
	}
	for _, word := range fixed {
		if !wanted[word] {
			return Words{}, nil, fmt.Errorf("it lacks %q", word)
		}
	}
	for _, word := range w.all() {
		if !wanted[word] {
			lacks = append(lacks, word)
		}
	}
	return w.known(func(s string) bool { return wanted[s] }), lacks, nil
}
