"""From task to task: matrices whose truth is known, what cannot be told, and how often a matrix errs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.simulated_answers import answers_of, centre_on_logits, spread_on_logits
from peftport.statistics.cross_task import MATRIX, cross_task, outcome_of, with_floor
from peftport.statistics.families import ALPHA, holm
from peftport.statistics.intervals import Estimate, estimate
from peftport.storage.parquet import read_table, write_table
from tests.simulated import Design, Study, failing, study

TASKS = ("film", "topic", "negation")
PAIRS = tuple((source, target) for source in TASKS for target in TASKS)
SHIFT = {("film", "topic"): 0.15, ("film", "negation"): -0.2}  # what ported modules are ahead of those from scratch
USUAL = {"techniques": ("lora",), "transfers": (("raw", "instruct"),), "initialisations": ("ported", "scratch")}
USUAL |= {"seeds": (0, 1, 2, 3, 4), "examples": 400, "seed_deviation": 0.01, "budgets": (0, 30)}


def design(pair, shift, more):
    """One pair of tasks: modules from scratch at .7, ported ones of the same task at .9, of another at .7 and more."""
    ported = 0.9 if pair[0] == pair[1] else 0.7 + shift.get(pair, 0.0)
    accuracy = {"ported": ported, "scratch": 0.7}
    settings = USUAL | {"pairs": (pair,), "accuracy": lambda *place: accuracy[place[3]]} | more
    return Design(**settings)


def made(shift=SHIFT, pairs=PAIRS, seed=0, **more):
    """A simulated study whose pairs of tasks differ in what modules of the one do for the other."""
    parts = [study(design(pair, shift, more), seed) for pair in pairs]
    runs, references, predictions = (
        pd.concat([getattr(part, name) for part in parts], ignore_index=True)
        for name in ("runs", "references", "predictions")
    )
    keys = [name for name in predictions if name not in ("label", "score", "choice_log_likelihood")]
    return Study(runs, references.drop_duplicates(), predictions.drop_duplicates(keys, ignore_index=True))


def table(known, **more):
    return cross_task(known.runs, known.predictions, **more)


@pytest.fixture(scope="module")
def known():
    return made()


def at(frame, source, target, budget=30):
    chosen = frame[(frame["source_dataset"] == source) & (frame["target_dataset"] == target)]
    (row,) = chosen[chosen["budget_steps"] == budget].to_dict("records")
    return row


def test_the_matrix_is_told_with_its_diagonal_and_negative_transfer_is_named(known, tmp_path):
    write_table(tmp_path / "cross_task.parquet", table(known), "cross_task")
    frame = read_table(tmp_path / "cross_task.parquet", "cross_task")
    assert len(frame) == 9 * 2
    found = {pair: at(frame, *pair)["outcome"] for pair in PAIRS}
    assert {pair for pair, outcome in found.items() if outcome == "own_task"} == {(name, name) for name in TASKS}
    assert found["film", "topic"] == "helps" and found["film", "negation"] == "harms"
    assert {found[pair] for pair in PAIRS if pair[0] != pair[1] and pair not in SHIFT} == {"cannot_tell"}
    harm = at(frame, "film", "negation")
    assert harm["high"] < 0 and harm["difference"] == pytest.approx(harm["ported"] - harm["scratch"])


def test_scores_are_means_and_a_move_is_read_against_the_bare_host_and_the_diagonal(known):
    frame = table(known)
    means = known.runs.groupby(["initialisation", "source_dataset", "target_dataset", "budget_steps"])["score"].mean()
    row = at(frame, "topic", "film", 0)
    assert row["ported"] == pytest.approx(means["ported", "topic", "film", 0], abs=1e-6)
    assert row["scratch"] == pytest.approx(means["scratch", "topic", "film", 0], abs=1e-6)
    assert row["own"] == pytest.approx(means["ported", "film", "film", 0], abs=1e-6)
    assert row["own_difference"] == pytest.approx(row["ported"] - row["own"], abs=1e-6) and row["own_high"] < 0
    assert row["bare_difference"] == pytest.approx(row["ported"] - row["bare"], abs=1e-6)
    own = at(frame, "film", "film", 0)
    assert np.isnan(own["own_difference"]) and np.isnan(own["p_value_holm"]) and own["own"] == own["ported"]


def test_another_techniques_own_modules_may_be_the_ceiling():
    both = made(techniques=("lora", "lora-long"), examples=60, budgets=(0,))
    frame = table(both, own={"lora-long": "lora"})
    long, short = (frame[frame["technique"] == name] for name in ("lora-long", "lora"))
    ceiling = at(short, "topic", "topic", 0)["ported"]
    assert at(long, "film", "topic", 0)["own"] == ceiling
    own = at(long, "topic", "topic", 0)
    assert own["own_difference"] == pytest.approx(own["ported"] - ceiling)
    assert np.isnan(at(short, "topic", "topic", 0)["own_difference"])


def test_holms_correction_is_over_the_moves_of_a_matrix_without_its_diagonal(known):
    for _, matrix in table(known).groupby(MATRIX):
        moves = matrix[matrix["source_dataset"] != matrix["target_dataset"]]
        assert moves["p_value_holm"].tolist() == pytest.approx(holm(moves["p_value"]))
        assert len(moves) == 6


def test_no_cell_has_less_variance_than_the_matrix_on_average_and_none_loses_its_own():
    random, spreads = np.random.default_rng(4), (0.001, 0.01, 0.02, 0.1, 0.3)
    draw = random.standard_normal
    parts = [estimate(spread * draw((3, 1)) + 0.1 * draw((3, 50))) for spread in spreads]
    floored = with_floor(parts)
    mean = np.mean([part.by_seeds for part in parts])
    assert [part.by_seeds for part in floored] == pytest.approx([max(part.by_seeds, mean) for part in parts])
    assert [part.effect for part in floored] == [part.effect for part in parts]
    assert [part.by_examples for part in floored] == [part.by_examples for part in parts]
    assert {part.seeds for part in floored} == {3 + 2}  # degrees of freedom, and one
    assert {part.seeds for part in with_floor(parts[:3])} == {3}
    assert {part.seeds for part in with_floor([replace(part, seeds=2) for part in parts])} == {2}
    counted, mean = with_floor(parts, [True, True, False, False, False]), np.mean([p.by_seeds for p in parts[:2]])
    assert [part.by_seeds for part in counted] == pytest.approx([max(part.by_seeds, mean) for part in parts])
    single = [replace(part, seeds=1, by_seeds=0.0) for part in parts]
    assert with_floor(single) == single


def test_the_floor_is_the_variance_of_one_seed_shared_out_among_as_many_as_a_cell_has():
    three, five = Estimate(0.0, 0.003, 0.0, 3, 100), Estimate(0.0, 0.0, 0.0, 5, 100)
    floored = with_floor([three, five])
    assert floored[1].by_seeds == pytest.approx(3 * 0.003 / 2 / 5) and floored[0].by_seeds == 0.003


def test_one_seed_tells_nothing_and_runs_that_failed_are_left_out(known):
    assert outcome_of(Estimate(0.4, 0.0, 1e-6, 1, 100), 1e-9) == "cannot_tell"
    assert outcome_of(Estimate(0.4, 1e-6, 1e-6, 2, 100), np.nan) == "cannot_tell"
    assert set(table(made(seeds=(0,)))["outcome"]) == {"cannot_tell", "own_task"}
    without = table(failing(known, source_dataset=["film"], target_dataset=["topic"], initialisation=["ported"]))
    assert len(without) == 8 * 2
    fewer = table(failing(known, source_dataset=["film"], initialisation=["ported"], seed=[3]))
    assert at(fewer, "film", "topic")["seeds"] == 4 and at(fewer, "topic", "negation")["seeds"] == 5


def test_the_diagonal_changes_nothing_of_the_moves(known):
    own = (known.runs["initialisation"] == "ported") & (known.runs["source_dataset"] == known.runs["target_dataset"])
    frame, without = table(known), cross_task(known.runs[~own], known.predictions)
    moves = frame[frame["outcome"] != "own_task"].reset_index(drop=True)
    tested = ["source_dataset", "target_dataset", "low", "high", "p_value_holm", "outcome"]
    pd.testing.assert_frame_equal(moves[tested], without[tested])


def test_without_modules_from_scratch_the_table_is_empty(known):
    runs = known.runs[known.runs["initialisation"] == "ported"]
    assert len(cross_task(runs, known.predictions)) == 0


# how far seeds spread (normal on logits) in the cells of a matrix of five tasks, one mean for all: alike and unlike
TASK_COUNT, EXAMPLES, MEAN, SCRATCH = 5, 500, 0.75, 0.1
SPREADS = {
    "alike": lambda cell: 0.2,
    "unlike": lambda cell: (0.02, 0.1, 0.3, 0.8)[cell % 4],
    "two wide": lambda cell: 1.2 if cell in (3, 11) else 0.1,
    "four wide": lambda cell: 1.2 if cell % 5 == 0 else 0.1,
}
MOVED = (1, 8, 14)  # cells that differ where any do
CENTRES: dict[tuple[float, float], float] = {}


def around(mean, spread, seeds, random):
    """Accuracies of seeds with this mean and spread."""
    if (mean, spread) not in CENTRES:
        CENTRES[mean, spread] = centre_on_logits(mean, spread)
    return spread_on_logits(CENTRES[mean, spread], spread, seeds, random)


def matrix(kind, seeds, random, shift=0.0):
    """A simulated matrix of 20 cells from task to another; those of one target share scratch and test examples."""
    cells = []
    for _ in range(TASK_COUNT):
        difficulty = random.standard_normal(EXAMPLES)
        scratch = answers_of(around(MEAN, SCRATCH, seeds, random), difficulty, random)
        for _ in range(TASK_COUNT - 1):
            mean = MEAN + shift * (len(cells) in MOVED)
            accuracies = around(mean, SPREADS[kind](len(cells)), seeds, random)
            cells.append(estimate(answers_of(accuracies, difficulty, random) - scratch))
    return cells


def told(parts, floor):
    """Of each cell whether it is told to differ."""
    return holm([part.p_value for part in (with_floor(parts) if floor else parts)]) < ALPHA


def share_told(kind, seeds, matrices, shift=0.0, floor=True):
    """The share of matrices in which a cell is told where none differs; of the cells that differ the share told."""
    random = np.random.default_rng(seeds)
    found = [told(matrix(kind, seeds, random, shift), floor) for _ in range(matrices)]
    return np.mean([cells[list(MOVED)].mean() if shift else cells.any() for cells in found])


def test_a_matrix_without_differences_rarely_tells_one():
    assert share_told("four wide", 3, 100) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPREADS)
@pytest.mark.parametrize("seeds", [3, 5])
def test_how_often_a_matrix_errs_and_what_it_finds(kind, seeds, capsys):
    wrong, alone = (share_told(kind, seeds, 1000, floor=floor) for floor in (True, False))
    found = [share_told(kind, seeds, 150, -fall) for fall in (0.1, 0.2, 0.3)]
    own = share_told(kind, seeds, 150, -0.2, floor=False)
    with capsys.disabled():
        shares = " | ".join(f"{100 * share:.0f}%" for share in (*found, own))
        print(f"\n| {kind} | {seeds} | {100 * wrong:.1f}% | {100 * alone:.1f}% | {shares} |")
    assert wrong <= 0.05
