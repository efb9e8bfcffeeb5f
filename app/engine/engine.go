package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"duostoryteller/app/arith"
	"duostoryteller/app/engine/classifier"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
)

// Options choose how a story is computed.
type Options struct {
	// Fast takes the draft's layers for the real ones: another text than
	// run.c's, sooner.
	Fast bool

	// Arithmetic is of the run.c whose words are told.
	Arithmetic llama.Arithmetic

	// Packed is a file with the packed form of the checkpoint that is opened, ""
	// if there is none.
	Packed string

	// Stream reads the layers from the file for each pass through them, the fast engine's
	// of four bits, as is done, too, where there is no memory for them.
	Stream bool

	// Positions is how many positions are computed together at most, one of
	// them certain and the others guessed; 0 means 12, or 32 where each pass reads the
	// layers from the file.
	Positions int
}

// Use is what the model is loaded for.
func (o Options) Use() packed.Use {
	switch {
	case o.Fast && o.Stream:
		return packed.Partial
	case o.Fast:
		return packed.Fast
	case o.Stream:
		return packed.Streamed
	}
	return packed.Exact
}

// Counters add up over an engine's life.
type Counters struct {
	classifier.Counters
	Rounds    int64 // passes through the layers that decided tokens
	Positions int64 // computed in them
	Drafted   int64 // guessed tokens
	Accepted  int64 // guesses that were right
	Sampled   int64 // tokens decided

	// Unconfirmed are the fast engine's guesses that the classifier could not decide
	// by the rows it screens.
	Unconfirmed int64

	BytesRead     int64 // of exact rows and of the remainder, from the file
	RowReads      int64 // rows read one by one: each takes a board a millisecond or more
	BytesStreamed int64 // of layers, from the file

	Draft, Verify time.Duration // guessing, and the layers for good; both without attention
	Attend        time.Duration // attention, of both
	Decide        time.Duration // screening and scoring the classifier's rows, and sampling
}

// Engine is a [llama.Engine] over a packed checkpoint.
type Engine struct {
	model      *packed.Model
	checkpoint *llama.Checkpoint // what the model was packed from, if the engine owns it
	raw        *raw              // nil unless the checkpoint is not packed
	set        *arith.Set
	fast       bool
	arithmetic llama.Arithmetic
	cos, sin   []float32 // (context, headSize/2): the rotary encoding's
	state      *state
	rows       *rowCache // the classifier's
	embedding  *rowCache // the same cache if the classifier is shared
	panels     *panels   // nil if all exact rows are in memory
	classes    *classifier.Classifier
	loaded     bool
	counters   Counters

	inputs  []float32 // (position, dim): the classifier's
	logits  []float32 // (hot): the draft's
	tokens  []int     // the round's
	hints   []int
	grades  []int        // of the guesses
	batch   int          // how many positions go through a layer together
	reading *packed.Pass // what reads the layers for them; nil unless it is under way
	part    []float32    // (batch, rows): the products of a piece of them
	until   context.Context
	guesser *guesser

	prompt  []int
	outer   *llama.Sampler // the caller's
	sampler llama.Sampler  // ours: as far as tokens are decided
	queue   []int          // decided, not yet handed out
	sampled int            // how many at the queue's end were sampled
	token   int            // the one at pos, whose layers are not computed yet
	pos     int
}

// How many positions go through a layer together at most; more where the layers are
// read from a card for each pass, which takes longer than any positions.
const (
	batch         = 12
	batchStreamed = 32
)

// How likely all guesses of a round must be right for one more to pay: on the Duo, by
// the modelled costs, a wrong guess wastes some three fifths of a token's time, and
// anything from 0.4 to 0.7 does nearly as well. Where a pass reads the layers a guess
// costs a tenth of the share of a pass that it may spare.
const (
	worth         = 0.6
	worthStreamed = 0.1
)

// New returns an engine over m, which may still be loading; Close closes it.
func New(m *packed.Model, set *arith.Set, o Options) (*Engine, error) {
	return newOver(m, nil, set, o)
}

