"""Maps between hosts of unequal shape: how a correspondence is estimated, and how a module is carried along it."""
