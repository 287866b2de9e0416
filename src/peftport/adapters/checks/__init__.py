"""What is looked at, one file each: a function of a case that gives reasons, named in ``table.py``."""
