package listen

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What follows a word has a probability of one in all: pairs that were seen, and the rest
// by single words.
func TestWriteLanguageModel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lm")
	sentences := [][]string{{"a", "cat", "ran"}, {"a", "dog", "ran"}, {"a", "cat"}}
	for name, s := range map[string][][]string{"sentences": sentences, "none": nil} {
		if err := WriteLanguageModel(path, s, []string{"a", "cat", "dog", "ran", "moon", "moon"}); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		single, back, pairs := map[string]float64{}, map[string]float64{}, map[string]map[string]float64{}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) != 3 || strings.HasPrefix(line, "ngram") {
				continue
			}
			p, err := strconv.ParseFloat(f[0], 64)
			if err != nil {
				t.Fatal(err)
			}
			p = math.Pow(10, p)
			if left, err := strconv.ParseFloat(f[2], 64); err == nil {
				single[f[1]], back[f[1]] = p, math.Pow(10, left)
			} else {
				if pairs[f[1]] == nil {
					pairs[f[1]] = map[string]float64{}
				}
				pairs[f[1]][f[2]] = p
			}
		}
		if len(single) != 7 { // and the two ends
			t.Errorf("%s: %d words; want 7: %s", name, len(single), text)
		}
		for w := range single {
			if w == "</s>" {
				continue
			}
			sum := 0.0
			for next, p := range single {
				switch seen, ok := pairs[w][next]; {
				case next == "<s>":
				case ok:
					sum += seen
				default:
					sum += back[w] * p
				}
			}
			if math.Abs(sum-1) > 0.01 {
				t.Errorf("%s: what follows %s has a probability of %.3f in all; want 1", name, w, sum)
			}
		}
		if name == "none" && math.Abs(single["moon"]-single["cat"]) > 1e-6 {
			t.Errorf("without sentences moon has %.3f, cat %.3f; want them as likely", single["moon"], single["cat"])
		}
		if name == "sentences" && (pairs["a"]["cat"] < pairs["a"]["dog"] || pairs["a"]["cat"] < 0.4) {
			t.Errorf("a cat has %.3f, a dog %.3f", pairs["a"]["cat"], pairs["a"]["dog"])
		}
	}
}
