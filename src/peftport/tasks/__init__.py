"""Kinds of tasks: how the examples of a dataset are read, put to a host and scored; one folder for each kind."""
