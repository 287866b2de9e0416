"""The summary: schema, and recovered gap and steps saved by hand."""

import numpy as np
import pandas as pd
import pytest

from peftport.statistics.portability import portability
from tests.simulated import Design, Study, study

ONE_WAY = (("raw", "instruct"),)


@pytest.fixture(scope="module")
def simulated() -> Study:
    return study(Design())


def exact(accuracies: dict[tuple[str, int], float], bare: float = 0.5, native: float = 0.9) -> pd.DataFrame:
    """Table `portability` of a study in which every accuracy is exactly as given, for one technique and transfer."""
    starts = tuple(dict.fromkeys(start for start, _ in accuracies))
    budgets = tuple(dict.fromkeys(budget for _, budget in accuracies))
    design = Design(("lora",), ONE_WAY, initialisations=starts, budgets=budgets, examples=100)
    made = study(design)
    for frame in (made.runs, made.references):
        for index, row in frame.iterrows():
            values = {"bare": bare, "native": native}
            value = values.get(row["initialisation"], accuracies.get((row["initialisation"], row["budget_steps"])))
            frame.loc[index, "accuracy"] = value
    table = portability(made.runs, made.references, made.predictions, draws=100)
    return table.set_index(["initialisation", "budget_steps"])


def test_recovered_gap_by_hand() -> None:
    """Bare 0.5, native 0.9: 0.8 is three quarters of the way."""
    table = exact({("ported", 0): 0.8, ("scratch", 0): 0.4})
    assert table.loc[("ported", 0), "recovered_gap"] == pytest.approx(0.75)
    assert table.loc[("scratch", 0), "recovered_gap"] == pytest.approx(-0.25)


@pytest.mark.parametrize("native, withheld", [(0.53, False), (0.529, True), (0.4, True)])
def test_recovered_gap_is_withheld_under_three_points(native: float, withheld: bool) -> None:
    table = exact({("ported", 0): 0.52}, native=native)
    assert table["recovered_gap"].isna().all() == withheld


def test_steps_saved_by_hand() -> None:
    """Scratch has 0.5, 0.7, 0.85 at 0, 50, 200 steps."""
    scratch = {("scratch", 0): 0.5, ("scratch", 50): 0.7, ("scratch", 200): 0.85}
    table = exact({("ported", 0): 0.7, ("ported", 50): 0.8, ("ported", 200): 0.86} | scratch)
    assert table.loc[("ported", 0), "steps_saved"] == 50
    assert table.loc[("ported", 50), "steps_saved"] == 150
    assert np.isnan(table.loc[("ported", 200), "steps_saved"])
    assert table.loc["scratch", "steps_saved"].isna().all()


def test_steps_saved_are_negative_where_ported_is_behind() -> None:
    scratch = {("scratch", 0): 0.5, ("scratch", 50): 0.8}
    table = exact({("ported", 0): 0.4, ("ported", 50): 0.45} | scratch)
    assert table.loc[("ported", 50), "steps_saved"] == -50


def test_missing_predictions_are_named(simulated: Study) -> None:
    lora = simulated.predictions["technique"] == "lora"
    with pytest.raises(ValueError, match=r"no predictions for.*lora"):
        portability(simulated.runs, simulated.references, simulated.predictions[~lora])
