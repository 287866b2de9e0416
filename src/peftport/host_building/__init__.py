"""Small hosts that the study builds: tokenizer, pretraining, instructions."""
