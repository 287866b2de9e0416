"""What a host of each language model type is trained further on: examples made from windows of text."""
