"""The figures by name, with the tables that each is drawn from. To add one, write its file and add its line here."""

from importlib import import_module
from pathlib import Path
from typing import Any

from peftport.storage.extensions import added

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
# those of installed packages, drawn in every study from all tables that its report reads
FIGURES_ADDED: dict[str, str] = added("figures")


def module(name: str) -> str:
    """The module of a figure, ours or of an installed package."""
    return FIGURES_ADDED.get(name, f"peftport.figures.{name}")


def draw(name: str, tables: dict[str, Any], path: str | Path) -> None:
    """Draw one figure and save it; only its own file is imported."""
    from peftport.figures.style import save

    save(import_module(module(name)).draw(tables), path)


def caption(name: str) -> str:
    """The paragraph under a figure."""
    return import_module(module(name)).CAPTION
