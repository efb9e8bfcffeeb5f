// Package engine continues a story as run.c does, token for token, in a
// fraction of the memory traffic; or, when asked to be fast, nearly as run.c
// does, in a fraction of that.
//
// A token needs all layers, 24 MB of float32 weights in a 15M model, and the
// board's memory is slow. So several positions go through each layer together
// (MatMulF32 computes each as if it were alone). To have several, a
// draft guesses the next tokens: the same layers with eight bits a weight, the
// classifier's likely rows only, and the very coins that the sampler will use.
// Then the exact layers compute all the guessed positions, and the decisions are
// made in order, by package classifier, up to the first that differs from
// the guess; its token is right as well, what was computed after it is dropped.
// So the text is exact whatever the draft is worth; a bad draft costs time.
// (Y. Leviathan and others, "Fast Inference from Transformers via Speculative
// Decoding", 2023, with the coins shared instead of a rejection step.)
//
// A prompt's positions are known and go through the layers together anyway.
//
// The fast engine takes the draft's layers for the real ones and decides with
// the same classifier, several positions at a time.
package engine
