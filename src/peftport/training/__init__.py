"""Training: modules in one frozen host."""
