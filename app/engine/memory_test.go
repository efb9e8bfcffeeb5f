package engine

import (
	"testing"

	"duostoryteller/app/llama/packed"
	"duostoryteller/tests/testmodel"
)

// TestKVCache holds the plan of the memory, by which models are refused, to what an
// engine takes.
func TestKVCache(t *testing.T) {
	for _, m := range testmodel.Models() {
		need, err := packed.MemoryOf(m.Config, packed.Exact)
		if err != nil {
			t.Fatal(err)
		}
		s := newState(m.Config, batch)
		if got := 4 * int64(len(s.keys)+len(s.values)); got != need.KVCache {
			t.Errorf("%s: an engine's KV cache has %d bytes, MemoryOf says %d", m.Name, got, need.KVCache)
		}
	}
}
