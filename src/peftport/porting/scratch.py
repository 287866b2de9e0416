"""The technique's own fresh initialisation; the target host makes it, so there is nothing to port."""

RULE = "The technique's fresh initialisation in the target host, as if no module had been trained before."
NEEDS = frozenset({"host"})
