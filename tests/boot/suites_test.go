package boot

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"duostoryteller/imagebuilder/boardtest"
	"duostoryteller/imagebuilder/emulator"
	"duostoryteller/tests/testmodel"
)

// TestSuites runs the shortened suites as `imagebuilder test --emulated` does.
func TestSuites(t *testing.T) {
	checkpoint, tokenizer, err := testmodel.Models()[0].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	image := buildCard(t, checkpoint, tokenizer)
	o, err := emulator.OptionsFor(filepath.Join(repository, "board"), "qemu-virt", image)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	board, err := boardtest.Emulate(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer board.Close()
	suites, err := boardtest.Run(ctx, board.Console, true, func(what string) { t.Log(what) })
	if err != nil || len(suites) != 3 {
		t.Fatalf("Run() = %d suites, %v; want three", len(suites), err)
	}
	for _, s := range suites {
		line, passed := s.Summary()
		t.Log(line)
		if !passed {
			t.Errorf("%s; want it passed", line)
		}
	}
}
