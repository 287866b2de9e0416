"""How examples are put to a host: templates, label words, token ids, batches."""
