"""Statistics: tables in, tables out; no torch."""
