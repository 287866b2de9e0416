"""Does a move between two hosts go better in one direction than in the other?"""

import pandas as pd

from peftport.statistics.contrasts import differences
from peftport.statistics.example_scores import Answers, ExampleScores, beside, paired
from peftport.statistics.families import holm_within
from peftport.statistics.intervals import estimate
from peftport.storage.tables import TABLES

INITIALISATION = "ported"
GROUP = ["study", "technique", "map", "source_dataset", "target_dataset", "budget_steps"]


def asymmetry(portability: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """One row per technique x pair of hosts x map x dataset pair x budget, for pairs that were ported both ways.

    What is compared is the accuracy of the ported modules above that of the bare target host: the hosts differ in what
    they can do without a module. Holm's correction is over the rows of one budget.

    Args:
        portability: table `portability`.
        predictions: one row per run and test example, with the columns of the cell.

    Returns:
        Table `asymmetry`; empty without a pair in both directions or without the bare hosts.

    Raises:
        ValueError: a run has no predictions.
    """
    answers = ExampleScores(predictions)
    ported = portability[portability["initialisation"] == INITIALISATION]
    rows = []
    for values, group in ported.groupby(GROUP, sort=False, observed=True):
        gaps = group.set_index(["source_host", "target_host"])["recovered_gap"]
        done = set()
        for first, second in gaps.index:
            if first == second or (second, first) in done or (second, first) not in gaps.index:
                continue
            done.add((first, second))
            keys = dict(zip(GROUP, values, strict=True)) | {"first_host": first, "second_host": second}
            keys["metric"] = group["metric"].iloc[0]
            forward = _lift(answers, keys, first, second)
            backward = _lift(answers, keys, second, first)
            if forward is None or backward is None or (both := paired(forward, backward)) is None:
                continue
            left, right = both
            rows.append(
                keys
                | {"forward": float(left.mean()), "backward": float(right.mean())}
                | {"forward_recovered_gap": gaps[first, second], "backward_recovered_gap": gaps[second, first]}
                | differences(estimate(left - right))
            )
    table = pd.DataFrame(rows, columns=[column for column in TABLES["asymmetry"] if column != "p_value_holm"])
    return table.assign(p_value_holm=holm_within(table, ["study", "budget_steps"]))[list(TABLES["asymmetry"])]


def _lift(answers: ExampleScores, keys: dict, source: str, target: str) -> Answers | None:
    """Ported minus bare, answer by answer; None without the bare host."""
    bare = answers.bare(target, keys["target_dataset"])
    if bare is None:
        return None
    place = keys["technique"], source, target, keys["map"], keys["source_dataset"], keys["target_dataset"]
    ported = answers.need((*place, INITIALISATION, keys["budget_steps"]))
    left, right = beside(ported, bare)
    return Answers(ported.seeds, left - right)
