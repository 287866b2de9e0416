"""Paired differences on simulated studies, and Holm's correction and win rates by hand."""

import numpy as np
import pytest

from peftport.report.heads import heads
from peftport.statistics.asymmetry import asymmetry
from peftport.statistics.carried import carried
from peftport.statistics.contrasts import FAMILY, contrasts, win_rate
from peftport.statistics.families import holm
from peftport.statistics.portability import portability
from tests.simulated import MARGIN, Design, Study, study


@pytest.fixture(scope="module")
def simulated() -> Study:
    return study(Design())


def test_holm_by_hand() -> None:
    """0.01 x 3; 0.02 x 2; then 0.03 x 1, raised to the one before."""
    assert holm([0.03, 0.01, 0.02]).tolist() == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.5, 0.5, 0.9]).tolist() == [1.0, 1.0, 1.0]
    assert holm([]).tolist() == []


def test_contrasts_correct_over_the_moves_of_a_sentence(simulated: Study) -> None:
    table = contrasts(simulated.runs, simulated.references, simulated.predictions)
    families = [rows for _, rows in table.groupby(FAMILY)]
    assert len(families) == 2 * 3 * 4 and {len(rows) for rows in families} == {2}
    for rows in families:
        assert rows["p_value_holm"].tolist() == pytest.approx(holm(rows["p_value"]).tolist())


def test_modules_moved_without_their_head_are_compared_with_their_own_controls() -> None:
    starts = ("ported", "sampled", "scratch", "head_only", "ported_fresh_head", "sampled_fresh_head")
    tables = study(Design(initialisations=starts, techniques=("lora",), budgets=(0,)))
    table = contrasts(tables.runs, tables.references, tables.predictions)
    found = {first: set(rows["baseline"]) for first, rows in table.groupby("initialisation")}
    assert found["ported"] == {"sampled", "scratch", "head_only", "ported_fresh_head", "bare", "native"}
    assert found["ported_fresh_head"] == {"sampled_fresh_head", "scratch", "bare", "native"}
    assert set(map(len, (rows for _, rows in table.groupby(FAMILY)))) == {2}
    said = carried(tables.runs, tables.references, tables.predictions, MARGIN)
    assert len(said) == 2 and set(said["controls"]) == {"sampled,scratch,constant"}
    sentences = heads("lora", table)
    assert len(sentences) == 4 and sentences[0].startswith(
        "Zero-shot, module and head moved together are better than the moved head beside a fresh module in 2 of 2 ("
    )


def test_win_rate_counts_ties_half() -> None:
    left = np.array([[1, 1], [1, 0], [0, 0]])
    right = np.array([[1, 0], [0, 1], [1, 0]])
    assert win_rate(left, right) == pytest.approx(0.5)


def test_a_difference_is_the_difference_of_the_means(simulated: Study) -> None:
    table = contrasts(simulated.runs, simulated.references, simulated.predictions)
    row = table[table["baseline"] == "sampled"].iloc[0]
    runs = simulated.runs
    for column in ("technique", "source_host", "target_host", "budget_steps"):
        runs = runs[runs[column] == row[column]]
    means = runs.groupby("initialisation")["accuracy"].mean()
    assert row["difference"] == pytest.approx(means["ported"] - means["sampled"], abs=1e-6)


def test_known_effects_are_found_and_absent_ones_are_not(simulated: Study) -> None:
    """Ported starts 25 points above sampled and scratch, and the two directions are alike."""
    frames = (simulated.runs, simulated.references, simulated.predictions)
    table = contrasts(*frames)
    start = table[(table["budget_steps"] == 0) & table["baseline"].isin(["sampled", "scratch"])]
    assert (start["p_value_holm"] < 0.05).all() and start["difference"].between(0.15, 0.35).all()
    assert (asymmetry(portability(*frames, MARGIN), simulated.predictions)["p_value_holm"] > 0.05).all()


def test_failed_seeds_are_left_out_of_the_pairs(simulated: Study) -> None:
    keep = ~((simulated.runs["initialisation"] == "sampled") & (simulated.runs["seed"] == 1))
    others = ~((simulated.predictions["initialisation"] == "sampled") & (simulated.predictions["seed"] == 1))
    table = contrasts(simulated.runs[keep], simulated.references, simulated.predictions[others])
    assert set(table.loc[table["baseline"] == "sampled", "seeds"]) == {2}
    assert set(table.loc[table["baseline"] == "scratch", "seeds"]) == {3}


def test_without_ported_the_table_is_empty() -> None:
    made = study(Design(initialisations=("scratch",)))
    assert contrasts(made.runs, made.references, made.predictions).empty


def test_the_second_yardstick_is_the_difference_in_log_likelihood(simulated: Study) -> None:
    """Right answers have a probability of .9 here and wrong ones of .1, so it is that in accuracy times ln 9."""
    table = contrasts(simulated.runs, simulated.references, simulated.predictions)
    likelihood = table["log_likelihood_difference"]
    assert likelihood.to_numpy() == pytest.approx(np.log(9) * table["difference"].to_numpy(), abs=1e-5)
    assert (table["log_likelihood_low"] < likelihood).all() and (likelihood < table["log_likelihood_high"]).all()
