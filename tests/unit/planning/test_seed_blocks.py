"""Seeds in blocks that have files: a seed more or less makes no other seed anew."""

import copy

import pytest

from peftport.planning.keys import Keys
from peftport.planning.seed_blocks import arranged, seeds_of
from peftport.storage.parquet import write_table
from peftport.storage.tables import TABLES
from peftport.study.grid import Study, block_name
from tests.unit.planning.test_keys import CONFIG, check_config


def study_of(seeds, **grid):
    config = copy.deepcopy(CONFIG)
    config["grid"] |= {"seeds": seeds, "initialisations": ["ported", "scratch"]} | grid
    return check_config(config)


def finish(seeds, folder, leave_out=0, **grid):
    """Scores, without a row, of every cell of a study but the last few, with their keys."""
    import pandas as pd

    config = study_of(seeds, **grid)
    study = Study(config)
    keys, cells = Keys(study, folder), study.cells
    for cell in cells[: len(cells) - leave_out]:
        made = {"key": keys.evaluation(cell), "budgets": keys.budgets(cell)}
        path = folder / "results" / study.name / cell.path / "scores.parquet"
        write_table(path, pd.DataFrame(columns=list(TABLES["scores"])), "scores", made)


def blocks(seeds, folder, **grid):
    study = Study(arranged(study_of(seeds, **grid), folder))
    return list(study.blocks.values()), study.unasked


@pytest.mark.parametrize("seeds", [[0], [7], [0, 1, 2], [3, 4], [0, 2, 5], [2, 1]])
def test_a_blocks_name_says_its_seeds(seeds):
    assert seeds_of(block_name(seeds)) == seeds


def test_without_files_the_lists_are_the_blocks(tmp_path):
    assert blocks([0, 1, 2], tmp_path) == ([[0, 1, 2]], [])
    assert blocks([[0, 1], [2]], tmp_path) == ([[0, 1], [2]], [])


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        ([0, 1, 2], [[0, 1, 2]]),
        ([0, 1, 2, 3, 4], [[0, 1, 2], [3, 4]]),
        ([4, 2, 1, 0], [[0, 1, 2], [4]]),
        ([[0, 1, 2], [3]], [[0, 1, 2], [3]]),
        ([[0, 1, 2, 5], [3]], [[0, 1, 2], [5], [3]]),
        ([1, 2, 3], [[1, 2, 3]]),
    ],
)
@pytest.mark.parametrize("leave_out", [0, 1])
def test_a_list_is_made_of_the_blocks_it_contains(tmp_path, seeds, expected, leave_out):
    """Also of a block that is not finished: all its seeds are asked for."""
    finish([0, 1, 2], tmp_path, leave_out)
    assert blocks(seeds, tmp_path) == (expected, [])


def test_folders_that_are_no_blocks_are_passed_over(tmp_path):
    finish([0, 1], tmp_path)
    (cell,) = list((tmp_path / "results").glob("*/evaluations/*/*/*/ported/seeds-0-1"))[:1]
    for name in ("seeds-5-3", "seeds-2.3", "seeds-", "seeds-x", "seeds-0-1.damaged", "seeds-007"):
        (cell.parent / name).mkdir()
    assert blocks([0, 1, 2, 3], tmp_path) == ([[0, 1], [2, 3]], [])


def test_a_seed_less_keeps_the_finished_block(tmp_path):
    finish([0, 1, 2], tmp_path)
    assert blocks([0, 2], tmp_path) == ([[0, 1, 2]], [1])
    assert blocks([[0, 2], [3]], tmp_path) == ([[0, 1, 2], [3]], [1])
    assert blocks([[0, 2], [1]], tmp_path) == ([[0, 2], [1]], [])  # seed 1 would be there twice
    study = Study(arranged(study_of([0, 2]), tmp_path))
    assert study.runs == Study(study_of([0, 2])).runs and study.asked("0-2") == [0, 2]


def test_nor_with_a_technique_less_or_a_budget_less(tmp_path):
    grid = {"budgets": [0, 5, 9]}
    finish([0, 1, 2], tmp_path, **grid)
    assert blocks([0, 1], tmp_path, **grid | {"budgets": [0, 9]}) == ([[0, 1, 2]], [2])
    assert blocks([0, 1], tmp_path, **grid | {"initialisations": ["ported"]}) == ([[0, 1, 2]], [2])


def test_a_block_that_would_have_to_be_made_is_not_kept(tmp_path):
    finish([0, 1, 2], tmp_path, leave_out=1)
    assert blocks([0, 1], tmp_path) == ([[0, 1]], [])
    finish([0, 1, 2], tmp_path)
    assert blocks([0, 1], tmp_path, budgets=[0, 77]) == ([[0, 1]], [])


def test_means_over_a_block_are_of_the_seeds_asked_for(tmp_path):
    grid = {"initialisations": ["target_mean"]}
    finish([0, 1, 2], tmp_path, **grid)
    assert blocks([0, 1], tmp_path, **grid) == ([[0, 1]], [])
    assert blocks([0, 1, 2, 3, 4], tmp_path, **grid) == ([[0, 1, 2, 3, 4]], [])


def test_keys_of_cells_do_not_know_what_is_left_out(tmp_path):
    finish([0, 1, 2], tmp_path)
    whole, fewer = Study(study_of([0, 1, 2])), Study(arranged(study_of([0, 2]), tmp_path))
    ours, theirs = Keys(fewer, tmp_path), Keys(whole, tmp_path)
    assert {ours.evaluation(cell) for cell in fewer.cells} == {theirs.evaluation(cell) for cell in whole.cells}
    assert ours.runs() != theirs.runs()
