"""Texts that are answered by one of a few label words, the same for all texts of a dataset."""
