package llama

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestForeign gives files of other kinds as checkpoints: the error names the kind
// and what to do.
func TestForeign(t *testing.T) {
	le := func(v ...uint32) string {
		var b []byte
		for _, n := range v {
			b = binary.LittleEndian.AppendUint32(b, n)
		}
		return string(b)
	}
	rest := strings.Repeat("\x00", 300)
	for _, tt := range []struct{ name, data, want string }{
		{"GGUF", "GGUF" + le(3) + rest, "GGUF"},
		{"version 3 of ak42", le(0x616b3432, 3, 288, 768, 6, 6, 6, 32000, 256) + rest, "versions 1 and 2"},
		{"GGML", le(0x67676d6c) + rest, "GGML"},
		{"LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:cd590644d963867a2b6e5a1107f51fad663c41d79c149fbecbbb1f95fa81f49a\nsize 60816028\n", "git lfs pull"},
		{"PyTorch", "PK\x03\x04" + rest, "export.py"},
		{"safetensors", "\x40\x01\x00\x00\x00\x00\x00\x00{\"__metadata__\"" + rest, "imagebuilder convert"},
		{"older PyTorch", "\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + rest, "export.py"},
		{"config.json", "{\n  \"architectures\": [\"LlamaForCausalLM\"]" + rest, "imagebuilder convert"},
		{"web page", "\n<!DOCTYPE html><html>not found</html>", "web page"},
		{"short web page", "<html></html>", "web page"},
		{"gzip", "\x1f\x8b" + rest, "gzip"},
		{"packed", "DUOSTORY" + rest, "packed checkpoint"},
		{"nothing known", "abcdefgh" + rest, "not a llama2.c checkpoint"},
	} {
		name := filepath.Join(t.TempDir(), "model.bin")
		if err := os.WriteFile(name, []byte(tt.data), 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := OpenCheckpoint(name)
		if err == nil {
			c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: OpenCheckpoint = %v; want one line with %q and the file's name", tt.name, err, tt.want)
		}
	}
}
