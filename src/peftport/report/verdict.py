"""What came out, in sentences computed from the tables: the short answer, then technique by technique."""

from dataclasses import dataclass

import pandas as pd

from peftport.figures.style import label, score_name, signed, techniques_of, title, transfer
from peftport.report.computing import mixed
from peftport.report.facts import NOT_KNOWN, NamedSettings
from peftport.report.headline import headline
from peftport.report.heads import heads
from peftport.report.phrases import (
    MOVE,
    capital,
    comparison,
    controls_in,
    count,
    difference,
    listing,
    moment,
    nats,
    outcome,
    percent,
    place,
    share_of,
    shares,
    unbroken,
)

TIE = 0.005  # recovered gaps closer than half a point are called equal
MANY = 6  # directions above which only the summary is said
A_LOT = 0.1  # of the gap


@dataclass(frozen=True)
class Verdict:
    """Sentences: the short answer, one paragraph per technique, what compares techniques, and caveats."""

    answer: list[str]
    techniques: list[tuple[str, list[str]]]
    across: list[str]
    caveats: list[str]


def verdict(tables: dict[str, pd.DataFrame], settings: NamedSettings = NOT_KNOWN) -> Verdict:
    """The verdict of a study.

    Args:
        tables: `portability` and, where there are any, `carried`, `contrasts`, `asymmetry`, `runs` and `references`.
        settings: those that sentences name.
    """
    summary = tables["portability"]
    ported = summary[summary["initialisation"] == "ported"]
    if ported.empty:
        return Verdict(["No module was ported in this study, so there is nothing to judge."], [], [], [])
    every, carried = (tables.get(name, pd.DataFrame()) for name in ("contrasts", "carried"))
    contrasts = every[every["initialisation"] == "ported"] if len(every) else every
    controls = controls_in(carried)
    techniques = [
        (title(name), [*_technique(name, ported, contrasts, controls), *heads(name, every)])
        for name in techniques_of(ported)
    ]
    across = [*_ranking(ported), *_directions(tables.get("asymmetry", pd.DataFrame()))]
    answer = headline(ported, summary, carried, settings)
    caveats = [*_caveats(summary, ported, settings), *mixed(tables)]
    return Verdict(answer, techniques, across, caveats)


def _budgets(frame: pd.DataFrame) -> list[int]:
    """The smallest and the largest budget; one where they are the same."""
    return sorted({int(frame["budget_steps"].min()), int(frame["budget_steps"].max())})


def _technique(name: str, ported: pd.DataFrame, contrasts: pd.DataFrame, controls: list[str]) -> list[str]:
    """Sentences on one technique."""
    rows = ported[ported["technique"] == name]
    pairs = len(ported[["source_dataset", "target_dataset"]].drop_duplicates()) > 1
    sentences = []
    for budget in _budgets(rows):
        here = rows[rows["budget_steps"] == budget]
        levels = [_reached(group) for _, group in by_score(here)]
        parts = [f"{capital(moment(budget))}: {', '.join(levels)}"]
        for baseline in controls if len(contrasts) else []:
            compared = contrasts[
                (contrasts["technique"] == name)
                & (contrasts["budget_steps"] == budget)
                & (contrasts["baseline"] == baseline)
            ]
            if len(compared):
                parts.append(comparison(compared, baseline, pairs))
        sentences.append(f"{'; '.join(parts)}.")
    start = rows[rows["budget_steps"] == rows["budget_steps"].min()]
    scratch = len(contrasts) > 0 and (contrasts["baseline"] == "scratch").any()
    saved = _steps_saved(rows, pairs) if scratch else []
    return [*sentences, *_second_yardstick(start), *_gaps(start, pairs), *saved]


def by_score(rows: pd.DataFrame) -> list[tuple[object, pd.DataFrame]]:
    """The rows of each score; points of one are not points of another."""
    return list(rows.groupby("metric", sort=False)) if "metric" in rows else [(None, rows)]


