"""The short answer: what the study can say, in this order: that it cannot tell, carried, not carried, mixed."""

from collections import Counter

import pandas as pd

from peftport.figures.style import metric_name, signed
from peftport.report.facts import NamedSettings
from peftport.report.phrases import MOVE, alternative, capital, controls_in, count, listing, moment, share_of
from peftport.statistics.carried import CANNOT_TELL, CARRIED, CONSTANT, NOT_CARRIED, OPEN
from peftport.statistics.recovered_gap import SMALLEST_GAP


def headline(ported: pd.DataFrame, summary: pd.DataFrame, carried: pd.DataFrame, settings: NamedSettings) -> list[str]:
    """Sentences: the answer at the smallest budget, the same at the largest, and what the words mean.

    Args:
        ported: the rows of table `portability` that are about ported modules.
        summary: the whole table.
        carried: table `carried`.
        settings: what is said of a remedy names their values.
    """
    if carried.empty:
        return ["There is nothing to compare the ported modules with: no alternative was run."]
    budgets = sorted({int(carried["budget_steps"].min()), int(carried["budget_steps"].max())})
    first = carried[carried["budget_steps"] == budgets[0]]
    sentences = [_answer(first, settings.margin), *_by_score(first), *_reasons(first, ported, settings)]
    if len(budgets) > 1:
        last = carried[carried["budget_steps"] == budgets[1]]
        sentences += [_afterwards(first, last), *_at_chance(summary, budgets[1])]
    return [*sentences, _meaning(first)]


def _answer(rows: pd.DataFrame, margin: float) -> str:
    """The first sentence."""
    told, moves, against = Counter(rows["outcome"]), len(rows), _against(rows)
    budget = int(rows["budget_steps"].iloc[0])
    start = "without any training in the target host" if budget == 0 else moment(budget)
    beat = f"{start}, ported modules beat {against} in {share_of(told[CARRIED], moves)}"
    no_better = f"ported modules are shown not to beat them by more than {signed(margin)[1:]} points"
    if not told[CARRIED] and not told[NOT_CARRIED]:
        return f"This study cannot tell whether task knowledge survives the move: {start}, in none of {moves:,} moves."
    if told[CARRIED] == moves:
        return f"Task knowledge survives the move: {beat}."
    if not told[NOT_CARRIED]:
        return f"Task knowledge survives some moves: {beat}. Of the others this study cannot tell."
    if not told[CARRIED]:
        rest = "" if told[NOT_CARRIED] == moves else " Of the others this study cannot tell."
        where = share_of(told[NOT_CARRIED], moves)
        return f"Task knowledge does not survive the move: {start}, {no_better} in {where}.{rest}"
    rest = moves - told[CARRIED] - told[NOT_CARRIED]
    unknown = f" Of {count(rest, 'move')} this study cannot tell." if rest else ""
    return f"Task knowledge survives some moves and not others: {beat}; {no_better} in {told[NOT_CARRIED]:,}.{unknown}"


def _by_score(rows: pd.DataFrame) -> list[str]:
    """Where moves are scored in several ways, what is said of each: choosing may survive a move and writing not."""
    if "metric" not in rows or rows["metric"].nunique() < 2:
        return []
    parts = []
    for metric, group in rows.groupby("metric", sort=False):
        told = Counter(group["outcome"])
        said = f"ahead in {told[CARRIED]:,} of {count(len(group), 'move')}, shown not to be in {told[NOT_CARRIED]:,}"
        datasets = listing(list(dict.fromkeys(group["target_dataset"])))
        parts.append(f"by {metric_name(str(metric))} ({datasets}) {said}")
    return [f"Score by score, ported modules are {'; '.join(parts)}."]


def _reasons(rows: pd.DataFrame, ported: pd.DataFrame, settings: NamedSettings) -> list[str]:
    """Why the study cannot tell of some moves, and what to change."""
    reasons = []
    if (single := rows[rows["seeds"] < 2]).shape[0]:
        reasons.append(
            f"In {share_of(len(single), len(rows))} there is one seed, which says nothing of the spread between seeds: "
            "give `grid.seeds` at least three."
        )
    mute = rows[(rows["outcome"] == CANNOT_TELL) & (rows["seeds"] > 1)]
    if len(mute):
        reasons.append(_not_learnt(mute, len(rows), ported, settings))
    unknown = rows[rows["outcome"] == OPEN]
    if len(unknown):
        reasons.append(_open(unknown, len(rows)))
    return reasons


