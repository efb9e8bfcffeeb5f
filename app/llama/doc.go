// Package llama reads llama2.c checkpoints and tokenizers and continues a text
// with them, as run.c of karpathy/llama2.c does, to the bit. It is the plain
// path, meant to be read from top to bottom: config, checkpoint, tokenizer,
// transformer, sampler, generate. What is fast lives elsewhere behind [Engine]
// and is held against this package by tests.
package llama
