"""Predictions over simulated moves whose truth is known: what says something is found, and noise is not."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from peftport.distances.measures import MEASURES
from peftport.prediction.calibration import calibration, expectation, read_calibration, save
from peftport.prediction.correlation import correlation
from peftport.prediction.left_out import BETTER, CANNOT_TELL, NO_BETTER, left_out
from peftport.prediction.monotone import fit
from peftport.prediction.moves import PROPERTIES, above_chance
from peftport.prediction.predict import predict
from peftport.prediction.properties import what_properties_say
from peftport.prediction.text import prediction_json, prediction_lines
from peftport.typology.read import read_typology

SIZES = (1, 2, 3, 12)  # moves of a pair of hosts, unlike on purpose
METHODS = ("adapters", "lora", "prefix_tuning", "ia3", "compacter", "prompt_tuning", "tiny_attention")


def simulated(pairs, rho, seed=0, sharp=False):
    """Moves in which ``cka`` goes with the gap as strongly as ``rho`` says, and the other measures say nothing.

    Args:
        sharp: whether nearly everything survives or nearly nothing.
    """
    rng = np.random.default_rng(seed)
    cells = {name: read_typology().techniques[name].cells for name in METHODS}
    rows = []
    for pair in range(pairs):
        gap, noise = rng.standard_normal(2)
        numbers = {name: rng.standard_normal() for name in MEASURES}
        numbers["cka"] = rho * gap + np.sqrt(1 - rho**2) * noise
        gap = float(gap > 0) + 0.05 * gap if sharp else gap
        for move in range(rng.choice(SIZES)):
            method = METHODS[move % len(METHODS)]
            row = {"study": "simulated", "pair": str(pair), "technique": method, "method": method}
            row |= {name: str(cells[method][name]) for name in PROPERTIES} | numbers
            datasets = {"source_dataset": "film", "target_dataset": "film"}
            rows.append(row | datasets | {"gap": gap + 0.3 * rng.standard_normal()})
    return pd.DataFrame(rows)


def verdicts(moves):
    return {one.measure: one.verdict for one in predict(moves).measures}


def test_a_measure_that_predicts_is_found_and_no_other():
    told = verdicts(simulated(30, 0.95, 1))
    assert told.pop("cka") == BETTER
    assert set(told.values()) == {NO_BETTER}


def test_a_measure_against_its_direction_predicts_nothing():
    moves = simulated(30, 0.95, 1)
    assert verdicts(moves.assign(cka=-moves["cka"]))["cka"] == NO_BETTER


def test_too_few_pairs_of_hosts_cannot_tell_however_many_moves():
    moves = pd.concat([simulated(3, 0.95, seed) for seed in range(20)])
    told = predict(moves)
    assert told.pairs == 3 and told.moves > 60
    assert {one.verdict for one in told.measures} == {CANNOT_TELL}
    assert {one.correlation.value for one in told.measures} == {None}
    assert "nothing can be told" in "\n".join(prediction_lines(told))
    assert expectation(calibration(moves, told), {"cka": 1.0}).gap is None


def test_a_pair_left_out_is_seen_by_nothing_that_predicts_it():
    """A gap that is far off in one pair moves its own error alone, as the mean of the others is the constant."""
    moves = pd.DataFrame({"pair": list("abcd"), "m": [0.0, 1.0, 2.0, 3.0], "gap": [0.0, 0.0, 0.0, 8.0]})
    found = left_out(moves, "m", True)
    assert found.constant_error == pytest.approx(np.sqrt((3 * (8 / 3) ** 2 + 8**2) / 4))
    assert found.error == pytest.approx(np.sqrt((4**2 + 8**2) / 4))


def test_pairs_of_hosts_weigh_the_same_however_many_moves_they_have():
    moves = simulated(12, 0.7)
    many = pd.concat([moves, *[moves[moves["pair"] == "0"]] * 30])
    for one, other in ((correlation, ()), (left_out, (True,))):
        kept, grown = one(moves, "cka", *other), one(many, "cka", *other)
        assert vars(kept) | {"moves": 0} == pytest.approx(vars(grown) | {"moves": 0})


def test_a_monotone_curve_is_monotone_and_takes_ties_together():
    curve = fit(np.array([1.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.9, 0.1]), np.array([1.0, 3.0, 1.0, 1.0]), True)
    assert curve.at.tolist() == [1, 2, 3] and (np.diff(curve.values) >= 0).all()
    assert curve.predict(np.array([0.0, 9.0])) == pytest.approx([curve.values[0], curve.values[-1]])
    falling = fit(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.5, 0.0]), np.ones(3), False)
    assert falling.predict(np.array(1.5)) == pytest.approx(0.75)


def test_chance_is_zero_and_all_is_one():
    scaled = above_chance(pd.Series([0.25, 1.0, 0.25, 0.7]), pd.Series([0.25, 0.25, np.nan, np.nan]))
    assert scaled.tolist() == pytest.approx([0, 1, 0.25, 0.7])


def properties(effect, seed=0, pairs=6):
    """Moves of all techniques between each pair of hosts, which differ much, and techniques by one property."""
    rng = np.random.default_rng(seed)
    cells = {name: read_typology().techniques[name].cells for name in METHODS}
    usual = str(cells["adapters"]["integration_form"])
    rows = []
    for pair in range(pairs):
        host = 3 * rng.standard_normal()
        for method in METHODS:
            row = {"pair": str(pair), "method": method, "source_dataset": "film", "target_dataset": "film"}
            row |= {name: str(cells[method][name]) for name in PROPERTIES}
            its_own = effect * (str(cells[method]["integration_form"]) == usual)
            rows.append(row | {"gap": host + its_own + 0.1 * rng.standard_normal()})
    return pd.DataFrame(rows)


def test_a_property_is_judged_over_techniques_and_not_over_hosts():
    """Its p-value is not below what so few techniques could give, and does not fall with more hosts."""
    few, many = (what_properties_say(properties(5.0, pairs=pairs)) for pairs in (6, 60))
    assert [one.property for one in few] == list(PROPERTIES)
    for one in few:  # though several properties split the techniques alike, each has its own values
        assert set(one.groups) == {str(read_typology().techniques[name].cells[one.property]) for name in METHODS}
    told = {one.property: one for one in few}["integration_form"]
    assert told.smallest <= told.p_value < 0.05 and told.p_holm > told.p_value
    assert min(one.p_value / one.smallest for one in many if one.p_value is not None) >= 1 - 1e-9


def test_an_expectation_says_what_it_rests_on(tmp_path):
    moves = simulated(30, 0.95, 1)
    save(tmp_path / "c.json", calibration(moves, predict(moves)))
    by = read_calibration(tmp_path / "c.json")
    low, high = (expectation(by, {"cka": value, "drift": 0.0}) for value in (-1.0, 1.0))
    assert low.gap < high.gap and high.low < high.gap < high.high
    assert "by cka" in high.line and f"{len(moves)} moves between 30 pairs" in high.line
    assert "outside of what was seen" in expectation(by, {"cka": 99.0}).line
    nothing = expectation(by, {"drift": 0.0})
    assert nothing.gap == pytest.approx(by.gap) and "nothing measured here says more" in nothing.line


def test_a_file_that_is_no_calibration_is_refused(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps({"studies": []}))
    for file in (tmp_path / "c.json", tmp_path / "none.json"):
        with pytest.raises(ValueError, match="expected what `peftport predict --save` writes"):
            read_calibration(file)


def test_lines_fit_on_a_terminal_and_json_has_every_number():
    told = predict(simulated(12, 0.7))
    lines = list(prediction_lines(told))
    assert max(len(line) for line in lines[:12]) <= 120
    assert json.loads(json.dumps(prediction_json(told)))["measures"][0]["left_out"]["pairs"] == 12


TABLES = 40  # simulated; each takes most of a second


@pytest.mark.slow(seconds=60)
@pytest.mark.parametrize("sharp", [False, True])
def test_noise_is_seldom_called_better_than_a_constant(sharp):
    """Over all measures of a table: with 6 and 15 pairs of hosts of unlike numbers of moves."""
    wrong = {}
    for pairs in (6, 15):
        told = [verdicts(simulated(pairs, 0.0, seed, sharp)) for seed in range(TABLES)]
        wrong[pairs] = np.mean([BETTER in one.values() for one in told])
    print(wrong)
    assert max(wrong.values()) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / TABLES)


@pytest.mark.slow(seconds=60)
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_intervals_of_rank_correlations_hold(rho):
    many = simulated(4000, rho).groupby("pair")[["cka", "gap"]].mean()
    truth = stats.spearmanr(many["cka"], many["gap"]).statistic
    missed = {}
    for pairs in (5, 9, 15):
        found = [correlation(simulated(pairs, rho, seed), "cka") for seed in range(2 * TABLES)]
        missed[pairs] = np.mean([not one.low <= truth <= one.high for one in found])
    print(missed)
    assert max(missed.values()) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / (2 * TABLES))
