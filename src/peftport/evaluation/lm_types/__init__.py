"""How hosts of each language model type answer: encoder-decoder, masked, causal."""
