package llama

import (
	"bytes"
	"fmt"
)

// What to do about files that others can convert.
const (
	exports       = ": what is read here is what llama2.c's export.py writes, and `imagebuilder convert` makes of Hugging Face's safetensors: look for the model in one of these forms"
	exportPyTorch = ": convert it with llama2.c's `export.py FILE --checkpoint IT`, or take the model as safetensors and `imagebuilder convert`"
)

// foreign names the kinds of file that people take for a checkpoint, by how
// they begin, and says what to do with each.
var foreign = []struct{ magic, what string }{
	{"GGUF", "a GGUF file of llama.cpp" + exports},
	{"lmgg", "a GGML file of llama.cpp" + exports},
	{"fmgg", "a GGML file of llama.cpp" + exports},
	{"tjgg", "a GGML file of llama.cpp" + exports},
	{"version https://git-lfs", "a pointer of Git LFS, not the file it stands for: run `git lfs pull` in the repository that it is from, or download the file itself"},
	{"PK\x03\x04", "a zip archive, as PyTorch's .pt, .pth and .bin files are" + exportPyTorch},
	{"\x80\x02}q\x00", "a PyTorch file" + exportPyTorch},
	{"\x80\x02\x8a\x0al\xfc\x9cF\xf9", "a PyTorch file" + exportPyTorch},
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
	if bytes.HasPrefix(text, []byte("{")) {
		return fmt.Errorf("not a llama2.c checkpoint but JSON, as config.json and tokenizer.json of a Hugging Face model are: `imagebuilder convert FOLDER` takes the folder that they are in")
	}
	if len(head) > 9 && head[8] == '{' && head[9] == '"' { // the header's length, then JSON
		return fmt.Errorf("not a llama2.c checkpoint but a safetensors file: `imagebuilder convert FOLDER` makes one of the folder that it is in, with config.json and the tokenizer")
	}
	return nil
}