def _not_learnt(mute: pd.DataFrame, moves: int, ported: pd.DataFrame, settings: NamedSettings) -> str:
    """Moves in which nothing was learnt that could be carried."""
    here = ported.merge(mute[[*MOVE, "budget_steps"]], on=[*MOVE, "budget_steps"])
    levels = f"native {_range(here['native_accuracy'])}, bare {_range(here['bare_accuracy'])}"
    now = f" (now {settings.source_steps:,})" if settings.source_steps else ""
    return (
        f"In {share_of(len(mute), moves)} there is nothing to carry that the study could see: the target host's own "
        f"modules are not shown to be {100 * SMALLEST_GAP:.0f} points above the bare host ({levels}). Raise "
        f"`training.source_steps`{now} or the technique's `learning_rate` (a list of rates is tried by validation), "
        "and look at the loss curves; or more seeds, if they spread widely."
    )


def _open(unknown: pd.DataFrame, moves: int) -> str:
    """Moves of which more seeds or examples would tell."""
    text = (
        f"In {share_of(len(unknown), moves)} the data show neither that ported modules are ahead nor that they are not"
    )
    needed = unknown.dropna(subset="seeds_needed")
    ahead = needed[needed["difference"] > 0]
    if ahead.empty:
        return f"{text}. More seeds (`grid.seeds`, now {int(unknown['seeds'].max())}) would narrow it."
    worst = ahead.loc[ahead["seeds_needed"].idxmax()]
    seeds, examples = int(worst["seeds_needed"]), int(worst["examples_needed"])
    return (
        f"{text}. If differences and spreads are as they seem here, {count(seeds, 'seed')} (now "
        f"{int(worst['seeds'])}) and {examples:,} test examples would tell in {count(len(ahead), 'move')}."
    )


def _afterwards(first: pd.DataFrame, last: pd.DataFrame) -> str:
    """In how many moves ported is ahead after the longest training."""
    ahead, moves = int((last["outcome"] == CARRIED).sum()), len(last)
    still = "still " if (first["outcome"] == CARRIED).any() else ""
    after = f"{capital(moment(int(last['budget_steps'].iloc[0])))} they are"
    if moves == 1:
        return f"{after} {still}ahead." if ahead else f"{after} not shown to be ahead."
    return (
        f"{after} {still}ahead in {ahead:,} of {moves:,}."
        if ahead
        else f"{after} shown to be ahead in none of {moves:,}."
    )


def _at_chance(summary: pd.DataFrame, budget: int) -> list[str]:
    """Where modules from scratch never left chance, the budgets are too small to say what training brings."""
    scratch = summary[(summary["initialisation"] == "scratch") & (summary["budget_steps"] == budget)]
    if scratch.empty or "majority_share" not in scratch:
        return []
    stuck = scratch[scratch["accuracy_low"] <= scratch["majority_share"]]
    if stuck.empty:
        return []
    return [
        f"In {share_of(len(stuck), len(scratch))} modules from scratch are then not shown to be above a constant "
        f"answer (accuracy {_range(stuck['accuracy_mean'])}, a constant answer {_range(stuck['majority_share'])}). "
        "Being ahead of them says there that the budgets are too small, not how much training is saved: give "
        "`grid.budgets` a larger one."
    ]


def _meaning(rows: pd.DataFrame) -> str:
    names, moves = controls_in(rows), len(rows)
    each = " each" if len(names) > 1 else ""
    largest = "the largest of the p-values counts, " if len(names) > 1 else ""
    family = f", after Holm's correction for the {moves:,} moves of the sentence" if moves > 1 else ""
    return (
        f"A move is one technique, transfer and dataset pair. Ahead means better than {_against(rows)}{each}: {largest}"
        f"at 5%{family}."
    )


def _against(rows: pd.DataFrame) -> str:
    """What ported modules must beat; a constant answer is none of it where answers are an example's own."""
    partly = not rows["controls"].str.contains(CONSTANT).all()
    where = {CONSTANT: " (where answers are labels)"} if partly else {}
    return listing([alternative(name) + where.get(name, "") for name in controls_in(rows)])


def _range(values: pd.Series) -> str:
    """``.52 to .55``; one number where they agree."""
    if values.isna().all():
        return "not run"
    ends = dict.fromkeys(f"{value:.2f}".lstrip("0") for value in (values.min(), values.max()))
    return " to ".join(ends)
