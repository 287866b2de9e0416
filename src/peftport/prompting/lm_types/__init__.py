"""How hosts of each language model type are asked: encoder-decoder, masked, causal."""
