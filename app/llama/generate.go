package llama

import (
	"errors"
	"fmt"
	"time"
)

// Stats counts a story as run.c does.
type Stats struct {
	Tokens       int           // positions computed, the prompt's and the final BOS included
	PromptTokens int           // BOS included
	First        time.Duration // until the first position was done
	Rest         time.Duration // from then on
}

// TokensPerSecond is run.c's "achieved tok/s": its clock starts after the
// first position. It is zero when there was no second one.
func (s Stats) TokensPerSecond() float64 {
	if s.Tokens < 2 || s.Rest <= 0 {
		return 0
	}
	return float64(s.Tokens-1) / s.Rest.Seconds()
}

// CheckPrompt reports why prompt cannot be continued by a model of shape c.
func CheckPrompt(c Config, prompt []int) error {
	if len(prompt) == 0 || prompt[0] != BOS {
		return errors.New("a prompt begins with BOS")
	}
	for _, token := range prompt {
		if token < 0 || token >= c.VocabSize {
			return fmt.Errorf("the prompt has token %d, the model %d tokens", token, c.VocabSize)
		}
	}
	return nil
}

// Generate tells one story: prompt, which begins with BOS, and what follows,
// steps positions in all (0, or more than the context, means the whole context;
// so a prompt may be cut short), or until the model emits BOS, which is not
// passed on. emit gets each token with its bytes as soon as it is known; an
// error of its own ends the story and is returned. What was counted until then
// is returned with every error.
func Generate(e Engine, t *Tokenizer, s *Sampler, prompt []int, steps int, emit func(token int, piece []byte) error) (Stats, error) {
	stats := Stats{PromptTokens: len(prompt)}
	begin := time.Now()
	if err := e.Start(prompt, s); err != nil {
		return stats, err
	}
	if steps <= 0 || steps > e.Config().SeqLen { // the context is known once the engine has started
		steps = e.Config().SeqLen
	}
	token := prompt[0]
	for stats.Tokens < steps {
		next, err := e.Next()
		if err != nil {
			return stats, err
		}
		stats.Tokens++
		if stats.Tokens == 1 {
			stats.First = time.Since(begin)
		} else {
			stats.Rest = time.Since(begin) - stats.First
		}
		if next == BOS {
			break
		}
		if err := emit(next, t.Decode(token, next)); err != nil {
			return stats, err
		}
		token = next
	}
	return stats, nil
}
