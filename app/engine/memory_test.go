package engine

import (
	"math"
	"testing"

	"duostoryteller/app/llama/packed"
	"duostoryteller/tests/testmodel"
)

// TestKVCache holds the plan of the memory, by which models are refused, to what an
// engine takes.
func TestKVCache(t *testing.T) {
	for _, m := range testmodel.Models() {
		need, err := packed.Settle(m.Config, packed.Exact, math.MaxInt64)
		if err != nil {
			t.Fatal(err)
		}
		s := newState(m.Config, batch)
		if got := 4 * int64(len(s.keys)+len(s.values)); got != need.KVCache {
			t.Errorf("%s: an engine's KV cache has %d bytes, Settle says %d", m.Name, got, need.KVCache)
		}
	}
}
