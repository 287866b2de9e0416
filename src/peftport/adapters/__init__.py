"""Adapters that somebody else made: read, and checked against a host, from files."""