// newOver is New; exact rows are taken from the checkpoint c that m was packed from, if
// that is not nil.
func newOver(m *packed.Model, c *llama.Checkpoint, set *arith.Set, o Options) (*Engine, error) {
	batch := batch
	if m.Streamed() {
		batch = batchStreamed
	}
	if o.Positions == 0 {
		o.Positions = batch
	}
	if o.Positions < 1 || o.Positions > batch {
		return nil, fmt.Errorf("engine: %d positions at a time, not 1 to %d", o.Positions, batch)
	}
	if err := m.WaitHot(); err != nil {
		return nil, err
	}
	shape := m.Config
	if o.Arithmetic == llama.RISCV64Ofast {
		set = set.Fused()
	}
	e := &Engine{
		model: m, set: set, fast: o.Fast, arithmetic: o.Arithmetic, batch: batch,
		state:   newState(shape, batch),
		inputs:  make([]float32, batch*shape.Dim),
		logits:  make([]float32, len(m.Head.Rows)),
		tokens:  make([]int, o.Positions+1),
		hints:   make([]int, o.Positions),
		grades:  make([]int, o.Positions),
		guesser: newGuesser(set, len(m.Head.Rows)),
		queue:   make([]int, 0, shape.SeqLen+1),
	}
	e.cos, e.sin = llama.Rotary(shape, o.Arithmetic)
	if c != nil {
		e.takeRows(c)
	} else {
		e.rows = newRowCache(set, m.Classifier, shape.VocabSize, shape.Dim, m.HotRows, m.Head.Rows)
		e.embedding = e.rows
		if !shape.SharedClassifier {
			memory := make([]float32, min(shape.VocabSize, 256)*shape.Dim)
			e.embedding = newRowCache(set, m.Embedding, shape.VocabSize, shape.Dim, memory, nil)
		}
	}
	if m.Streamed() {
		e.part = make([]float32, batch*m.PieceRows())
	}
	if len(e.state.acc) < len(m.Head.Rows) {
		e.state.acc = make([]int32, len(m.Head.Rows))
	}
	var left classifier.Remainder
	if c == nil && m.Remainder != nil {
		e.panels = &panels{Remainder: m.Remainder}
		left = e.panels
	}
	e.classes = classifier.New(set, &m.Screen, &m.Head, e.rows, left, o.Positions)
	return e, nil
}

// takeRows has all exact rows in memory: the checkpoint's own.
func (e *Engine) takeRows(c *llama.Checkpoint) {
	e.rows = allRows(e.set, c.Classifier, c.VocabSize, c.Dim)
	e.embedding = e.rows
	if !c.SharedClassifier {
		e.embedding = allRows(e.set, c.TokenEmbedding, c.VocabSize, c.Dim)
	}
}

// Until is llama.Stopper's: reading the layers from a card takes seconds.
func (e *Engine) Until(ctx context.Context) { e.until = ctx }

// Limits says in what the machine's memory limits the engine; nothing where it does not.
func (e *Engine) Limits() (lines []string) { return e.model.Limits() }

// Config is the shape of the model, with the context that there is memory for.
func (e *Engine) Config() llama.Config { return e.model.Config }

// Counters returns what has been counted so far.
func (e *Engine) Counters() Counters {
	c := e.counters
	if e.classes != nil {
		c.Counters = e.classes.Counters
	}
	c.BytesRead, c.RowReads = e.rows.bytesRead, e.rows.reads
	if e.embedding != e.rows {
		c.BytesRead += e.embedding.bytesRead
		c.RowReads += e.embedding.reads
	}
	if e.panels != nil {
		c.BytesRead += e.panels.bytesRead
	}
	return c
}

// Close frees the model.
func (e *Engine) Close() error {
	if e.raw != nil {
		e.raw.close()
	}
	e.endPass()
	err := e.model.Close()
	if e.checkpoint != nil {
		err = errors.Join(err, e.checkpoint.Close())
	}
	return err
}

// Start begins a new story. Positions are written before they are read, so the
// KV cache needs no clearing.
func (e *Engine) Start(prompt []int, s *llama.Sampler) error {
	if err := llama.CheckPrompt(e.model.Config, prompt); err != nil {
		return err
	}
	s.Arithmetic = e.arithmetic
	e.prompt, e.outer, e.sampler = prompt, s, *s
	e.queue, e.sampled, e.pos = e.queue[:0], 0, 0
	return nil
}

// Next returns the token at the next position.
func (e *Engine) Next() (int, error) {
	if len(e.queue) == 0 {
		e.queue = e.queue[:0]
		if err := e.advance(); err != nil {
			return 0, err
		}
	}
	next := e.queue[0]
	copy(e.queue, e.queue[1:])
	e.queue = e.queue[:len(e.queue)-1]
	if len(e.queue) < e.sampled { // next was sampled
		e.sampled = len(e.queue)
		if e.outer.Temperature != 0 {
			e.outer.Coin()
		}
	}
	return next, nil
}

// advance decides at least one more token.
func (e *Engine) advance() error {
	c := e.model.Config
	switch {
	case e.pos >= c.SeqLen:
		return fmt.Errorf("the model's context of %d tokens is full", c.SeqLen)
	case e.pos == 0:
		return e.read(e.prompt[:1])
	case e.pos < len(e.prompt):
		return e.read(e.prompt[e.pos:min(len(e.prompt), c.SeqLen)])
	case e.raw != nil:
		return e.rawRound()
	default:
		return e.round()
	}
}

// read takes part of the prompt through the layers, and samples what follows
// it if that was the last part.
func (e *Engine) read(tokens []int) error {
	dim, last := e.model.Config.Dim, 0
	for len(tokens) > 0 {
		n := min(e.batch, len(tokens))
		if err := e.layers(e.inputs, tokens[:n], e.pos); err != nil {
			return err
		}
		e.pos += n
		for p := e.pos - n + 1; p <= e.pos && p < len(e.prompt); p++ {
			e.queue = append(e.queue, e.prompt[p])
		}
		tokens, last = tokens[n:], n-1
	}
	if e.pos < len(e.prompt) {
		return nil
	}
	e.hints[0] = -1
	return e.decide(e.inputs[last*dim:], 1, nil)
}

