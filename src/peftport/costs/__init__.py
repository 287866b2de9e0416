"""Costs: what a technique adds to a host, and what it takes there, measured beside the bare host."""
