package sentence

import "strings"

// respelt are words that flite or espeak says wrong, spelt as both say them right: names,
// and what somebody calls out, which they would spell letter by letter. A letter that
// stands there more than twice has become two before.
var respelt = map[string]string{
	"gigi": "jeejee", "kiki": "keeky", "leah": "leeah", "lucas": "lucus", "nemo": "neemo", "nina": "neena",
	"noah": "noa", "rosie": "rosy", "suzie": "suzy",

	"aah": "ah", "ahh": "ah", "aww": "aw", "brr": "burr", "eww": "ew", "grr": "gurr", "hm": "hum", "hmm": "hum",
	"mm": "um", "noo": "no", "ohh": "oh", "sh": "shush", "shh": "shush", "soo": "so", "ssh": "shush", "yayy": "yay",
	"zz": "zuzz",

	"baa": "bah", "bow": "beau", "bows": "beaus", "hurray": "hooray", "icky": "ikky", "iguana": "igwana",
	"scarecrow": "scare-crow", "veggies": "vedgies",
}

// titles come before a name. With a full stop espeak takes one for the end of a sentence;
// flite knows some, and takes Dr for a drive without it.
var titles = map[string]string{
	"Capt": "Captain", "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Mt": "Mount", "Prof": "Professor", "St": "Saint",
}

// pronounced respells what a voice would say wrong in a text of printable ASCII.
func pronounced(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		n := 0
		for i+n < len(text) && isLetter(text[i+n]) {
			n++
		}
		word, rest := text[i:i+n], text[i+n:]
		i += n
		switch {
		case n == 0 && text[i] == '&':
			b.WriteString(" and ")
			i++
		case n == 0 && text[i] == '\'' && owner(text[:i], text[i+1:]):
			i++
		case n == 0:
			b.WriteByte(text[i])
			i++
		case i > n && (text[i-n-1] == '\'' && i > n+1 && isLetter(text[i-n-2]) || isDigit(text[i-n-1])):
			b.WriteString(word) // the m of I'm, the nd of 2nd
		case word == "No" && len(rest) > 2 && rest[0] == '.' && rest[1] == ' ' && isDigit(rest[2]):
			b.WriteString("number")
			i++
		case titles[word] != "" && beforeName(rest):
			b.WriteString(titles[word])
			if rest[0] == '.' {
				i++
			}
			if text[i] != ' ' {
				b.WriteByte(' ')
			}
		default:
			b.WriteString(respell(word))
		}
	}
	return b.String()
}

// owner says whether an apostrophe between two texts is that of the dogs' ball, which
// flite takes for the end of a quote and pauses.
func owner(before, after string) bool {
	quote := strings.HasPrefix(before, "'") || strings.Contains(before, " '")
	return !quote && strings.HasSuffix(before, "s") && len(after) > 1 && after[0] == ' ' && after[1] >= 'a' && after[1] <= 'z'
}

// beforeName says whether what follows a title is a name.
func beforeName(rest string) bool {
	name := strings.TrimPrefix(strings.TrimPrefix(rest, "."), " ")
	return len(name) < len(rest) && name != "" && name[0] >= 'A' && name[0] <= 'Z'
}

// respell returns a word as a voice says it right, with the capital that it has.
func respell(word string) string {
	switch word {
	case "IT", "US": // shouted; espeak would spell them
		return strings.ToLower(word)
	}
	short := []byte(word[:min(2, len(word))])
	for i := 2; i < len(word); i++ {
		c := word[i] | 0x20
		if c == word[i-1]|0x20 && c == word[i-2]|0x20 && c != 'i' && c != 'x' { // Rocket III
			continue
		}
		short = append(short, word[i])
	}
	as := respelt[strings.ToLower(string(short))]
	switch {
	case as == "":
		return string(short)
	case word[0] < 'a':
		return string(as[0]-'a'+'A') + as[1:]
	}
	return as
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
