"""How often the statistics of a study err, on simulated answers whose truth is known.

python -m benchmarks.verdict [--tables 1000] [--only rows]

* rows: how often the 95% interval of one comparison misses the truth, by seed spread, seeds and test examples;
* findings: how often a table without anything to find has a move that "carries", and how often it finds what is there;
* gaps: how often the interval of the recovered gap misses, and how often the gate lets a gap of zero pass;
* steps: how often steps are said to be saved where none are, and how often the interval misses;
* advice: what the rule advises in four cases.

Writes ``benchmarks/results/<date>-verdict.md``, which ``docs/statistics.md`` explains.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measured import RESULTS, write_results
from benchmarks.simulated_answers import (
    answers_of,
    centre_on_logits,
    mean_on_logits,
    spread_in_points,
    spread_on_logits,
)
from benchmarks.steps import table
from peftport.seeds import generator
from peftport.statistics.advice import AGAIN, COPY, Decision, Way, decide, differences_of
from peftport.statistics.carried import tested
from peftport.statistics.example_scores import Answers
from peftport.statistics.families import ALPHA, holm
from peftport.statistics.intervals import estimate
from peftport.statistics.recovered_gap import recovered_gap
from peftport.statistics.steps_saved import steps_saved

Row = dict[str, str]
SPREADS = (0.02, 0.1, 0.3, 0.8, 1.5)  # standard deviations between seeds, on the scale of logits
ACCURACIES = (0.5, 0.7, 0.98)
SEEDS, EXAMPLES = (3, 5, 8), (300, 1000)
MARGIN = 0.02
BUDGETS = (0, 5, 10, 25, 50, 100)
# accuracy against steps; between two points a straight line
CURVES: dict[str, dict[str, dict[int, float]]] = {
    "negative transfer": {COPY: {0: 0.70, 25: 0.85, 100: 0.88}, AGAIN: {0: 0.50, 25: 0.90, 100: 0.95}},
    "ported equals native": {COPY: {0: 0.97, 100: 0.97}, AGAIN: {0: 0.50, 25: 0.80, 100: 0.95}},
    "no difference anywhere": {COPY: {0: 0.80, 100: 0.80}, AGAIN: {0: 0.80, 100: 0.80}},
    "both at the ceiling": {COPY: {0: 0.80, 25: 0.97, 100: 0.97}, AGAIN: {0: 0.50, 25: 0.97, 100: 0.97}},
}


def missed(accuracies: tuple[float, float], spreads: tuple[float, float], size: tuple[int, int], draw) -> bool:
    """Whether the interval of the difference of two simulated cells misses the true one.

    Args:
        accuracies, spreads: of the two cells, as ``spread_on_logits`` takes them.
        size: seeds and examples.
    """
    difficulty = draw.standard_normal(size[1])
    left, right = (
        answers_of(spread_on_logits(accuracy, spread, size[0], draw), difficulty, draw)
        for accuracy, spread in zip(accuracies, spreads, strict=True)
    )
    means = [mean_on_logits(accuracy, spread) for accuracy, spread in zip(accuracies, spreads, strict=True)]
    found = estimate(left - right)
    return not found.low <= means[0] - means[1] <= found.high


def miss_rates(size: tuple[int, int], unlike: str, tables: int, seed: int = 0) -> list[float]:
    """Share of intervals that miss, by seed spread of the first cell.

    Args:
        size: seeds and examples.
        unlike: in what the two cells differ: ``nothing`` (no true difference), ``accuracy``, or ``both`` (accuracy and
            spread).
        tables: comparisons per spread.
    """
    rates = []
    for spread in SPREADS:
        draw, count = generator(seed, "rows", *size, unlike, str(spread)), 0
        for _ in range(tables):
            first = draw.choice(ACCURACIES)
            second = first if unlike == "nothing" else draw.choice(ACCURACIES)
            other = draw.choice(SPREADS) if unlike == "both" else spread
            count += missed((first, second), (spread, other), size, draw)
        rates.append(count / tables)
    return rates


def rows(tables: int) -> list[Row]:
    """The interval of one comparison."""
    found = []
    for unlike in ("nothing", "accuracy", "both"):
        for seeds in SEEDS:
            for examples in EXAMPLES:
                rates = miss_rates((seeds, examples), unlike, tables)
                shown = {f"spread {spread:g}": f"{100 * rate:.1f}" for spread, rate in zip(SPREADS, rates, strict=True)}
                found.append({"unlike in": unlike, "seeds": f"{seeds}", "examples": f"{examples:,}"} | shown)
    return found


def carries(
    lead: float, moves: int, size: tuple[int, int], draw: np.random.Generator, unlike: bool = False
) -> np.ndarray:
    """Which moves of a simulated sentence are said to carry; shape (moves,).

    Each has three controls, of which two know nothing and one is as far behind ported as ``lead`` says; accuracies and
    spreads between seeds differ from move to move.

    Args:
        size: seeds and examples.
        unlike: the closest control has another spread than ported, and with no lead the same mean over seeds.
    """
    p_values = []
    for _ in range(moves):
        difficulty = draw.standard_normal(size[1])

        def cell(accuracy: float, difficulty: np.ndarray = difficulty) -> np.ndarray:
            seeds = spread_on_logits(accuracy, draw.choice(SPREADS), size[0], draw)
            return answers_of(seeds, difficulty, draw)

        level, spread = draw.choice(ACCURACIES[1:]), draw.choice(SPREADS)
        own = answers_of(spread_on_logits(level, spread, size[0], draw), difficulty, draw)
        other = draw.choice(SPREADS) if unlike else spread
        center = centre_on_logits(mean_on_logits(level, spread), other) if unlike else level
        closest = answers_of(spread_on_logits(center - lead, other, size[0], draw), difficulty, draw)
        controls = {"sampled": cell(0.5), "matched": cell(0.5), "scratch": closest}
        p_values.append(tested({name: estimate(own - other) for name, other in controls.items()}, moves)["p_value"])
    return holm(p_values) < ALPHA


def findings(tables: int) -> list[Row]:
    """A sentence over eight moves: tables with a false finding, and moves found."""
    found = []
    for seeds in SEEDS:
        draw = generator(0, "findings", seeds)
        false = [
            np.mean([carries(0.0, 8, (seeds, 1000), draw, unlike).any() for _ in range(tables)]) for unlike in (0, 1)
        ]
        power = {
            lead: np.mean([carries(lead, 8, (seeds, 1000), draw) for _ in range(tables // 4)]) for lead in (0.1, 0.3)
        }
        found.append(
            {"seeds": f"{seeds}", "tables with a false finding": f"{false[0]:.1%}"}
            | {"the same, spreads unlike": f"{false[1]:.1%}"}
            | {f"moves found, {100 * lead:.0f} points ahead": f"{100 * share:.0f}%" for lead, share in power.items()}
        )
    return found


def cell(accuracy: float, spread: float, seeds: int, difficulty: np.ndarray, draw: np.random.Generator) -> Answers:
    """Answers of a simulated cell, its seeds spread in points of accuracy."""
    return Answers(np.arange(seeds), answers_of(spread_in_points(accuracy, spread, seeds, draw), difficulty, draw))


def gap_rates(share: float, native: float, spread: float, seeds: int, tables: int) -> tuple[float, float]:
    """How often a gap passes the gate, and how often the interval of its recovered share misses if it does."""
    draw, passed, misses, bare = generator(0, "gaps", str((share, native, spread)), seeds), 0, 0, 0.55
    for _ in range(tables):
        difficulty = draw.standard_normal(1000)
        floor = Answers(np.zeros(1, int), answers_of(np.array([bare]), difficulty, draw))
        own = cell(bare + share * (native - bare), spread, seeds, difficulty, draw)
        found = recovered_gap(own, floor, cell(native, spread, seeds, difficulty, draw))
        if not np.isnan(found.share):
            passed, misses = passed + 1, misses + (not found.low <= share <= found.high)
    return passed / tables, misses / passed if passed else np.nan


def gaps(tables: int) -> list[Row]:
    """The recovered gap and its gate."""
    found = []
    for native, spread in ((0.55, 0.01), (0.55, 0.05), (0.70, 0.03), (0.95, 0.01), (0.95, 0.03)):
        for share in (0.3, 0.9) if native > 0.55 else (0.0,):
            row = {"bare": "0.55", "native": f"{native:.2f}", "seed spread, points": f"{100 * spread:.0f}"}
            row |= {"true share": f"{100 * share:.0f}%"}
            for seeds in SEEDS:
                passed, misses = gap_rates(share, native, spread, seeds, tables)
                row[f"passed, {seeds} seeds"] = f"{100 * passed:.1f}%"
                row[f"missed, {seeds} seeds"] = "-" if np.isnan(misses) or native == 0.55 else f"{100 * misses:.1f}%"
            found.append(row)
    return found


def along(curve: dict[int, float], budgets: tuple[int, ...]) -> dict[int, float]:
    """A curve's accuracies at these budgets."""
    return dict(zip(budgets, np.interp(budgets, list(curve), list(curve.values())), strict=True))


