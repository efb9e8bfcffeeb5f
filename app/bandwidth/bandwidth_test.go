package bandwidth

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMeasure(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 3<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	last, all := -1, 0
	r, err := Measure(t.Context(), Options{File: file, Short: time.Millisecond, Progress: func(done, total int) {
		if done != last+1 {
			t.Errorf("progress %d follows %d", done, last)
		}
		last, all = done, total
	}})
	if err != nil {
		t.Fatal(err)
	}
	if last != all || all != 3+len(kernels()) {
		t.Errorf("progress ended with %d of %d", last, all)
	}
	for name, v := range map[string]float64{
		"clock": r.Clock, "read": r.Memory.Read, "cached read": r.Memory.Hit, "card": r.Card.Sequential, "4 KB": r.Card.Random,
	} {
		if !(v > 0) || math.IsInf(v, 0) {
			t.Errorf("%s = %v; want a positive figure", name, v)
		}
	}
	for _, k := range r.Kernels {
		if !(k.Bytes > 0 && k.MACs > 0 && k.Cached > 0 && k.Cycles > 0) || k.Fill < 0 {
			t.Errorf("kernel = %+v; want positive figures", k)
		}
		// Both are of the same passes: weights of 4, 1 and a half byte.
		bytes := map[byte]float64{'f': 4, '8': 1, '4': 0.5}[k.Name[0]]
		positions := 1.0
		if strings.Contains(k.Name, "six") {
			positions = 6
		}
		if got := k.Bytes / k.MACs * positions; math.Abs(got-bytes) > 0.05*bytes {
			t.Errorf("%s: %.2f bytes a weight; want %v", k.Name, got, bytes)
		}
	}
	var table bytes.Buffer
	if err := r.WriteTable(&table); err != nil || !strings.Contains(table.String(), r.Environment.Kind) || strings.Contains(table.String(), "NaN") {
		t.Errorf("table = %s, %v", &table, err)
	}
	t.Logf("\n%s", &table)
}

func TestMeasureErrors(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(ctx, Options{Short: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("Measure, interrupted = %v", err)
	}
	small := filepath.Join(t.TempDir(), "small")
	if err := os.WriteFile(small, make([]byte, 100), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{small: "100 bytes only", "/does/not/exist": "/does/not/exist"} {
		if _, err := Measure(t.Context(), Options{File: name, Short: 1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Measure with %s = %v; want %q", name, err, want)
		}
	}
}

// TestFill holds the memory to what its three readers ask for.
func TestFill(t *testing.T) {
	memory := make([]byte, 4096)
	fill(memory)
	for i, b := range memory {
		if b < 1 || b > largest || b&15 == 0 {
			t.Fatalf("byte %d is %#x", i, b)
		}
	}
	for i, v := range view[float32](memory) {
		if !(v > 0.01 && v < 0.1) {
			t.Fatalf("float %d is %v", i, v)
		}
	}
}

func TestTouch(t *testing.T) {
	words := make([]uint64, 1024)
	for i := range words {
		words[i] = uint64(i)
	}
	want := uint64(0)
	for i := 0; i < len(words); i += line / 8 {
		want += uint64(i)
	}
	if got := touch(words); got != want {
		t.Errorf("touch = %d; want %d: one word of each line", got, want)
	}
	if got := sum(words); got != 1024*1023/2 {
		t.Errorf("sum = %d", got)
	}
	if got := additions(1); got != 5702887 {
		t.Errorf("additions(1) = %d; want the 34th Fibonacci number, 5702887", got)
	}
}
