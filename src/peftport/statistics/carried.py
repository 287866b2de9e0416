"""Does a move carry task knowledge? One test per move and budget, and one family of tests per sentence."""

from collections import Counter

import numpy as np
import pandas as pd

from peftport.statistics.contrasts import compared, differences, sides
from peftport.statistics.example_scores import KEY, Answers, ExampleScores, beside, constant_is_right, metrics_of
from peftport.statistics.families import ALPHA, holm_within
from peftport.statistics.intervals import Estimate, estimate
from peftport.statistics.recovered_gap import SMALLEST_GAP, over_bare
from peftport.statistics.sample_size import size_that_tells
from peftport.storage.tables import TABLES

# What a ported module must beat, each, to be said to carry task knowledge; the bare host where none of them was run.
CONTROLS = ("sampled", "matched", "scratch")
CONSTANT = "constant"  # and, beside them, the best answer that reads no text, where there is one
FAMILY = ["study", "budget_steps"]
BUDGET = KEY.index("budget_steps")
# the outcomes of a move
CARRIED, NOT_CARRIED, OPEN, CANNOT_TELL = "carried", "not_carried", "open", "cannot_tell"


def carried(runs: pd.DataFrame, references: pd.DataFrame, predictions: pd.DataFrame, margin: float) -> pd.DataFrame:
    """One row per technique x transfer x dataset pair x budget: whether ported modules beat every control.

    "Beats every control" is an intersection-union test (Berger 1982, Technometrics 24): its p-value is the largest of
    those of its parts, without a correction for their number, and 1 where ported is not ahead of one of them. Holm's
    correction is over the moves at one budget, for these are what a sentence counts. The outcome of a move:

    * ``cannot_tell``: there is one seed only; or neither native nor ported modules are shown to be above the bare host
      by ``SMALLEST_GAP``, so there is nothing to carry that this study could see;
    * ``carried``: the corrected p-value is below 5%;
    * ``not_carried``: ported is shown not to beat one of the controls by more than the margin (one-sided, 5% shared
      among the controls);
    * ``open``: neither is shown.

    Args:
        runs: table `runs`; runs that failed are left out.
        references: table `references`.
        predictions: one row per run and test example, with the columns of the cell.
        margin: the difference in accuracy that is large enough to matter.

    Returns:
        Table `carried`; empty where nothing was ported or there is nothing to compare with.

    Raises:
        ValueError: a run has no predictions.
    """
    answers, metrics, moves = ExampleScores(predictions), metrics_of(runs), {}
    for study, key, baseline in compared(runs, references):
        if (both := sides(answers, key, baseline)) is not None:
            moves.setdefault((study, key), {})[baseline] = estimate(both[0] - both[1])
    controls = controls_of({name for estimates in moves.values() for name in estimates})
    counted = [place for place, estimates in moves.items() if not estimates.keys().isdisjoint(controls)]
    together = Counter((study, key[BUDGET]) for study, key in counted)  # moves that one sentence is about
    constants, rows = constant_answers(runs, predictions), []
    for (study, key), estimates in moves.items():
        if against_controls := {name: estimates[name] for name in controls if name in estimates}:
            technique, _, host, _, _, dataset, *_ = key
            if dataset in constants:
                against_controls[CONSTANT] = estimate(np.subtract(*beside(answers.need(key), constants[dataset])))
            gap = _gap(answers, technique, host, dataset)
            keys = dict(zip(KEY, key, strict=True)) | {"study": study, "metric": metrics[dataset]}
            del keys["initialisation"]
            rows.append(
                keys
                | tested(against_controls, together[study, key[BUDGET]])
                | {"learnt": _learnt(gap, estimates.get("bare")), "shown_not": shown_not(against_controls, margin)}
            )
    names = [name for name in TABLES["carried"] if name not in ("p_value_holm", "outcome")]
    table = pd.DataFrame(rows, columns=[*names, "learnt", "shown_not"])
    table["p_value_holm"] = holm_within(table, FAMILY)
    table["outcome"] = [
        _outcome(row.learnt and row.seeds > 1, row.p_value_holm, row.shown_not) for row in table.itertuples(index=False)
    ]
    return table[list(TABLES["carried"])]


def controls_of(names: set[str]) -> list[str]:
    """What ported must beat, of what it is compared with."""
    return [name for name in CONTROLS if name in names] or sorted({"bare"} & names)


def constant_answers(runs: pd.DataFrame, predictions: pd.DataFrame) -> dict[str, Answers]:
    """Target dataset to the answers of one that always gives the test set's most frequent label.

    Only of datasets whose answers are labels.
    """
    labelled = set(runs.dropna(subset="macro_f1")["target_dataset"])
    return {
        dataset: Answers(np.zeros(1, int), constant_is_right(frame)[np.newaxis].astype(np.float32))
        for dataset, frame in predictions.groupby("target_dataset", sort=False, observed=True)
        if dataset in labelled
    }


def tested(estimates: dict[str, Estimate], moves: int) -> dict[str, object]:
    """The intersection-union test over the controls: the closest one, its difference, and the largest p-value.

    Args:
        moves: that are corrected for together; seeds and examples needed are those that are enough whatever the others
            say, and so at most too many.
    """
    closest = min(estimates, key=lambda name: estimates[name].effect)
    p_values = [part.p_value if part.effect > 0 else 1.0 for part in estimates.values()]
    needed = size_that_tells(
        list(estimates.values()), lambda parts: all(part.is_above(0.0, ALPHA / 2 / moves) for part in parts)
    )
    return differences(estimates[closest]) | {
        "controls": ",".join(estimates),
        "closest_control": closest,
        "p_value": max(p_values),
        "seeds_needed": needed[0] if needed else np.nan,
        "examples_needed": needed[1] if needed else np.nan,
    }


def _gap(answers: ExampleScores, technique: str, host: str, dataset: str) -> Estimate | None:
    """Native minus bare; None where one of them was not run."""
    bare, native = answers.bare(host, dataset), answers.native(technique, host, dataset)
    return estimate(over_bare(native.values, bare)) if bare and native else None


def _learnt(gap: Estimate | None, lift: Estimate | None) -> bool:
    """Whether modules here are shown to know something; taken to be so where there is no reference to show it."""
    if gap is None:
        return True
    return gap.low >= SMALLEST_GAP or (lift is not None and lift.low >= SMALLEST_GAP)


def shown_not(estimates: dict[str, Estimate], margin: float) -> bool:
    """Whether ported is shown not to beat one of the controls by more than the margin."""
    return any(difference.is_below(margin, ALPHA / len(estimates)) for difference in estimates.values())


def _outcome(can_tell: bool, p_value: float, shown_not: bool) -> str:
    if not can_tell:
        return CANNOT_TELL
    return CARRIED if p_value < ALPHA else NOT_CARRIED if shown_not else OPEN