def saved_rates(ported: float, curve: dict[int, float], spread: float, seeds: int, tables: int) -> tuple[float, float]:
    """How often a copy of this accuracy is said to save steps, and how often their interval misses the truth."""
    draw, said, misses = generator(0, "steps", str((ported, curve, spread)), seeds), 0, 0
    fine = np.arange(max(curve) + 1)
    truth = float(np.argmax(np.interp(fine, list(curve), list(curve.values())) >= ported - 1e-9))
    for _ in range(tables):
        difficulty = draw.standard_normal(1000)
        scratch = {
            step: cell(accuracy, spread, seeds, difficulty, draw) for step, accuracy in along(curve, BUDGETS).items()
        }
        found = steps_saved(cell(ported, spread, seeds, difficulty, draw), 0, scratch)
        low = np.inf if np.isnan(found.low) else found.low
        said += low > 0
        misses += low > truth or (found.high < truth)
    return said / tables, misses / tables


def steps(tables: int) -> list[Row]:
    """Steps saved by a copy, against scratch that rises from .50 to .95 over 100 steps."""
    found = []
    rising = {0: 0.50, 5: 0.58, 10: 0.66, 25: 0.82, 50: 0.91, 100: 0.95}
    flat = dict.fromkeys(BUDGETS, 0.5)
    for name, ported, curve in (
        ("nothing saved, scratch rises", 0.50, rising),
        ("nothing saved, scratch learns nothing", 0.50, flat),
        ("10 steps saved", 0.66, rising),
        ("50 steps saved", 0.91, rising),
    ):
        for spread in (0.01, 0.03):
            row = {"truth": name, "seed spread, points": f"{100 * spread:.0f}"}
            for seeds in SEEDS:
                said, misses = saved_rates(ported, curve, spread, seeds, tables)
                row |= {f"said to save, {seeds} seeds": f"{100 * said:.1f}%"}
                row |= {f"interval missed, {seeds} seeds": f"{100 * misses:.1f}%"}
            found.append(row)
    return found


