"""PEFT-Ref's typology as data: techniques described by nine structural properties; no torch."""
