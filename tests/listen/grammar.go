package listen

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Known are the words that the recogniser has a pronunciation of.
func Known() (map[string]bool, error) {
	text, err := os.ReadFile(dictionary)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		word, _, _ := strings.Cut(line, " ")
		known[word] = true
	}
	return known, nil
}

var dictionary = filepath.Join(filepath.Dir(model), "cmudict-en-us.dict")

// discount is what each pair of words that was seen gives to those that were not.
const discount = 0.5

// WriteLanguageModel writes how often words follow each other in sentences, in ARPA's
// format: pairs of words by absolute discounting, backing off to single ones (Ney, Essen
// and Kneser, On structuring probabilistic dependences in stochastic language modelling,
// 1994). Words of vocabulary that are in no sentence count once. Without sentences every
// word is as likely as any other.
func WriteLanguageModel(path string, sentences [][]string, vocabulary []string) error {
	const begin, end = "<s>", "</s>"
	single, total := map[string]float64{end: 1}, 1.0
	for _, w := range vocabulary {
		if single[w] == 0 {
			single[w], total = 1, total+1
		}
	}
	pairs, after := map[string]map[string]float64{}, map[string]float64{}
	if len(sentences) == 0 {
		pairs[begin] = map[string]float64{end: 0} // a file without pairs is none to some readers
	}
	for _, s := range sentences {
		last := begin
		for _, w := range append(slices.Clone(s), end) {
			if pairs[last] == nil {
				pairs[last] = map[string]float64{}
			}
			pairs[last][w]++
			after[last]++
			single[w]++
			total++
			last = w
		}
	}
	words := []string{begin}
	for w := range single {
		words = append(words, w)
	}
	slices.Sort(words)
	n := 0
	for _, p := range pairs {
		n += len(p)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	out := bufio.NewWriter(f)
	fmt.Fprintf(out, "\\data\\\nngram 1=%d\nngram 2=%d\n\n\\1-grams:\n", len(words), n)
	for _, w := range words {
		p, left := -99., 1.
		if w != begin {
			p = math.Log10(single[w] / total)
		}
		if after[w] > 0 {
			unseen := 1.
			for next := range pairs[w] {
				unseen -= single[next] / total
			}
			left = discount * float64(len(pairs[w])) / after[w] / max(unseen, 1e-9)
		}
		fmt.Fprintf(out, "%.4f %s %.4f\n", p, w, math.Log10(left))
	}
	fmt.Fprintf(out, "\n\\2-grams:\n")
	for _, w := range words {
		var next []string
		for v := range pairs[w] {
			next = append(next, v)
		}
		slices.Sort(next)
		for _, v := range next {
			p := single[v] / total
			if pairs[w][v] > 0 {
				p = (pairs[w][v] - discount) / after[w]
			}
			fmt.Fprintf(out, "%.4f %s %s\n", math.Log10(p), w, v)
		}
	}
	fmt.Fprintf(out, "\n\\end\\\n")
	if err := out.Flush(); err != nil {
		return err
	}
	return f.Close()
}