def decisions(case: str, spread: float, seeds: int, tables: int, examples: int = 1000) -> list[Decision]:
    """What the rule says of simulated moves of a case."""
    draw, found = generator(0, "advice", case, str(spread), seeds), []
    for _ in range(tables):
        difficulty = draw.standard_normal(examples)
        ways = {
            Way(start, step): cell(accuracy, spread, seeds, difficulty, draw)
            for start, curve in CURVES[case].items()
            for step, accuracy in along(curve, BUDGETS).items()
            if (start, step) != (AGAIN, 0)
        }
        scores = {way: estimate(answers.values) for way, answers in ways.items()}
        found.append(decide(differences_of(ways), scores, MARGIN))
    return found


def advice(tables: int) -> list[Row]:
    """What is advised in four cases."""
    found = []
    for case in CURVES:
        for spread in (0.01, 0.03):
            for seeds in (3, 5, 10):
                made = decisions(case, spread, seeds, tables)
                told = Counter(name_of(one) for one in made)
                row = {"case": case, "seed spread, points": f"{100 * spread:.0f}", "seeds": f"{seeds}"}
                row |= {name: f"{told[name] / tables:.1%}" for name in NAMES}
                ruled = np.mean([all(way in one.ruled_out for way in COPIES) for one in made])
                wrong = np.mean([ruled_out_wrongly(case, one) for one in made])
                found.append(row | {"all copying ruled out": f"{ruled:.1%}", "a way ruled out wrongly": f"{wrong:.1%}"})
    return found


def ruled_out_wrongly(case: str, decision: Decision) -> bool:
    """Whether a way is ruled out that is in truth within the margin of the best."""
    truth = {
        Way(start, step): value
        for start, curve in CURVES[case].items()
        for step, value in along(curve, BUDGETS).items()
    }
    return any(truth[way] > max(truth.values()) - MARGIN for way in decision.ruled_out)


COPIES = [Way(COPY, step) for step in BUDGETS]
NAMES = ("copy", "copy and train", "start again", "cannot tell")


def name_of(decision: Decision) -> str:
    """A decision in one of four names."""
    way = decision.advised
    if way is None:
        return "cannot tell"
    return "start again" if way.start == AGAIN else "copy and train" if way.steps else "copy"


QUESTIONS: dict[str, Callable[[int], list[Row]]] = {
    "rows": rows,
    "findings": findings,
    "gaps": gaps,
    "steps": steps,
    "advice": advice,
}


def main(arguments: list[str] | None = None) -> None:
    """Simulate, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=1000, help="simulated tables per number")
    parser.add_argument("--only", choices=QUESTIONS, nargs="*", default=list(QUESTIONS))
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    parts = []
    for name in options.only:
        number = options.tables if name == "rows" else max(4, options.tables // 4)
        doc = (QUESTIONS[name].__doc__ or "").strip()
        parts.append(f"## {name}\n\n{doc} {number:,} simulated tables per number.\n\n{table(QUESTIONS[name](number))}")
        print(parts[-1], flush=True)
    head = f"# How often the statistics of a study err\n\n`python -m benchmarks.verdict --tables {options.tables}`\n\n"
    write_results("verdict", head + "\n\n".join(parts) + "\n", options.out)


if __name__ == "__main__":
    main()
