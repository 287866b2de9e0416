"""The commands of the terminal: one table, one file each; those about adapters and predictions stand in their rooms."""
