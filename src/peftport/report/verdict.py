"""What came out, in sentences computed from the tables."""

from dataclasses import dataclass

import pandas as pd

from peftport.figures.style import label, signed, techniques_of, title, transfer
from peftport.report.phrases import (
    alternative,
    comparison,
    count,
    difference,
    listing,
    moment,
    outcome,
    percent,
    place,
    whole,
)

MOVE = ["technique", "source_host", "target_host", "source_dataset", "target_dataset"]
TIE = 0.005  # recovered gaps closer than half a point are called equal
MANY = 6  # directions above which only the summary is said


@dataclass(frozen=True)
class Verdict:
    """Sentences: the short answer, one paragraph per technique, what compares techniques, and caveats."""

    answer: list[str]
    techniques: list[tuple[str, list[str]]]
    across: list[str]
    caveats: list[str]


def verdict(tables: dict[str, pd.DataFrame]) -> Verdict:
    """The verdict of a study.

    Args:
        tables: `portability` and, where there are any, `contrasts` and `asymmetry`.
    """
    summary = tables["portability"]
    ported = summary[summary["initialisation"] == "ported"]
    if ported.empty:
        return Verdict(["No module was ported in this study, so there is nothing to judge."], [], [], [])
    contrasts = tables.get("contrasts", pd.DataFrame())
    found = [(title(name), _technique(name, ported, contrasts)) for name in techniques_of(ported)]
    across = [*_ranking(ported), *_directions(tables.get("asymmetry", pd.DataFrame()))]
    answer = [*_answer(ported, contrasts), *_nothing_to_carry(ported)]
    return Verdict(answer, found, across, _caveats(summary, ported))


def alternatives(contrasts: pd.DataFrame) -> list[str]:
    """What ported must beat to carry knowledge: sampled and scratch; the bare host where neither was run."""
    present = set(contrasts["baseline"]) if len(contrasts) else set()
    return [name for name in ("sampled", "scratch") if name in present] or [
        name for name in ("bare",) if name in present
    ]


def _nothing_to_carry(ported: pd.DataFrame) -> list[str]:
    """In how many moves the study cannot tell, because the target host's own modules do not learn the task."""
    known = ported.dropna(subset=["native_accuracy", "bare_accuracy"]).drop_duplicates(MOVE)
    mute = int(known["recovered_gap"].isna().sum())
    if not mute:
        return []
    return [
        f"In {mute} of {count(len(known), 'move')} the study cannot tell: the target host's own modules do not learn "
        "the task (less than 3 points above the bare host), so there is nothing to carry."
    ]


def _answer(ported: pd.DataFrame, contrasts: pd.DataFrame) -> list[str]:
    """In how many moves ported beats all alternatives, first without training, then after the longest."""
    names = alternatives(contrasts)
    if not names:
        return ["There is nothing to compare the ported modules with: no alternative was run."]
    chosen = contrasts[contrasts["baseline"].isin(names)]
    against = listing([alternative(name) for name in names])
    budgets = _budgets(ported)
    better, worse, moves = _tally(chosen[chosen["budget_steps"] == budgets[0]])
    start = "without any training in the target host" if budgets[0] == 0 else moment(budgets[0])
    if not better:
        first = (
            f"There is no sign that task knowledge survives the move: {start}, ported modules do not beat {against} "
        )
        first += "in the one move tested." if moves == 1 else f"in any of {moves} moves."
    elif better < moves:
        first = (
            f"Task knowledge survives some moves: {start}, ported modules beat {against} in {better} of {moves} moves."
        )
    else:
        first = f"Task knowledge survives the move: {start}, ported modules beat {against} in "
        first += "the one move tested." if moves == 1 else f"all {moves} moves."
    sentences = [first + _losses(worse, names)]
    if len(budgets) > 1:
        later, worse, moves = _tally(chosen[chosen["budget_steps"] == budgets[-1]])
        sentences.append(_afterwards(budgets[-1], later, moves, "still " if better else "") + _losses(worse, names))
    sentences.append(
        f"A move is one technique, transfer and dataset pair. Ahead means better than {against}"
        f"{' each' if len(names) > 1 else ''}, at 5% after Holm's correction for all comparisons of the study."
    )
    return sentences


