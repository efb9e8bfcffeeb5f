package llama

import "context"

// A Stopper is an Engine whose Next may take seconds: from the next Start on it gives up
// when ctx ends.
type Stopper interface{ Until(ctx context.Context) }

// Engine continues a prompt, one token after the other. It works at the level
// of a story, not of a forward pass, so that an engine may compute several
// positions at once.
type Engine interface {
	// Config is the shape of the model.
	Config() Config

	// Start forgets the story so far and begins one with prompt, whose first
	// token is BOS. Sampled tokens come from s, whose generator the engine
	// advances exactly once for each of them when the temperature is not zero.
	Start(prompt []int, s *Sampler) error

	// Next returns the token at the next position: what is left of the prompt
	// first, then sampled tokens; the first call returns the one after BOS. It
	// fails beyond the model's context.
	Next() (token int, err error)

	// Close frees what the engine holds, not the checkpoint.
	Close() error
}
