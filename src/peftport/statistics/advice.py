"""What to do with a module when its host changes, as a decision between ways that each have a score and a cost.

The ways of a move are: copy; copy and train b steps; start again and train b steps; for every budget b of the study.
Their costs are their steps. Between two ways the difference in accuracy is estimated over the seeds and test examples
that both have. With a margin (``statistics.margin``):

* a way is *ruled out* if copying, or starting again, with the largest budget is shown better by more than the margin.
  Copies and new starts are each tested against each of these two, from the cheapest way on, and no further than the
  first that is not ruled out: four chains of one-sided tests, each at a quarter of 5%. Within a chain nothing need be
  corrected (fixed-sequence testing; Westfall and Krishen 2001, Journal of Statistical Planning and Inference 99), so
  that all that is said to be ruled out is wrong in at most 5% of moves;
* a way is *good enough* if it is shown not worse than any other by more than the margin: a one-sided test of
  non-inferiority against each, at 4%, or a test at 1% that its accuracy is above 1 less the margin, for then nothing
  can be better by more; an intersection-union test, so without a correction for the number of ways;
* the *advice* is the cheapest way that is good enough; of two that cost the same, the copy. To start again is advised
  only where every copy that costs no more is ruled out: lack of evidence for a copy is none against it.

Each move is a decision of its own; nothing is corrected for the number of moves. How often the rule errs, and how many
seeds it needs: ``docs/statistics.md``.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from peftport.statistics.example_scores import KEY, Answers, ExampleScores, metrics_of, paired
from peftport.statistics.families import ALPHA
from peftport.statistics.intervals import Estimate, estimate
from peftport.statistics.sample_size import size_that_tells
from peftport.storage.tables import TABLES, Row

CHAINS = 4
BESIDE_OTHERS, NEAR_PERFECT = 0.8 * ALPHA, 0.2 * ALPHA  # how non-inferiority shares out its level
COPY, AGAIN = "copy", "start again"
STARTS = {COPY: "ported", AGAIN: "scratch"}


@dataclass(frozen=True)
class Way:
    """Something that can be done: what the module starts from, and how many steps it is trained."""

    start: str
    steps: int

    @property
    def cost(self) -> tuple[int, bool]:
        """Ways in the order of this are in the order in which they are preferred."""
        return self.steps, self.start == AGAIN


@dataclass(frozen=True)
class Decision:
    """What the differences between ways say.

    Attributes:
        ruled_out: way to one that is shown better by more than the margin; only those that are ruled out.
        good_enough: the ways that are shown not worse than any other by more than the margin.
        advised: the way to take; None where that cannot be told.
        needed: seeds and test examples that would tell, if the spreads are as estimated; None where something is
            advised, or where no size up to the bounds would be enough.
    """

    ruled_out: dict[Way, Way]
    good_enough: list[Way]
    advised: Way | None
    needed: tuple[int, int] | None


Differences = dict[Way, dict[Way, Estimate]]


def advice(runs: pd.DataFrame, predictions: pd.DataFrame, margin: float) -> pd.DataFrame:
    """One row per move and way: its score, its cost, and what the rule of this file says of it.

    Args:
        runs: table `runs`; runs that failed are left out.
        predictions: one row per run and test example, with the columns of the cell.
        margin: the difference in accuracy that is large enough to matter.

    Returns:
        Table `advice`; empty where nothing was ported, or nothing was trained from scratch to compare with.

    Raises:
        ValueError: a run has no predictions.
    """
    answers, runs = ExampleScores(predictions), runs.dropna(subset="score")
    metrics = metrics_of(runs)
    moves: dict[tuple, dict[Way, Answers]] = {}
    for study, *key in runs[["study", *KEY]].drop_duplicates().itertuples(index=False, name=None):
        *route, start, budget = key
        way = next((Way(name, budget) for name, kind in STARTS.items() if kind == start), None)
        if way is not None and way != Way(AGAIN, 0):  # a module that nobody trained is no way
            moves.setdefault((study, *route), {})[way] = answers.need(tuple(key))
    rows: list[Row] = []
    for (study, *route), ways in moves.items():
        if {way.start for way in ways} == set(STARTS):
            technique, _, host, *_, dataset = route
            keys = dict(zip(KEY[:-2], route, strict=True)) | {"study": study, "metric": metrics[dataset]}
            native = answers.native(technique, host, dataset)
            rows += [keys | row for row in _rows(ways, native, margin)]
    return pd.DataFrame(rows, columns=list(TABLES["advice"]))


def _rows(ways: dict[Way, Answers], native: Answers | None, margin: float) -> list[Row]:
    """The rows of one move."""
    differences = differences_of(ways)
    scores = {way: estimate(answers.values) for way, answers in ways.items()}
    decision = decide(differences, scores, margin)
    rows = []
    for way in sorted(ways, key=lambda way: way.cost):
        score, better = scores[way], decision.ruled_out.get(way)
        both = native and paired(ways[way], native)
        below = estimate(both[0] - both[1]) if both else None
        rows.append(
            {"way": way.start, "steps": way.steps, "seeds": score.seeds, "accuracy": score.effect}
            | {"low": max(0.0, score.low), "high": min(1.0, score.high)}
            | {"native_difference": below.effect if below else np.nan}
            | {"native_low": below.low if below else np.nan, "native_high": below.high if below else np.nan}
            | {"ruled_out": better is not None, "good_enough": way in decision.good_enough}
            | {"advised": way == decision.advised}
            | {"better_way": better.start if better else None, "better_steps": better.steps if better else np.nan}
            | {"seeds_needed": decision.needed[0] if decision.needed else np.nan}
            | {"examples_needed": decision.needed[1] if decision.needed else np.nan}
        )
    return rows


def differences_of(ways: dict[Way, Answers]) -> Differences:
    """The estimated difference of every way to every other, over the seeds that both have.

    Args:
        ways: way to its answers.
    """
    differences: Differences = {way: {} for way in ways}
    for way, answers in ways.items():
        for other, their_answers in ways.items():
            if way == other or other in differences[way]:
                continue
            if (both := paired(answers, their_answers)) is not None:
                difference = estimate(both[0] - both[1])
                differences[way][other] = difference
                differences[other][way] = replace(difference, effect=-difference.effect)
    return differences


def decide(differences: Differences, scores: dict[Way, Estimate], margin: float) -> Decision:
    """What to do, by the rule of this file; nothing is told from a single seed.

    Args:
        differences: the difference of every way to every other.
        scores: the accuracy of every way.
        margin: the difference in accuracy that is large enough to matter.
    """
    every = [difference for others in differences.values() for difference in others.values()]
    if not every or min(difference.seeds for difference in every) < 2:
        return Decision({}, [], None, None)
    ruled_out = _ruled_out(differences, margin)
    good = [way for way, others in differences.items() if _good_enough([scores[way], *others.values()], margin)]
    advised = next(
        (way for way in sorted(good, key=lambda way: way.cost) if _may_be_advised(way, differences, ruled_out)), None
    )
    if advised is not None:
        return Decision(ruled_out, good, advised, None)
    best = max(differences, key=lambda way: min(difference.effect for difference in differences[way].values()))
    needed = size_that_tells([scores[best], *differences[best].values()], lambda parts: _good_enough(parts, margin))
    return Decision(ruled_out, good, None, needed)


def _ruled_out(differences: Differences, margin: float) -> dict[Way, Way]:
    """Way to the one that is shown better by more than the margin, along each chain of tests."""
    ruled_out: dict[Way, Way] = {}
    for start in (COPY, AGAIN):
        chain = sorted((way for way in differences if way.start == start), key=lambda way: way.cost)
        for rival in (
            max((way for way in differences if way.start == kind), key=lambda way: way.cost) for kind in STARTS
        ):
            for way in chain:
                if rival not in differences[way] or not differences[way][rival].is_below(-margin, ALPHA / CHAINS):
                    break
                if way not in ruled_out or differences[way][rival].effect < differences[way][ruled_out[way]].effect:
                    ruled_out[way] = rival
    return ruled_out


def _good_enough(parts: list[Estimate], margin: float) -> bool:
    """Whether a way is shown not worse than any other by more than the margin.

    Args:
        parts: its accuracy, and its differences to the others.
    """
    accuracy, *differences = parts
    return accuracy.is_above(1 - margin, NEAR_PERFECT) or all(
        difference.is_above(-margin, BESIDE_OTHERS) for difference in differences
    )


def _may_be_advised(way: Way, differences: Differences, ruled_out: dict[Way, Way]) -> bool:
    """A copy always; to start again only where every copy that costs no more is ruled out."""
    copies = [other for other in differences if other.start == COPY and other.steps <= way.steps]
    return way.start == COPY or all(other in ruled_out for other in copies)