// layers computes positions for good.
func (e *Engine) layers(out []float32, tokens []int, pos int) error {
	begin, attended := time.Now(), e.counters.Attend
	if e.fast {
		if err := e.waitAll(); err != nil {
			return err
		}
	}
	err := e.pass(out, tokens, pos, e.fast)
	e.counters.Verify += e.since(begin, attended)
	return err
}

// since is the time from begin on without attention, of which there was so much then.
func (e *Engine) since(begin time.Time, attended time.Duration) time.Duration {
	return time.Since(begin) - (e.counters.Attend - attended)
}

func (e *Engine) waitAll() error {
	if e.loaded {
		return nil
	}
	err := e.model.WaitAll()
	e.loaded = err == nil
	return err
}

// headProduct is a quantised hidden state through the classifier's likely rows.
func (e *Engine) headProduct(acc []int32, q []int8) {
	e.set.MatMulI8(acc, e.model.Head.Weights, q, len(q), len(acc), 1, 127)
}

// round guesses some tokens with the draft, computes their positions together
// and decides as far as the guesses were right, and one further.
func (e *Engine) round() error {
	if err := e.waitAll(); err != nil {
		return err
	}
	begin, attended := time.Now(), e.counters.Attend
	dim := e.model.Config.Dim
	room := min(len(e.hints), e.model.Config.SeqLen-e.pos)
	e.tokens[0] = e.token
	draft := e.sampler
	worth := float32(worth)
	if e.model.Streamed() {
		worth = worthStreamed
		e.beginPass() // its first pieces come while guesses are made
	}
	k, chance := 1, float32(1)
	for ; ; k++ {
		if err := e.stopped(); err != nil {
			return err
		}
		if k == room && !e.fast {
			e.hints[k-1] = -1
			break
		}
		input := e.inputs[(k-1)*dim : k*dim]
		if err := e.pass(input, e.tokens[k-1:k], e.pos+k-1, true); err != nil {
			return err
		}
		e.multiply(e.logits, e.model.Head.Scale, input, e.headProduct)
		g := e.guesser.draw(e.logits, &draft)
		e.grades[k-1] = g.grade
		next := int(e.model.Head.Rows[g.row])
		e.tokens[k], e.hints[k-1] = next, next
		e.counters.Drafted++
		if !e.certain(k - 1) {
			chance *= e.guesser.chance(g.grade)
		}
		if k == room || chance < worth {
			break
		}
	}
	e.counters.Draft += e.since(begin, attended)
	if !e.fast {
		if err := e.layers(e.inputs, e.tokens[:k], e.pos); err != nil {
			return err
		}
	}
	e.counters.Rounds++
	e.counters.Positions += int64(k)
	return e.decide(e.inputs, k, e.tokens[1:])
}

// certain says whether the fast engine takes a guess without the classifier.
func (e *Engine) certain(p int) bool { return e.fast && e.grades[p] >= certain }

// decide samples from the classifier's inputs of k positions, as long as what
// comes out is what was guessed.
func (e *Engine) decide(inputs []float32, k int, guessed []int) error {
	if !e.loaded {
		if err := e.model.WaitClassifier(); err != nil {
			return err
		}
	}
	begin := time.Now()
	dim, open := e.model.Config.Dim, 0 // positions for the classifier
	if e.raw != nil && e.classes == nil {
		if done, err := e.decideRaw(inputs[:dim]); done || err != nil {
			e.counters.Decide += time.Since(begin)
			return err
		}
	}
	for p := range k {
		if guessed == nil || !e.certain(p) {
			copy(inputs[open*dim:(open+1)*dim], inputs[p*dim:(p+1)*dim])
			e.hints[open] = e.hints[p]
			open++
		}
	}
	if open > 0 {
		if err := e.classes.Screen(inputs, open, e.hints, e.sampler.Temperature); err != nil {
			return err
		}
	}
	open = 0
	for p := range k {
		var token int
		if guessed != nil && e.certain(p) {
			token = guessed[p]
			if e.sampler.Temperature != 0 {
				e.sampler.Coin()
			}
		} else {
			var err error
			confirmed := true
			if e.fast && guessed != nil {
				token, confirmed, err = e.classes.Try(open, &e.sampler)
			} else {
				token, err = e.classes.Decide(open, &e.sampler)
			}
			if err != nil {
				return err
			}
			if !confirmed { // what it would take to be sure is an exact engine's
				e.counters.Unconfirmed++
				token = guessed[p]
				if e.sampler.Temperature != 0 {
					e.sampler.Coin()
				}
			} else if e.hints[open] >= 0 {
				e.guesser.learn(e.grades[p], token == e.hints[open])
			}
			open++
		}
		e.decided(token)
		if guessed != nil {
			e.pos++
			if p+1 < k && token != guessed[p] || token == llama.BOS {
				break
			}
			if p+1 < k {
				e.counters.Accepted++
			}
		}
	}
	e.counters.Decide += time.Since(begin)
	return nil
}
