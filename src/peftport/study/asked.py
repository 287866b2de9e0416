"""What only some studies have, by name; tables, figures and sections of the report go with it."""

from collections.abc import Callable, Mapping

from peftport.study.rewritten import changes
from peftport.study.study import Study

Entries = Mapping[str, list[str]]  # name of a table or figure to the tables that it is made from
HAS: dict[str, Callable[[Study], bool]] = {
    "rewritten": lambda study: bool(changes(study)),
    "dials": lambda study: bool(study.config.dials),
    "cross_task": lambda study: study.config.statistics.cross_task is not None,
}


def asked(study: Study, where: Mapping[str, Entries]) -> dict[str, list[str]]:
    """The entries of all that this study has.

    Args:
        where: a name of ``HAS`` to entries.
    """
    return {name: needs for key, entries in where.items() if HAS[key](study) for name, needs in entries.items()}


def every(where: Mapping[str, Entries]) -> dict[str, list[str]]:
    """The entries of all that any study may have."""
    return {name: needs for entries in where.values() for name, needs in entries.items()}
