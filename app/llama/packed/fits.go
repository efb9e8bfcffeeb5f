package packed

import (
	"fmt"

	"duostoryteller/app/llama"
	"duostoryteller/app/machine"
)

// checkMemory refuses a model for which the machine has not the memory. Without
// that, Linux would promise the memory and end programs when it is used. A
// machine that does not tell what it has is trusted.
func checkMemory(resident int64, c llama.Config, read func() (machine.Memory, error)) error {
	m, err := read()
	if err != nil {
		return nil
	}
	const mb, kb = 1 << 20, 1 << 10
	story := int64(2) * 4 * int64(c.Layers) * int64(c.SeqLen) * int64(c.KVDim()) // keys and values
	if have := int64(m.Available) * kb; resident+story > have {
		return fmt.Errorf("this model is too large for this machine: it takes %d MB of memory, and %d for a story, but %d of %d MB are free: build the card with a smaller one",
			resident/mb, (story+mb-1)/mb, have/mb, int64(m.Total)*kb/mb)
	}
	return nil
}