def _afterwards(budget: int, better: int, moves: int, still: str) -> str:
    """In how many moves ported is ahead after the longest training."""
    after = f"{moment(budget)[0].upper()}{moment(budget)[1:]} they are"
    if moves == 1:
        return f"{after} {still}ahead." if better else f"{after} not ahead."
    return f"{after} {still}ahead in {better} of {moves}." if better else f"{after} ahead in none of {moves}."


def _losses(worse: int, names: list[str]) -> str:
    """A sentence on the moves in which ported loses; nothing where there are none."""
    than = "one of these" if len(names) > 1 else alternative(names[0])
    return f" In {worse} it is worse than {than}." if worse else ""


def _tally(rows: pd.DataFrame) -> tuple[int, int, int]:
    """Moves in which ported beats every alternative; in which it loses to one; all moves."""
    if rows.empty:
        return 0, 0, 0
    outcomes = rows.assign(outcome=rows.apply(outcome, axis=1)).groupby(MOVE, observed=True)["outcome"]
    lowest = outcomes.min()
    return int((lowest > 0).sum()), int((lowest < 0).sum()), len(lowest)


def _budgets(frame: pd.DataFrame) -> list[int]:
    """The smallest and the largest budget; one where they are the same."""
    return sorted({int(frame["budget_steps"].min()), int(frame["budget_steps"].max())})


def _technique(name: str, ported: pd.DataFrame, contrasts: pd.DataFrame) -> list[str]:
    """Sentences on one technique."""
    rows = ported[ported["technique"] == name]
    pairs = len(ported[["source_dataset", "target_dataset"]].drop_duplicates()) > 1
    sentences = []
    for budget in _budgets(rows):
        here = rows[rows["budget_steps"] == budget]
        over = "" if len(here) == 1 else f" on average over {len(here)} moves"
        when = moment(budget)
        parts = [f"{when[0].upper()}{when[1:]}: accuracy {here['accuracy_mean'].mean():.2f}{over}{_levels(here)}"]
        for baseline in alternatives(contrasts):
            compared = contrasts[
                (contrasts["technique"] == name)
                & (contrasts["budget_steps"] == budget)
                & (contrasts["baseline"] == baseline)
            ]
            if len(compared):
                parts.append(comparison(compared, baseline, pairs))
        sentences.append(f"{'; '.join(parts)}.")
    if (saved := _steps_saved(rows, contrasts, pairs)) is not None:
        sentences.append(saved)
    return sentences


def _levels(rows: pd.DataFrame) -> str:
    """The mean accuracies of the references, in brackets, where all rows have them."""
    found = [
        f"{label(name)} {rows[f'{name}_accuracy'].mean():.2f}"
        for name in ("bare", "native")
        if rows[f"{name}_accuracy"].notna().all()
    ]
    return f" ({', '.join(found)})" if found else ""


def _steps_saved(rows: pd.DataFrame, contrasts: pd.DataFrame, pairs: bool) -> str | None:
    """How many steps from scratch the ported module is worth before any training; None without scratch."""
    if contrasts.empty or not (contrasts["baseline"] == "scratch").any():
        return None
    budget, longest = int(rows["budget_steps"].min()), int(rows["budget_steps"].max())
    start = rows[rows["budget_steps"] == budget]
    never = start["steps_saved"].isna()
    if longest == budget:
        return None
    if len(start) <= 2:
        parts = []
        for _, row in start.iterrows():
            steps = row["steps_saved"]
            saved = f"more than {longest - budget:,}" if pd.isna(steps) else f"{steps:,.0f}"
            parts.append(f"{saved} ({place(row, pairs)})")
        return f"Training steps saved by starting from the ported module: {listing(parts)}."
    known = start.loc[~never, "steps_saved"]
    parts = []
    if len(known):
        ends = dict.fromkeys(f"{steps:,.0f}" for steps in (known.min(), known.max()))
        parts.append(f"{' to '.join(ends)} in {count(len(known), 'move')}")
    if never.any():
        parts.append(f"more than {longest - budget:,} in {count(int(never.sum()), 'move')}")
    return f"Training steps saved by starting from the ported module: {listing(parts)}."


