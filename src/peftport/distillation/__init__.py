"""Distillation: a fresh module in a target host learns, without labels, to answer as a source host with a module."""
