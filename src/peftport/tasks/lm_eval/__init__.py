"""Tasks of lm-evaluation-harness: it tests, and their training split teaches."""
