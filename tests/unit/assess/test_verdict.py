"""The lines of a verdict, from a simulated study of one move whose source host is a reference too."""

import pandas as pd
import pytest

from peftport.assess.flips import Flips
from peftport.assess.gate import Limit
from peftport.assess.results import Results
from peftport.assess.verdict import _against_alone, forgetting_lines, gate_lines, verdict_lines
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
def read(made, tmp_path_factory):
    """Reads the results of such a study with other entries in its grid, by keyword."""
    tables = simulated.statistics(made)

    class Simulated(Results):
        """Results whose tables and answers are in memory."""

        def table(self, name):
            return tables[name]

        def answers(self, cell, budget):
            assert cell in (self.ported, self.in_old) or cell in self.study.probed, "no job makes its answers"
            rows = made.predictions
            for column in ("technique", "source_host", "target_host", "initialisation"):
                rows = rows[rows[column] == getattr(cell, column)]
            rows = rows[(rows["budget_steps"] == budget) & (rows["seed"] == self.seed)]
            return rows.assign(correct=rows["score"] > 0.5)

    def read(**grid):
        return Simulated.of(Grid("s", GridSettings.model_validate(GRID | grid)), tmp_path_factory.getbasetemp())

    return read


@pytest.fixture(scope="module")
def results(read):
    return read()


def test_lines_say_what_the_tables_say(results):
    text = "\n".join(verdict_lines(results))
    seen, summary = results.flips(0), results.summary("ported", 0)
    assert seen.total == 100 and seen.lost > seen.gained
    assert f"zero-shot: accuracy {summary['accuracy_mean']:.3f} [" in text and "on 100 test examples." in text
    for name in ("the bare new host", "modules trained there from nothing", "a fresh module", "random numbers"):
        assert name in text
    against = [line for line in text.splitlines() if line.startswith("  ")]
    assert len(against) == 4 and len({line.index(" [") for line in against}) == 1
    assert f"Flips: {seen.lost:.1f}% of 100 answers were right in the old host" in text
    assert "After 50 steps of training there: " in text and "What to do: " in text
    assert f"a drop of less than {100 * seen.told:.1f} points is not told from none" in text
    native = results.table("references").query("target_host == 'raw' and initialisation == 'native'")["score"].mean()
    assert f"In the old host the module scores {native:.3f}" in text


def test_forgetting_is_the_module_against_each_host_alone_on_the_same_examples(read, made):
    """The simulated answers stand for those to another dataset; there the module helps, so nothing is forgotten."""
    results = read(probes=["other"])
    first, second = forgetting_lines(results, 50)
    alone, copied, trained = (
        made.predictions.query(f"target_host == 'instruct' and initialisation == {kind!r} and budget_steps == {budget}")
        .query("seed == 0")
        .set_index("example_id")["score"]
        for kind, budget in (("bare", 0), ("ported", 0), ("ported", 50))
    )
    assert f"The new host alone scores {alone.mean():.3f} there, with the copy {copied.mean():.3f}, " in second
    assert f"; trained 50 steps on the task {trained.mean():.3f}, " in second
    for scores in (copied, trained):
        assert f"+{100 * (scores - alone).mean():.1f} points [" in second
    assert first.startswith("Forgetting, on 100 test examples of the probe: the old host alone scores 0.")
    assert "it gains" in second and "it forgets" not in second
    assert len(forgetting_lines(results, 0)) == 2 and "trained" not in forgetting_lines(results, 0)[1]
    assert forgetting_lines(read(), 50) == []


@pytest.mark.parametrize(
    ("lost", "gained", "said"), [(30, 2, "it forgets"), (2, 30, "it gains"), (9, 8, "not told from none")]
)
def test_what_is_forgotten_is_said_where_the_interval_tells_it(lost, gained, said):
    line = _against_alone(Flips(lost, gained, 40, 100 - 40 - lost - gained))
    assert line.endswith(said) and line.startswith(f"{(40 + gained) / 100:.3f}, ")


def test_nothing_has_no_sign_of_a_loss():
    assert ", +0.0 points [\N{MINUS SIGN}8.8, +8.8], not told from none" in _against_alone(Flips(0, 0, 20, 20))


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
