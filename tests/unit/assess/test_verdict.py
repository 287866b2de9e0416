"""The lines of a verdict, from a simulated study of one move whose source host is a reference too."""

import pandas as pd
import pytest

from peftport.assess.gate import Limit
from peftport.assess.results import Results
from peftport.assess.verdict import gate_lines, verdict_lines
from peftport.study.config import ConfigError
from peftport.study.grid import Grid
from peftport.study.grid_settings import GridSettings
from tests import simulated

GRID = {
    "modules": ["lora"],
    "transfers": [{"source": "raw", "target": "instruct"}],
    "dataset_pairs": [{"source": "reviews", "target": "reviews"}],
    "initialisations": ["ported", "sampled", "scratch"],
    "references": ["bare", "native", "source"],
    "budgets": [0, 50],
    "seeds": [[0, 1]],
}


@pytest.fixture(scope="module")
def made():
    """A study in one direction, whose references are of both hosts."""
    design = simulated.Design(techniques=("lora",), seeds=(0, 1), budgets=(0, 50), examples=100)
    both = simulated.study(design)
    there, seen = (frame[frame["source_host"] != "instruct"] for frame in (both.runs, both.predictions))
    run = (seen["target_host"] == "instruct") | seen["initialisation"].isin(["bare", "native"])
    return simulated.Study(there.reset_index(drop=True), both.references, seen[run].reset_index(drop=True))


@pytest.fixture(scope="module")
def results(made, tmp_path_factory):
    tables = simulated.statistics(made)

    class Simulated(Results):
        """Results whose tables and answers are in memory."""

        def table(self, name):
            return tables[name]

        def answers(self, cell, budget):
            rows = made.predictions
            for column in ("technique", "source_host", "target_host", "initialisation"):
                rows = rows[rows[column] == getattr(cell, column)]
            rows = rows[(rows["budget_steps"] == budget) & (rows["seed"] == self.seed)]
            return rows.assign(correct=rows["score"] > 0.5)

    return Simulated.of(Grid("s", GridSettings.model_validate(GRID)), tmp_path_factory.getbasetemp())


def test_lines_say_what_the_tables_say(results):
    text = "\n".join(verdict_lines(results))
    seen, summary = results.flips(0), results.summary("ported", 0)
    assert seen.total == 100 and seen.lost > seen.gained
    assert f"zero-shot: accuracy {summary['accuracy_mean']:.3f} [" in text and "on 100 test examples." in text
    for name in ("the bare new host", "modules trained there from nothing", "a fresh module", "random numbers"):
        assert name in text
    assert f"Flips: {seen.lost:.1f}% of 100 answers were right in the old host" in text
    assert "After 50 steps of training there: " in text and "What to do: " in text
    assert f"a drop of less than {100 * seen.told:.1f} points is not told from none" in text
    native = results.table("references").query("target_host == 'raw' and initialisation == 'native'")["score"].mean()
    assert f"In the old host the module scores {native:.3f}" in text


def test_a_gate_says_its_interval_and_what_would_tell(results):
    (line,) = gate_lines(results, [Limit("flips", 0.9)], 0)
    assert line.startswith("Gate, flips at most 90.0%, zero-shot: passed [")
    near = Limit("drop", results.flips(50).drop + 0.02)
    (line,) = gate_lines(results, [near], 50)
    assert "after 50 steps: cannot tell [" in line and "test examples would tell" in line


def test_statistics_are_the_same_without_references_of_the_source_host(made):
    kept = [frame[frame["target_host"] == "instruct"] for frame in (made.references, made.predictions)]
    alone = simulated.statistics(simulated.Study(made.runs, *(frame.reset_index(drop=True) for frame in kept)))
    for name, table in simulated.statistics(made).items():
        if name not in ("references", "predictions"):
            pd.testing.assert_frame_equal(table, alone[name])


@pytest.mark.parametrize(("key", "names"), [("references", ["native"]), ("initialisations", ["sampled"])])
def test_a_study_that_lacks_what_a_verdict_needs_is_refused(key, names, tmp_path):
    with pytest.raises(ConfigError, match=f"`grid.{key}`: expected"):
        Results.of(Grid("s", GridSettings.model_validate(GRID | {key: names})), tmp_path)
