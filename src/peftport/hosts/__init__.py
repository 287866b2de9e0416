"""Hosts: frozen pretrained language models with their tokenizers."""
