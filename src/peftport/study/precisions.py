"""What must go together in a study whose hosts have a precision of their own, or are quantised."""

from collections.abc import Iterator

from peftport.hosts.precision import QUANTISED, lacking
from peftport.study.study import Study
from peftport.techniques.table import NOT_QUANTISED

Complaint = tuple[str, str]


def precision_complaint(study: Study) -> Complaint | None:
    """The first thing that does not go together with the precision of a study's hosts: key and message; None if
    nothing.
    """
    checks = (_techniques, _merged, _installed)
    return next((wrong for check in checks for host in _quantised(study) for wrong in check(study, host)), None)


def own_precisions(study: Study) -> dict[str, str]:
    """The precision of every host of the grid, where one of them has its own; else empty."""
    hosts = study.grid_hosts
    given = any(study.config.hosts[name].precision is not None for name in hosts)
    return {name: study.precision(name) for name in hosts} if given else {}


def _quantised(study: Study) -> list[str]:
    return [name for name in study.grid_hosts if study.precision(name) in QUANTISED]


def _techniques(study: Study, host: str) -> Iterator[Complaint]:
    for index, name in enumerate(study.grid.techniques):
        if (reason := NOT_QUANTISED.get(study.config.techniques[name].method)) is not None:
            yield f"grid.techniques.{index}", f"`{name}` is not for {_told(study, host)}: {reason}."


def _merged(study: Study, host: str) -> Iterator[Complaint]:
    if study.config.evaluation.merged:
        said = f"what is merged into {_told(study, host)} would be quantised again"
        yield "evaluation.merged", f"{said}. Expected false."


def _installed(study: Study, host: str) -> Iterator[Complaint]:
    if (reason := lacking(study.precision(host))) is not None:
        yield study.precision_key(host), f"{reason}."


def _told(study: Study, host: str) -> str:
    return f"the quantised host `{host}` (`{study.precision_key(host)}: {study.precision(host)}`)"
