"""Files: written whole or not at all, tables and their columns, cards, modules, checksums, provenance."""
