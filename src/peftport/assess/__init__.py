"""From an adapter and a file of examples to a verdict: one command that makes a study, runs it and reads its tables."""
