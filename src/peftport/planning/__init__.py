"""What a run makes, and what it makes again: keys, code stamps, the plan."""
