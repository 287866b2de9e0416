"""Texts to which a completion is written."""
