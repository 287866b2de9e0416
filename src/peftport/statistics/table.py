"""The tables of statistics by name, with what each is computed from. To add one, write its file and its line here."""

from importlib import import_module
from typing import Any

import pandas as pd

STATISTICS: dict[str, list[str]] = {
    "portability": ["runs", "references", "predictions"],
    "contrasts": ["runs", "references", "predictions"],
    "asymmetry": ["portability", "predictions"],
}


def compute(name: str, tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> pd.DataFrame:
    """One table of statistics; only its own file is imported.

    Args:
        tables: what it is computed from, by name.
        settings: the study's statistics section.
    """
    return getattr(import_module(f"peftport.statistics.{name}"), name)(**tables, draws=settings["draws"])
