"""Texts with choices of their own, one of which is right."""
