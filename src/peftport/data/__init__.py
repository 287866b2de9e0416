"""Datasets: where texts come from and how they reach a host."""
