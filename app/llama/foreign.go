package llama

import (
	"bytes"
	"fmt"
)

// foreign names the kinds of file that people take for a checkpoint, by how
// they begin, and says what to do with each.
var foreign = []struct{ magic, what string }{
	{"24ka", "a checkpoint of llama2.c's newer export (\"ak42\": version 1, or the int8 version 2): export it again with --version 0, the legacy fp32 format"},
	{"GGUF", "a GGUF file of llama.cpp: what is read here is llama2.c's legacy fp32 format, `export.py --version 0`"},
	{"lmgg", "a GGML file of llama.cpp: what is read here is llama2.c's legacy fp32 format, `export.py --version 0`"},
	{"fmgg", "a GGML file of llama.cpp: what is read here is llama2.c's legacy fp32 format, `export.py --version 0`"},
	{"tjgg", "a GGML file of llama.cpp: what is read here is llama2.c's legacy fp32 format, `export.py --version 0`"},
	{"version https://git-lfs", "a pointer of Git LFS, not the file it stands for: run `git lfs pull` in the repository that it is from, or download the file itself"},
	{"PK\x03\x04", "a zip archive, as PyTorch's .pt and .pth files are: export it to llama2.c's legacy fp32 format with `export.py --version 0`"},
	{"\x80\x02}q\x00", "a PyTorch file: export it to llama2.c's legacy fp32 format with `export.py --version 0`"},
	{"\x1f\x8b", "packed by gzip: unpack it first"},
	{"\xfd7zXZ\x00", "packed by xz: unpack it first"},
	{"\x28\xb5\x2f\xfd", "packed by zstd: unpack it first"},
	{"DUOSTORY", "a packed checkpoint: only the engines exact and fast read it; here the checkpoint that it was made from is wanted"},
}

// checkForeign reports a file that begins like one of another kind.
func checkForeign(head []byte) error {
	for _, f := range foreign {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return fmt.Errorf("not a llama2.c checkpoint but %s", f.what)
		}
	}
	text := bytes.ToLower(bytes.TrimLeft(head, " \t\r\n\xef\xbb\xbf"))
	for _, tag := range []string{"<!doctype", "<html", "<?xml"} {
		if bytes.HasPrefix(text, []byte(tag)) {
			return fmt.Errorf("not a llama2.c checkpoint but a web page: the download brought an error, or a page about the file; download the file itself")
		}
	}
	if len(head) > 9 && head[8] == '{' && head[9] == '"' { // the header's length, then JSON
		return fmt.Errorf("not a llama2.c checkpoint but a safetensors file: export the model to llama2.c's legacy fp32 format with `export.py --version 0`")
	}
	return nil
}
