"""About ten lines: what the copy keeps, what training adds, what to do, which answers change, what can be told."""

from pathlib import Path

from peftport.assess.flips import Flips
from peftport.assess.gate import CANNOT_TELL, Limit
from peftport.assess.results import BARE, NATIVE, Results
from peftport.figures.style import signed
from peftport.report.phrases import count, difference, moment
from peftport.report.recommendation import recommendations
from peftport.study.entries import SHARED

NAMES = {
    BARE: "the bare new host",
    NATIVE: "modules trained there from nothing",
    SHARED: "a fresh module",
    "sampled": "random numbers of its spread",
    "matched": "the same, scaled to its effect",
}


def verdict_lines(results: Results) -> list[str]:
    """What the study says of the copy, one sentence or two a line."""
    first, *later = results.study.budgets
    seen = results.flips(first)
    lines = [
        _kept(results, first, seen.total),
        *_beside(results, first),
        f"In the old host the module scores {_number(results.in_old_host(NATIVE))}, the old host alone "
        f"{_number(results.in_old_host(BARE))}; after the move it is {_points(-seen.drop)} points "
        f"{_ends(*_change_ends(seen))} on the same test examples.",
        f"Flips: {_share(seen.share)} of {seen.total:,} answers were right in the old host and are wrong now "
        f"{_between(*seen.share_ends)}; {_share(seen.gained_share)} the other way {_between(*seen.gained_ends)}.",
        *(_trained(results, budget) for budget in later),
    ]
    advised = recommendations(results.table("advice"))
    lines += [f"What to do: {row['advice']} ({row['accuracy']}); {row['reason']}." for row in advised[:1]]
    return [*lines, _told(seen)]


def forgetting_lines(results: Results, steps: int) -> list[str]:
    """What the module costs where it was not trained for, against each host alone; none where nothing was asked.

    Args:
        steps: of training in the new host, those of the module that is written.
    """
    if results.probe is None:
        return []
    old, new = results.forgotten(results.in_old, 0), results.forgotten(results.ported, 0)
    examples = f"Forgetting, on {count(old.total, 'test example')} of the probe"
    lines = [
        f"{examples}: the old host alone scores {_number(old.before)}, with the module {_against_alone(old)}.",
        f"The new host alone scores {_number(new.before)} there, with the copy {_against_alone(new)}",
    ]
    if steps:
        trained = results.forgotten(results.ported, steps)
        lines[1] += f"; trained {count(steps, 'step')} on the task {_against_alone(trained)}"
    return [lines[0], f"{lines[1]}."]


def _against_alone(seen: Flips) -> str:
    low, high = _change_ends(seen)
    said = "it forgets" if high < 0 else "it gains" if low > 0 else "not told from none"
    return f"{_number(seen.after)}, {_points(-seen.drop)} points {_ends(low, high)}, {said}"


def _change_ends(seen: Flips) -> tuple[float, float]:
    """The ends of accuracy after less accuracy before."""
    low, high = seen.drop_ends
    return -high, -low


def gate_lines(results: Results, limits: list[Limit], budget: int) -> list[str]:
    """What the limits say, one line each."""
    seen, lines = results.flips(budget), []
    for limit in limits:
        low, high = limit.ends(seen)
        said = limit.verdict(seen)
        line = f"Gate, {limit.quantity} at most {_share(limit.most)}, {moment(budget)}: {said} {_between(low, high)}."
        if said == CANNOT_TELL:
            needed = limit.examples_needed(seen)
            enough = f"about {needed:,} test examples would tell" if needed else "no reasonable number would tell"
            line += f" Were the shares as here, {enough}."
        lines.append(line)
    return lines


def _kept(results: Results, budget: int, total: int) -> str:
    row = results.summary("ported", budget)
    ends = f"[{_number(row['accuracy_low'])}, {_number(row['accuracy_high'])}]"
    examples = count(total, "test example")
    moved = f"{results.module}, copied into the new host, {moment(budget)}"
    return f"{moved}: accuracy {_number(row['accuracy_mean'])} {ends} on {examples}."


def _beside(results: Results, budget: int) -> list[str]:
    """The copy against everything that it is compared with."""
    rows = results.table("contrasts")
    here = (rows["budget_steps"] == budget) & (rows["initialisation"] == "ported")
    rows = rows[here & (rows["target_host"] == results.hosts[1]) & rows["baseline"].isin(list(NAMES))]
    names = [NAMES[name] for name in rows["baseline"]]
    room = max(map(len, names), default=0)
    said = [difference(row).partition(" ") for _, row in rows.iterrows()]
    parts = [f"  {name:<{room}}  {points:>6} {ends}" for name, (points, _, ends) in zip(names, said, strict=True)]
    return ["In points, against", *parts] if parts else []


def _trained(results: Results, budget: int) -> str:
    row, fresh = results.summary("ported", budget), results.summary(SHARED, budget)
    ends = f"[{_number(row['accuracy_low'])}, {_number(row['accuracy_high'])}]"
    beside = "" if fresh is None else f", a fresh module {_number(fresh['accuracy_mean'])}"
    return f"After {count(budget, 'step')} of training there: {_number(row['accuracy_mean'])} {ends}{beside}."


def _told(seen: Flips) -> str:
    return (
        f"What {seen.total:,} test examples can tell: with as many answers changed as here, a drop of less than "
        f"{100 * seen.told:.1f} points is not told from none."
    )


def where_lines(results: Results, written: tuple[Path, int] | None) -> list[str]:
    """Where the report lies, and the module."""
    lines = [f"Report: {results.report}"]
    if written is not None:
        folder, steps = written
        what = f"after {count(steps, 'step')} in the new host" if steps else "as it was copied"
        lines.append(f"Module, {what}: {folder}")
    return lines


def _number(value: float) -> str:
    return f"{value:.3f}"


def _share(value: float) -> str:
    return f"{_without_sign_of_nothing(value) * 100:.1f}%".replace("-", "\N{MINUS SIGN}")


def _points(value: float) -> str:
    return signed(_without_sign_of_nothing(value))


def _without_sign_of_nothing(value: float) -> float:
    """The value, or 0 where it would be printed as -0.0."""
    return value if round(100 * value, 1) else 0.0


def _between(low: float, high: float) -> str:
    return f"[{_share(low)}, {_share(high)}]"


def _ends(low: float, high: float) -> str:
    return f"[{_points(low)}, {_points(high)}]"
