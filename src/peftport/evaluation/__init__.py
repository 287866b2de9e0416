"""Evaluation: scores of a module in its host."""