def _reached(rows: pd.DataFrame) -> str:
    """The mean of a score over moves, with its references."""
    over = "" if len(rows) == 1 else f" on average over {len(rows)} moves"
    return f"{score_name(rows)} {rows['accuracy_mean'].mean():.2f}{over}{_levels(rows, 'accuracy')}"


def _levels(rows: pd.DataFrame, score: str) -> str:
    """The means of the references, in brackets, where all rows have them."""
    levels = [
        f"{label(name)} {nats(rows[f'{name}_{score}'].mean())}"
        for name in ("bare", "native")
        if rows[f"{name}_{score}"].notna().all()
    ]
    return f" ({', '.join(levels)})" if levels else ""


def _second_yardstick(start: pd.DataFrame) -> list[str]:
    """Log-likelihood of the right answer, and accuracy without the host's bias towards a word."""
    start = start[start["log_likelihood_mean"].notna()]  # what is written freely has none
    if start.empty:
        return []
    likelihood = nats(start["log_likelihood_mean"].mean())
    text = f"{capital(moment(int(start['budget_steps'].iloc[0])))}, log-likelihood of the right answer: {likelihood}"
    text += _levels(start, "log_likelihood")
    if start["calibrated_accuracy_mean"].notna().all():
        text += f"; accuracy with calibrated thresholds {start['calibrated_accuracy_mean'].mean():.2f}"
        text += _levels(start, "calibrated_accuracy")
    return [f"{text}."]


def _gaps(start: pd.DataFrame, pairs: bool) -> list[str]:
    """The recovered gap of every move with its interval."""
    known = start.dropna(subset="recovered_gap")
    if known.empty:
        return []
    if len(known) > MANY:
        low, high = known["recovered_gap"].min(), known["recovered_gap"].max()
        return [f"Recovered gap: {percent(low)} to {percent(high)} in {count(len(known), 'move')}."]
    parts = [
        f"{shares(row['recovered_gap'], row['recovered_gap_low'], row['recovered_gap_high'])} ({place(row, pairs)})"
        for _, row in known.iterrows()
    ]
    return [f"Recovered gap: {listing(parts)}."]


def _steps_saved(rows: pd.DataFrame, pairs: bool) -> list[str]:
    """How many steps from scratch the ported module is worth before any training."""
    budget, longest = int(rows["budget_steps"].min()), int(rows["budget_steps"].max())
    start = rows[rows["budget_steps"] == budget]
    start = start[start["recovered_gap"].notna() | start["native_accuracy"].isna()]  # where nothing was learnt, none
    if start.empty or longest == budget:
        return []
    told = [(_saved(row, longest - budget), place(row, pairs)) for _, row in start.iterrows()]
    if len(told) <= MANY:
        parts = [f"{text} ({where})" for text, where in told]
        return [f"Training steps saved by starting from the ported module: {'; '.join(parts)}."]
    seen = sum(not text.startswith(("none", "not counted")) for text, _ in told)
    return [f"Training steps are seen to be saved by starting from the ported module in {seen} of {len(told)} moves."]


def _saved(row: pd.Series, longest: int) -> str:
    """Steps saved in one move: ``24 [11, 60]``, ``none seen``, or why they are not counted."""
    if row["at_ceiling"]:
        return "not counted, at the ceiling of native modules"
    low, high = row["steps_saved_low"], row["steps_saved_high"]
    if pd.notna(low) and low <= 0:
        return "none seen"
    steps = f"more than {longest:,}" if pd.isna(row["steps_saved"]) else f"{row['steps_saved']:,.0f}"
    ends = [f"{longest:,}" if pd.isna(low) else f"{low:,.0f}", "no end seen" if pd.isna(high) else f"{high:,.0f}"]
    return f"{steps} [{ends[0]}, {ends[1]}]"


