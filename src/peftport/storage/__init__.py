"""Files: atomic writes, tables and their columns, cards, modules, checksums, provenance."""
