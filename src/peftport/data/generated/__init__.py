"""Generated reviews: words, grammar, texts with labels."""
