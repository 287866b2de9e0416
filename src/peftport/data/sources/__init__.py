"""Where the examples of a dataset come from, one file for each kind of source."""
