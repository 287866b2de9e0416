"""Figures: tables in, pictures out; no torch.

Each file draws one figure and has ``NEEDS`` (the tables that it reads), ``CAPTION`` and ``draw(tables) -> Figure``.
"""
