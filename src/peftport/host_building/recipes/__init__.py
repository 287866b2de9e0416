"""Recipes of hosts that are built here: their shape, their tokenizer's special tokens, what they are taught from."""
