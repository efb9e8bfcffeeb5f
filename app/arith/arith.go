package arith

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
)

// Set is one implementation of the package's arithmetic. It holds no state; any
// number of goroutines may use it.
type Set struct {
	name  string
	unit  unit
	fused bool // sums of float32 products are
}

// unit says which machine code a Set runs.
type unit int

const (
	generic unit = iota
	rvv071
	rvv10
	avx2
	neon
	simd
)

// Generic returns the portable implementation, which is the definition of what the
// others compute.
func Generic() *Set { return &Set{name: "generic", unit: generic} }

// Name is the word that STORYTELLER_CPU knows the implementation by.
func (s *Set) Name() string { return s.name }

// All returns the implementations that this machine can run, the best first and the
// portable one last.
func All() []*Set { return append(slices.Clone(tried()), Generic()) }

// tried keeps what the machine was found to have: finding out may take child
// processes, for which the kernel marks all of the caller's memory.
var tried = sync.OnceValue(native)

// Select returns the implementation that the environment variable STORYTELLER_CPU
// names, or the best that this machine can run if it is unset or empty.
func Select() (*Set, error) {
	return choose(os.Getenv("STORYTELLER_CPU"), All())
}

func choose(name string, sets []*Set) (*Set, error) {
	if name == "" {
		return sets[0], nil
	}
	var names []string
	for _, s := range sets {
		if s.name == name {
			return s, nil
		}
		names = append(names, s.name)
	}
	return nil, fmt.Errorf("STORYTELLER_CPU=%s: this machine cannot run it; choose one of: %s, or unset it", name, strings.Join(names, ", "))
}
