// Package llama reads llama2.c checkpoints and tokenizers and continues a text
// with them, as run.c of karpathy/llama2.c does, to the bit. It is the plain
// path, meant to be read from top to bottom: config, checkpoint, tokenizer,
// transformer, sampler, generate. What is fast lives elsewhere behind [Engine]
// and is held against this package by tests.
//
// What "to the bit" means: all logits are those of run.c built by gcc -O3
// -ffp-contract=off with glibc's expf, powf, sinf and cosf: every product is
// rounded to float32 before it is added, sums run in run.c's order. The explicit
// conversions float32(x*y) say so to compilers that would fuse the two. Builds
// of run.c that fuse (gcc's default for riscv64, -mfma elsewhere) tell another
// story in about 2 of 375 cases, most often at top-p 1.
package llama