def _ranking(ported: pd.DataFrame) -> list[str]:
    """Which technique carries most, by the mean recovered gap over moves that all techniques share."""
    techniques = techniques_of(ported)
    if len(techniques) < 2:
        return []
    start = ported[ported["budget_steps"] == ported["budget_steps"].min()]
    start = start.assign(lift=start["accuracy_mean"] - start["bare_accuracy"])
    names = {"recovered_gap": "recovered gap"}
    if len(by_score(start)) == 1:
        names["lift"] = f"{score_name(start)} above the bare host"
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
    outcomes = start.apply(outcome, axis=1)
    told = int((outcomes != 0).sum())
    several = len(start[["source_dataset", "target_dataset"]].drop_duplicates()) > 1
    when = moment(int(start["budget_steps"].iloc[0]))
    if len(start) == 1:
        head = (
            f"The direction {'matters' if told else 'makes no difference that the data can tell from chance'} {when}:"
        )
    else:
        head = f"The direction of the move makes a difference {when} in {told} of {len(start)} cases (after Holm)"
        head += ":" if len(start) <= MANY or told else "."
    shown = start if len(start) <= MANY else start[outcomes != 0].nlargest(MANY, "difference", keep="all")
    parts = []
    for _, row in shown.iterrows():
        name = title(row["technique"]) + (f", {row['source_dataset']} to {row['target_dataset']}" if several else "")
        forth = unbroken(transfer(row["first_host"], row["second_host"], row["map"]))
        there = f"{forth} {signed(row['forward'])} points above the bare host"
        back = f"{signed(row['backward'])} the other way"
        parts.append(f"{name}: {there}, {back} (difference {difference(row)})")
    return [head, *(f"{part}." for part in parts)]


def _caveats(summary: pd.DataFrame, ported: pd.DataFrame, settings: NamedSettings) -> list[str]:
    """What a reader must know before leaning on the numbers."""
    caveats = []
    seeds = summary["seeds"]
    if seeds.max() == 1:
        caveats.append("Every cell has one seed: intervals are about test examples only, and another seed may differ.")
    elif seeds.max() == 2:
        caveats.append("There are two seeds only: the spread between seeds is poorly known, and intervals are wide.")
    if (short := int((seeds < seeds.max()).sum())) > 0:
        verb = "has" if short == 1 else "have"
        caveats.append(f"{count(short, 'cell')} of {len(seeds):,} {verb} fewer seeds than the others.")
    for name, missing in (("bare host", "bare_accuracy"), ("native modules", "native_accuracy")):
        if ported[missing].isna().all():
            caveats.append(f"The study has no reference `{name}` in target hosts, so recovered gaps cannot be given.")
    withheld = ported["recovered_gap"].isna() & ported["native_accuracy"].notna() & ported["bare_accuracy"].notna()
    if withheld.any():
        caveats.append(
            f"The recovered gap is withheld in {int(withheld.sum())} of {len(ported)} places, because native modules "
            "are not shown to be 3 points above the bare host there."
        )
    caveats += _below_constant(ported)
    if not (summary["initialisation"] == "scratch").any():
        caveats.append("Nothing was trained from scratch, so neither steps saved nor advice can be given.")
    return [*caveats, *(f"{capital(warning)}." for warning in settings.warnings)]


def _below_constant(ported: pd.DataFrame) -> list[str]:
    """Where the floor is so low that a module which reads no text would recover much of the gap."""
    if "majority_share" not in ported:
        return []
    start = ported[ported["budget_steps"] == ported["budget_steps"].min()].dropna(subset="recovered_gap")
    bare, constant = start["bare_accuracy"], start["majority_share"]
    share = (constant - bare) / (start["native_accuracy"] - bare)
    rows = start[share >= A_LOT]
    if rows.empty:
        return []
    return [
        f"In {share_of(len(rows), len(start))} the bare host is right less often than an answer that is always the "
        f"same label (accuracy {nats(rows['bare_accuracy'].mean())} against {nats(rows['majority_share'].mean())}). A "
        f"module that has learnt no more than to say one label recovers {percent(share.max())} of the gap there, and "
        "seems to save training steps."
    ]
