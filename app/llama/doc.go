// Package llama reads llama2.c checkpoints and tokenizers and continues a text
// with them, as run.c of karpathy/llama2.c does, to the bit. It is the plain
// path, meant to be read from top to bottom: config, checkpoint, tokenizer,
// transformer, sampler, generate. What is fast lives elsewhere behind [Engine]
// and is held against this package by tests.
//
// What "to the bit" means: all logits are those of run.c built by gcc with
// -mfma -ffp-contract=fast -fno-tree-vectorize ([Fused]) or with
// -ffp-contract=off ([Strict]), with glibc's expf, powf, sinf and cosf. Those
// two builds differ from each other in a few stories of a thousand, more often
// at top-p 1; outputs kept as references name the build they come from.
package llama
