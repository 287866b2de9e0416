"""The figures by name, with the tables that each is drawn from. To add one, write its file and add its line here."""

from importlib import import_module
from pathlib import Path
from typing import Any

FIGURES: dict[str, list[str]] = {
    "learning_curves": ["portability"],
    "portability_matrix": ["portability"],
    "paired_differences": ["contrasts"],
    "technique_properties": ["techniques"],
}
# those that only some studies have, by what such a study has (``peftport.study.asked``)
FIGURES_WHERE: dict[str, dict[str, list[str]]] = {
    "rewritten": {"what_survives": ["survival"]},
    "dials": {"dials": ["dials"]},
    "cross_task": {"cross_task": ["cross_task"]},
}


def draw(name: str, tables: dict[str, Any], path: str | Path) -> None:
    """Draw one figure and save it; only its own file is imported."""
    from peftport.figures.style import save

    save(import_module(f"peftport.figures.{name}").draw(tables), path)


def caption(name: str) -> str:
    """The paragraph under a figure."""
    return import_module(f"peftport.figures.{name}").CAPTION
