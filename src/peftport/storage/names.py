"""Names that stand in files of several rooms."""

COPY = "copy"  # as a map: modules go as they are, and no map carries them
