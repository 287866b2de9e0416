"""Answers are found by the key of a run, and a study with holes is refused."""

import pandas as pd
import pytest

from peftport.statistics.contrasts import contrasts
from peftport.statistics.example_scores import ExampleScores
from tests.simulated import Design, Study, study


@pytest.fixture(scope="module")
def simulated() -> Study:
    return study(Design())


def test_scratch_may_be_kept_once_for_all_sources(simulated: Study) -> None:
    predictions = simulated.predictions
    scratch = predictions["initialisation"] == "scratch"
    shared = predictions[scratch].assign(source_host="any", map="any", source_dataset="any").drop_duplicates()
    kept_once = pd.concat([predictions[~scratch], shared])
    frames = (simulated.runs, simulated.references)
    pd.testing.assert_frame_equal(contrasts(*frames, predictions), contrasts(*frames, kept_once))


def test_what_depends_on_no_map_may_be_kept_once_for_all_maps(simulated: Study) -> None:
    """Of ``distilled``: its source host is its own, its map is ``any``."""
    kept = simulated.predictions.copy()
    kept.loc[kept["initialisation"] == "sampled", "map"] = "any"
    frames = (simulated.runs, simulated.references)
    pd.testing.assert_frame_equal(contrasts(*frames, simulated.predictions), contrasts(*frames, kept))


def test_a_run_tested_on_other_examples_is_named(simulated: Study) -> None:
    with pytest.raises(ValueError, match="exactly one prediction for each of the 200 test examples"):
        ExampleScores(simulated.predictions.iloc[1:])
