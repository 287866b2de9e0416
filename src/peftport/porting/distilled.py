"""A fresh module that learns the source module's answers in the target host; hosts need not be alike in anything.

Nothing is moved but answers, so there is nothing to port: ``peftport.distillation`` trains it.
"""

RULE = (
    "The technique's fresh initialisation in the target host, trained there without labels for the number of steps in "
    "`distil.steps`: on training texts of the target dataset it learns to answer as the source host with the source "
    "module does."
)
NEEDS = frozenset({"source", "host", "teacher"})
