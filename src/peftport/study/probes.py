"""Datasets that a study only tests on (`grid.probes`): what must go together with them."""

from collections.abc import Iterator

from peftport.study.entries import PORTED
from peftport.study.study import Study

KEY = "grid.probes"
Complaint = tuple[str, str]  # a key of the config, and what is wrong there


def probe_complaint(study: Study) -> Complaint | None:
    """The first thing that is wrong: key and message; None if nothing."""
    checks = (_of_the_grid, _heads) if study.grid.probes else ()
    return next((wrong for check in (*checks, _to_train_on) for wrong in check(study)), None)


def _of_the_grid(study: Study) -> Iterator[Complaint]:
    pairs = study.grid.dataset_pairs
    for index, name in enumerate(study.grid.probes):
        if any(name in (pair.source, pair.target) for pair in pairs):
            yield f"{KEY}.{index}", f"expected a dataset that no pair of `grid.dataset_pairs` has, got `{name}`."
    if len(pairs) > 1:
        yield KEY, f"expected one entry in `grid.dataset_pairs`, which says what is trained on, got {len(pairs)}."
    if PORTED not in study.grid.initialisations:
        yield KEY, f"expected `{PORTED}` in `grid.initialisations`: these modules are tested on them."


def _heads(study: Study) -> Iterator[Complaint]:
    for name in study.grid_hosts:
        if study.config.hosts[name].classifies:
            said = f"the host `{name}` answers with a module's classification head, which knows the labels of one "
            yield KEY, f"{said}dataset; expected hosts without `head: classification`."


def _to_train_on(study: Study) -> Iterator[Complaint]:
    for name in study.datasets:
        if name not in study.grid.probes and study.config.datasets[name].source.is_only_tested:
            said = "expected training examples, every file here is to test or validate on"
            yield f"datasets.{name}.source.files", f"{said}; only a dataset in `{KEY}` may be so."
