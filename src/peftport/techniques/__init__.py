"""Techniques: PEFT methods, one file each, reached lazily by name."""
