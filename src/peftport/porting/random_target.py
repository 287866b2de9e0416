"""A module that has learned to answer with the label words, and nothing about which text deserves which."""

from peftport.porting import ported

RULE = (
    "The source module trained anew on the same texts with their labels shuffled, and then copied bit for bit: "
    "it has learned to write the label words, and not the task."
)
NEEDS = frozenset({"source"})

start = ported.start
