"""What must go together in a study whose hosts answer with a classification head."""

from collections.abc import Iterator, Mapping

from peftport.hosts.families.table import FAMILIES, family
from peftport.prompting.template import ANSWER
from peftport.storage.provenance import JsonObject
from peftport.study.entries import HEADED
from peftport.study.study import Study

Complaint = tuple[str, str]


def head_complaint(study: Study, declared: Mapping[str, JsonObject | None]) -> Complaint | None:
    """The first thing that does not go together with the heads of a study's hosts: key and message; None if nothing.

    Args:
        declared: of each host what is known before it is there.
    """
    checks = (_families, _without_head, _settings, _templates, _moved_heads)
    return next((wrong for check in checks for wrong in check(study, declared)), None)


def head_notes(study: Study) -> list[str]:
    """Sentences on the heads of a study, for the plan and the report, each without its capital and full stop."""
    if not _classifying(study):
        return []
    notes = [
        "hosts with a classification head have none without a module: the bare host takes all labels in turn, which is "
        "chance"
    ]
    for pair in study.grid.dataset_pairs:
        if _labels(study, pair.source) != _labels(study, pair.target):
            notes.append(
                f"from {pair.source} to {pair.target} modules move without their classification head, because the two "
                "have other label words: every initialisation has the same fresh head there"
            )
    return notes


def _labels(study: Study, dataset: str) -> list[str]:
    """The label words of a dataset in the order of a head's outputs."""
    return study.config.datasets[dataset].words


def _classifying(study: Study) -> list[str]:
    """The hosts of the grid that answer with a classification head."""
    return [name for name in study.grid_hosts if study.config.hosts[name].classifies]


def _families(study: Study, declared: Mapping[str, JsonObject | None]) -> Iterator[Complaint]:
    for name in _classifying(study):
        kind = (declared[name] or {}).get("model_type")
        if kind in FAMILIES and not family(kind).classification:
            known = ", ".join(f"`{one}`" for one in FAMILIES if family(one).classification)
            yield f"hosts.{name}.head", f"hosts of the type `{kind}` have no classification head here. Known: {known}."


def _without_head(study: Study, declared: Mapping[str, JsonObject | None]) -> Iterator[Complaint]:
    """Initialisations that are about a head need hosts that have one."""
    for kind in [kind for kind in study.grid.initialisations if kind in HEADED]:
        for pair in study.grid.transfers:
            for name in (pair.source, pair.target):
                if not study.config.hosts[name].classifies:
                    said = f"`{kind}` is about a classification head, and the host `{name}` has none: expected hosts "
                    yield "grid.initialisations", f"{said}with `head: classification`."


def _settings(study: Study, declared: Mapping[str, JsonObject | None]) -> Iterator[Complaint]:
    for name in _classifying(study):
        if study.config.evaluation.generate:
            yield "evaluation.generate", f"the host `{name}` has a classification head, and that writes nothing."
        if study.precision(name) != "float32":
            said = f"the host `{name}` has a classification head, which is trained in float32 and reads the host's "
            yield study.precision_key(name), f"{said}own numbers: expected float32."


def _templates(study: Study, declared: Mapping[str, JsonObject | None]) -> Iterator[Complaint]:
    for name in study.datasets if _classifying(study) else []:
        if ANSWER in (template := study.config.datasets[name].template):
            said = f"a classification head writes no answer; expected no {ANSWER}, got {template!r}."
            yield f"datasets.{name}.template", said


def _moved_heads(study: Study, declared: Mapping[str, JsonObject | None]) -> Iterator[Complaint]:
    """A head moves between datasets of the same labels alone."""
    if not _classifying(study):
        return
    labels = {name: _labels(study, name) for name in study.datasets}
    if "head_only" in study.grid.initialisations:
        for index, pair in enumerate(study.grid.dataset_pairs):
            if labels[pair.source] != labels[pair.target]:
                said = f"`head_only` moves a head, and {pair.source} has other label words than {pair.target}."
                yield f"grid.dataset_pairs.{index}", said
    if "target_mean" in study.grid.initialisations and len({tuple(words) for words in labels.values()}) > 1:
        said = "`target_mean` is a mean over modules of other datasets, and their heads have other labels."
        yield "grid.initialisations", said
