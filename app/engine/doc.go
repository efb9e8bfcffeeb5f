// Package engine continues a story as run.c does, token for token, in a
// fraction of the memory traffic; or, when asked to be fast, nearly as run.c
// does, in a fraction of that.
//
// A token needs all layers, 24 MB of float32 weights in a 15M model, and the
// board's memory is slow. So several positions go through each layer together
// (MatMulF32 computes each as if it were alone). To have several, a
// draft guesses the next tokens: the same layers with four bits a weight, the
// classifier's likely rows only, and the very coins that the sampler will use. It
// goes on as long as its guesses are likely right: those of a draw close to an edge,
// where a small error of the logits decides, rarely are, as it learns on the way.
// Then the exact layers compute all the guessed positions, and the decisions are
// made in order, by package classifier, up to the first that differs from
// the guess; its token is right as well, what was computed after it is dropped.
// So the text is exact whatever the draft is worth; a bad draft costs time.
// (Y. Leviathan and others, "Fast Inference from Transformers via Speculative
// Decoding", 2023, with the coins shared instead of a rejection step.)
//
// A prompt's positions are known and go through the layers together anyway.
//
// A model whose float32 layers do not fit into the memory, such as stories42M's 101 MB on a
// board of 64, keeps its draft alone. The layers are read from the card for each pass, in
// order and a piece ahead of the computation. A pass takes seconds then, so that up to 32
// positions share it: what decides is the bytes of a pass by the tokens that it settles.
// The fast engine reads its layers likewise where even four bits a weight are too many, as
// of stories110M; it has no cheaper draft, so each token takes a pass.
//
// A PC need not pack a checkpoint first: the exact engine tells from llama2.c's own
// file at once, one position after the other, because no draft is packed. Its first
// tokens take the whole classifier; meanwhile an eight-bit one is made of it, with
// bounds, which package classifier decides by from then on.
//
// The fast engine never loads the float32 layers: it computes with the draft's, if
// they cost less than a hundredth of the loss, or with layers of seven bits a weight, and
// takes the draft's draw for the decision where only a large error of the logits would
// change it. The other positions are decided by the same classifier, several at a
// time, as far as it can by what it screens: where it would have to read from the card to
// be sure, half a second or two, the draft's draw stands.
package engine
