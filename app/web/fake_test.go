package web

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"duostoryteller/app/llama"
	"duostoryteller/app/story"
	"duostoryteller/app/voice"
)

// pieces is an engine that tells what it was given.
type pieces struct {
	wait   func(n int) // before token n of a story
	vocab  []string
	tell   [][]string // the pieces after the prompt, of each story in turn; the last again and again
	begun  int        // stories
	tokens []int      // still to come
	n      int        // told
}

func (p *pieces) Config() llama.Config {
	return llama.Config{VocabSize: len(p.vocab), SeqLen: 1 << 12}
}

func (p *pieces) Start(prompt []int, _ *llama.Sampler) error {
	p.tokens, p.n = slices.Clone(prompt[1:]), 0
	for _, piece := range p.tell[min(p.begun, len(p.tell)-1)] {
		p.tokens = append(p.tokens, slices.Index(p.vocab, piece))
	}
	p.begun++
	p.tokens = append(p.tokens, llama.BOS)
	return nil
}

func (p *pieces) Next() (int, error) {
	p.wait(p.n)
	p.n++
	token := p.tokens[0]
	p.tokens = p.tokens[1:]
	return token, nil
}

func (p *pieces) Close() error { return nil }

// newTeller returns a teller of the story that is text after any prompt, a
// token every pause.
func newTeller(t testing.TB, text string, pause time.Duration) *story.Teller {
	t.Helper()
	return newWaitingTeller(t, text, func(int) { time.Sleep(pause) })
}

func newWaitingTeller(t testing.TB, text string, wait func(n int)) *story.Teller {
	t.Helper()
	return newTellerOf(t, wait, text)
}

// newTellerOf returns a teller of several stories in turn.
func newTellerOf(t testing.TB, wait func(n int), texts ...string) *story.Teller {
	t.Helper()
	p := &pieces{wait: wait, vocab: []string{"<unk>", "<s>", "</s>"}}
	for _, text := range texts {
		p.tell = append(p.tell, strings.SplitAfter(text, " "))
	}
	for b := range 256 {
		p.vocab = append(p.vocab, fmt.Sprintf("<0x%02X>", b))
	}
	for c := ' '; c <= '~'; c++ { // of which prompts are made
		p.vocab = append(p.vocab, string(c))
	}
	for _, piece := range slices.Concat(p.tell...) {
		if !slices.Contains(p.vocab, piece) {
			p.vocab = append(p.vocab, piece)
		}
	}
	file := binary.LittleEndian.AppendUint32(nil, 64)
	for _, piece := range p.vocab {
		file = binary.LittleEndian.AppendUint32(file, 0)
		file = binary.LittleEndian.AppendUint32(file, uint32(len(piece)))
		file = append(file, piece...)
	}
	tokenizer, err := llama.ReadTokenizer(bytes.NewReader(file), len(p.vocab))
	if err != nil {
		t.Fatal(err)
	}
	return story.NewTeller(p, tokenizer)
}

// one wraps a teller as the only engine.
func one(teller Teller) []Engine { return []Engine{{Name: "exact", Teller: teller}} }

// hum is a voice that hums 20 ms for each byte of text.
type hum struct{}

const humRate = 16000

func humSamples(text string) int { return len(text) * humRate / 50 }

func (hum) Start() error { return nil }

func (hum) Say(ctx context.Context, text string, _ voice.Params, pcm func(int, []int16) error) (voice.Spoken, error) {
	n := humSamples(text)
	for i := 0; i < n; i += 160 {
		var part []int16
		for j := i; j < min(i+160, n); j++ {
			part = append(part, int16(3000*math.Sin(float64(j)/20)))
		}
		if err := pcm(humRate, part); err != nil {
			return voice.Spoken{}, err
		}
	}
	return voice.Spoken{Hz: humRate, Samples: n}, ctx.Err()
}

func (hum) Close() error { return nil }

func fakeSystem() fstest.MapFS {
	return fstest.MapFS{
		"proc/meminfo":                         {Data: []byte("MemTotal:          59392 kB\nMemFree:            3000 kB\nMemAvailable:      12240 kB\n")},
		"sys/class/thermal/thermal_zone0/temp": {Data: []byte("41250\n")},
	}
}

func newTestServer(t testing.TB, o Options) *httptest.Server {
	t.Helper()
	if o.System == nil {
		o.System = fakeSystem()
	}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := New(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		cancel()
	})
	return server
}

// current is the story that a teller tells, or has told last.
func current(t testing.TB, teller *story.Teller) *story.Story {
	t.Helper()
	for s := range teller.Stories(t.Context()) {
		return s
	}
	t.Fatal("no story")
	return nil
}
