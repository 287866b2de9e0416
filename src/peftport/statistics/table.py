"""The tables of statistics by name, with what each is computed from. To add one, write its file and its lines here."""

from importlib import import_module
from typing import TYPE_CHECKING

from peftport.settings import StatisticsSettings

if TYPE_CHECKING:  # the Snakefile reads the names, and needs no pandas
    import pandas as pd

STATISTICS: dict[str, list[str]] = {
    "portability": ["runs", "references", "predictions"],
    "contrasts": ["runs", "references", "predictions"],
    "carried": ["runs", "references", "predictions"],
    "advice": ["runs", "predictions"],
    "asymmetry": ["portability", "predictions"],
}
# those that only some studies have, by what such a study has (``peftport.study.asked``), of which they are told
STATISTICS_WHERE: dict[str, dict[str, list[str]]] = {
    "rewritten": {"survival": ["runs", "predictions"]},
    "dials": {"dials": ["runs", "predictions"]},
    "cross_task": {"cross_task": ["runs", "predictions"]},
}
# the settings of the study's section `statistics` that a table depends on
SETTINGS: dict[str, list[str]] = {
    "portability": ["margin"],
    "contrasts": [],
    "carried": ["margin"],
    "advice": ["margin"],
    "asymmetry": [],
}


def settings_of(name: str, settings: StatisticsSettings) -> dict[str, float]:
    """Those of the study's settings that a table depends on."""
    return {key: getattr(settings, key) for key in SETTINGS.get(name, [])}


def compute(name: str, tables: dict[str, "pd.DataFrame"], settings: dict[str, float]) -> "pd.DataFrame":
    """One table of statistics; only its own file is imported.

    Args:
        tables: what it is computed from, by name.
        settings: as ``settings_of`` gives them.
    """
    return getattr(import_module(f"peftport.statistics.{name}"), name)(**tables, **settings)
