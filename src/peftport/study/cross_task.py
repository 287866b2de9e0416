"""What a study needs that asks which modules of one task help another."""

from collections.abc import Iterator

from peftport.registry import unknown_name
from peftport.study.entries import PORTED, SHARED
from peftport.study.study import Study

KEY = "statistics.cross_task"
Complaint = tuple[str, str]  # a key of the config, and what is wrong there


def cross_task_complaint(study: Study) -> Complaint | None:
    """The first thing that is wrong: key and message; None if nothing."""
    return next(_wrong(study), None) if study.config.statistics.cross_task is not None else None


def _wrong(study: Study) -> Iterator[Complaint]:
    grid = study.grid
    for name in (PORTED, SHARED):
        if name not in grid.initialisations:
            yield KEY, f"expected `{name}` in `grid.initialisations`: {PORTED} modules are compared with {SHARED}."
    if all(pair.source == pair.target for pair in grid.dataset_pairs):
        yield KEY, "expected an entry in `grid.dataset_pairs` with another target than source, there is none."
    for technique, other in study.config.statistics.cross_task.own.items():
        for name in (technique, other):
            if name not in study.techniques:
                yield f"{KEY}.own.{technique}", unknown_name("technique of the grid", name, study.techniques)
