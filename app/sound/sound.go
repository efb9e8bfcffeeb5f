// Package sound brings speech to a loudspeaker: it resamples, buffers, finds a
// sound card, outlives it when it is pulled out, and takes the next one. It also
// writes WAV files. Samples are mono and signed 16 bit everywhere.
package sound

import (
	"context"
	"time"
)

// Rate is the rate, in Hz, that cards are opened with: the one that every USB
// sound card has.
const Rate = 48000

// A Sink takes speech. Player and WAV are sinks.
type Sink interface {
	// Write takes samples of hz a second, waiting as long as the sink cannot
	// take more. An error is for people to read and does not end the sink.
	Write(ctx context.Context, hz int, samples []int16) error
	// Mark says that a sentence ends here: what was written may be played
	// though nothing follows yet.
	Mark()
	// Listens says whether what is written now could be heard. While it could
	// not (no card came, the disk is full), speech need not be made.
	Listens() bool
	// Played is, for every sentence that was marked and either came to its end
	// or was given up, when its first sample came out; zero: it was not heard.
	Played() []time.Time
	// Drain returns when everything was played, or ctx ends.
	Drain(ctx context.Context) error
	// Close lets go of the file or card; what was not played is dropped.
	Close() error
}

var (
	_ Sink = (*Player)(nil)
	_ Sink = (*WAV)(nil)
)
