"""Families of hosts, one small file each: where modules can sit in them, and how they are asked."""