def _ranking(ported: pd.DataFrame) -> list[str]:
    """Which technique carries most, by the mean recovered gap over moves that all techniques share."""
    techniques = techniques_of(ported)
    if len(techniques) < 2:
        return []
    start = ported[ported["budget_steps"] == ported["budget_steps"].min()]
    start = start.assign(lift=start["accuracy_mean"] - start["bare_accuracy"])
    names = {"recovered_gap": "recovered gap", "lift": "accuracy above the bare host"}
    for column in names:
        wide = start.pivot(index=MOVE[1:], columns="technique", values=column)
        shared = wide.dropna()
        if len(shared) and list(wide) == sorted(techniques):
            break
    else:
        return []
    means = shared.mean().sort_values(ascending=False, kind="stable")
    show = percent if column == "recovered_gap" else (lambda value: f"{signed(value)} points")
    first = [name for name in means.index if means.iloc[0] - means[name] < TIE]
    rest = [f"{title(name)} ({show(means[name])})" for name in means.index if name not in first]
    leaders = f"{listing([title(name) for name in first])} ({show(means.iloc[0])})"
    verb = "carries most" if len(first) == 1 else "carry equally much"
    share = f"all {len(wide)}" if len(shared) == len(wide) else f"{len(shared)} of {len(wide)}"
    over = "" if len(wide) == 1 else f" over {share} places to move to"
    text = f"By the mean {names[column]} {moment(int(start['budget_steps'].iloc[0]))}{over}, {leaders} {verb}"
    text += f", then {listing(rest)}." if rest else "."
    return [f"{text} This order describes the data; differences between techniques were not tested."]


def _directions(table: pd.DataFrame) -> list[str]:
    """Whether moves go better one way than the other, before any training."""
    if table.empty:
        return []
    order = {name: index for index, name in enumerate(techniques_of(table))}
    start = table[table["budget_steps"] == table["budget_steps"].min()]
    start = start.sort_values("technique", key=lambda names: names.map(order), kind="stable")
    found = start.apply(outcome, axis=1)
    told = int((found != 0).sum())
    several = len(start[["source_dataset", "target_dataset"]].drop_duplicates()) > 1
    when = moment(int(start["budget_steps"].iloc[0]))
    if len(start) == 1:
        head = (
            f"The direction {'matters' if told else 'makes no difference that the data can tell from chance'} {when}:"
        )
    else:
        head = f"The direction of the move makes a difference {when} in {told} of {len(start)} cases (after Holm)"
        head += ":" if len(start) <= MANY or told else "."
    shown = start if len(start) <= MANY else start[found != 0].nlargest(MANY, "difference", keep="all")
    parts = []
    for _, row in shown.iterrows():
        name = title(row["technique"]) + (f", {row['source_dataset']} to {row['target_dataset']}" if several else "")
        forth = whole(transfer(row["first_host"], row["second_host"]))
        there = f"{forth} {signed(row['forward'])} points above the bare host"
        back = f"{signed(row['backward'])} the other way"
        parts.append(f"{name}: {there}, {back} (difference {difference(row)})")
    return [head, *(f"{part}." for part in parts)]


def _caveats(summary: pd.DataFrame, ported: pd.DataFrame) -> list[str]:
    """What a reader must know before leaning on the numbers."""
    found = []
    seeds = summary["seeds"]
    if seeds.max() == 1:
        found.append("Every cell has one seed: intervals are about test examples only, and another seed may differ.")
    elif seeds.max() == 2:
        found.append("There are two seeds only: the spread between seeds is poorly known.")
    if (short := int((seeds < seeds.max()).sum())) > 0:
        verb = "has" if short == 1 else "have"
        found.append(f"{count(short, 'cell')} of {len(seeds):,} {verb} fewer seeds than the others.")
    for name, missing in (("bare host", "bare_accuracy"), ("native modules", "native_accuracy")):
        if ported[missing].isna().all():
            found.append(f"The study has no reference `{name}`, so recovered gaps cannot be given.")
    withheld = ported["recovered_gap"].isna() & ported["native_accuracy"].notna() & ported["bare_accuracy"].notna()
    if withheld.any():
        found.append(
            f"The recovered gap is withheld in {int(withheld.sum())} of {len(ported)} places, because native modules "
            "are less than 3 points above the bare host there."
        )
    if not (summary["initialisation"] == "scratch").any():
        found.append("Nothing was trained from scratch, so steps saved cannot be given.")
    return found
