"""The report: one self-contained page that says what came out; no torch."""
