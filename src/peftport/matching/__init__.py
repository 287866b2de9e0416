"""Matching: a control made as large in the target host as the ported module."""
