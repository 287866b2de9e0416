"""What must go together in a study whose starts learn from a teacher, and what is said of it."""

from collections.abc import Iterator

from peftport.study.entries import SHARED, TAUGHT
from peftport.study.study import Study

Complaint = tuple[str, str]  # a key of the config, and what is wrong there


def taught_in(study: Study) -> bool:
    """Whether starts of this study learn from a teacher."""
    return not set(study.grid.initialisations).isdisjoint(TAUGHT)


def distil_complaint(study: Study) -> Complaint | None:
    """The first thing that `distilled` lacks: its steps, label words, a teacher that answers so; None if nothing."""
    checks = (_steps, _words, _heads) if taught_in(study) else ()
    return next((wrong for check in checks for wrong in check(study)), None)


def distil_notes(study: Study) -> list[str]:
    """Sentences for the plan and the report, each without its capital and full stop: steps, and what is compared."""
    if not taught_in(study):
        return []
    steps = study.config.distil.steps
    said = f"`distilled` is trained for {steps:,} steps without labels before its first budget"
    lacks = [f"a fair comparison is missing: {lack}" for lack in _unfair(study)]
    return [f"{said}: no score of it is zero-shot", *lacks]


def fair_budget(study: Study) -> int:
    """The budget at which `scratch` has taken as many steps, with labels, as `distilled` before its smallest one."""
    return study.config.distil.steps + study.budgets[0]


def _unfair(study: Study) -> Iterator[str]:
    """What a study lacks in which modules from scratch would be seen after as many steps."""
    if SHARED not in study.grid.initialisations:
        yield f"give `grid.initialisations` `{SHARED}`, which is trained with labels for as long as `distilled` without"
    elif fair_budget(study) not in study.budgets:
        yield f"give `grid.budgets` {fair_budget(study):,}, where `{SHARED}` has taken as many steps as `distilled`"


def _steps(study: Study) -> Iterator[Complaint]:
    if study.config.distil is None:
        yield "distil", "expected `steps`, for how long `distilled` is trained without labels, got nothing."


def _words(study: Study) -> Iterator[Complaint]:
    for index, pair in enumerate(study.grid.dataset_pairs):
        dataset = study.config.datasets[pair.target]
        if not dataset.words:
            said = f"`distilled` learns a distribution over label words, and `{pair.target}` ({dataset.kind}) has none."
            yield f"grid.dataset_pairs.{index}.target", f"{said} Expected a dataset with `labels`."


def _heads(study: Study) -> Iterator[Complaint]:
    """A teacher with a classification head answers with the labels that its head was trained on, and no others."""
    classifying = [move.source for move in study.grid.transfers if study.config.hosts[move.source].classifies]
    for index, pair in enumerate(study.grid.dataset_pairs):
        own, asked = (study.config.datasets[name].words for name in (pair.source, pair.target))
        if classifying and own != asked:
            said = f"the classification head of a teacher in `{classifying[0]}` answers {', '.join(own)}"
            yield f"grid.dataset_pairs.{index}", f"`distilled`: {said}; `{pair.target}` has {', '.join(asked)}."
