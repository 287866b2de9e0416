"""The summary: schema, means of references, second yardstick; ratios and crossings have files of their own."""

import numpy as np
import pandas as pd
import pytest

from peftport.statistics.portability import majority_share, portability
from tests.simulated import MARGIN, RIGHT, Design, Study, study

ONE_WAY = (("raw", "instruct"),)


def table(made: Study) -> pd.DataFrame:
    return portability(made.runs, made.references, made.predictions, MARGIN)


@pytest.fixture(scope="module")
def simulated() -> Study:
    return study(Design())


def test_every_cell_has_its_recovered_gap_between_its_ends(simulated: Study) -> None:
    rows = table(simulated)
    assert rows["recovered_gap"].to_numpy() == pytest.approx(
        ((rows["accuracy_mean"] - rows["bare_accuracy"]) / (rows["native_accuracy"] - rows["bare_accuracy"])).to_numpy()
    )
    assert (rows["recovered_gap_low"] < rows["recovered_gap"]).all()
    assert (rows["recovered_gap"] < rows["recovered_gap_high"]).all()
    assert rows["gap_low"].between(0.2, 0.45).all() and rows["gap_high"].between(0.35, 0.6).all()


def test_recovered_gap_is_withheld_where_native_is_not_shown_to_learn() -> None:
    rows = table(study(Design(("lora",), ONE_WAY, native=0.53, examples=200)))
    assert rows[["recovered_gap", "recovered_gap_low", "recovered_gap_high"]].isna().all().all()
    assert rows["gap_low"].notna().all()


def test_steps_saved_are_for_all_but_scratch(simulated: Study) -> None:
    rows = table(simulated)
    assert rows.loc[rows["initialisation"] == "scratch", "steps_saved"].isna().all()
    start = rows.query("initialisation == 'ported' and budget_steps == 0")
    assert start["steps_saved"].between(20, 200).all() and (start["steps_saved_low"] > 0).all()


def test_steps_saved_are_null_at_the_ceiling() -> None:
    def high(technique: str, source: str, target: str, start: str, budget: int) -> float:
        return 0.9 if start == "ported" or budget else 0.5

    rows = table(study(Design(("lora",), ONE_WAY, examples=1000, seed_deviation=0.001, accuracy=high)))
    ported = rows[rows["initialisation"] == "ported"]
    assert ported["at_ceiling"].all()
    assert ported[["steps_saved", "steps_saved_low", "steps_saved_high"]].isna().all().all()


def test_the_second_yardstick_has_its_interval_and_its_references(simulated: Study) -> None:
    rows = table(simulated)
    expected = rows["accuracy_mean"] * np.log(RIGHT) + (1 - rows["accuracy_mean"]) * np.log(1 - RIGHT)
    assert rows["log_likelihood_mean"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-6)
    assert (rows["log_likelihood_low"] < rows["log_likelihood_mean"]).all()
    assert (rows["log_likelihood_high"] <= 0).all() and (
        rows["native_log_likelihood"] > rows["bare_log_likelihood"]
    ).all()
    assert rows["calibrated_accuracy_mean"].equals(rows["accuracy_mean"])


def test_a_constant_answer_is_as_good_as_the_most_frequent_label() -> None:
    labels = ["positive"] * 3 + ["negative"]
    frame = pd.DataFrame({"target_dataset": "film", "example_id": list("abcd"), "label": labels})
    assert majority_share(pd.concat([frame, frame])) == {"film": 0.75}


def test_missing_predictions_are_named(simulated: Study) -> None:
    lora = simulated.predictions["technique"] == "lora"
    with pytest.raises(ValueError, match=r"no predictions for.*lora"):
        portability(simulated.runs, simulated.references, simulated.predictions[~lora], MARGIN)
