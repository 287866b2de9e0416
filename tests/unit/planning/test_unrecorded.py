"""Outputs that Snakemake has no record of: when they are looked at, and what is done about the wrong ones.

On files of a finished study: ``tests/workflow/test_nothing_silent.py``.
"""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.persistence.file import FilePersistence

from peftport.planning.graph import Graph
from peftport.planning.unrecorded import SHOWN, Unrecorded, wrong_unrecorded
from peftport.stages.prepare_dataset import PrepareDataset
from peftport.storage.cards import write_card
from peftport.study.config import read_settings
from peftport.study.study import Study
from tests.unit.planning.test_graph import CONFIG

SPLIT = "results/keys/datasets/film/train.parquet"


@pytest.fixture
def graph(tmp_path, monkeypatch):
    """The stages of a study that runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Graph(Study(read_settings(CONFIG)))


@pytest.fixture
def workflow(graph):
    """As Snakemake has it when it asks for the first job's inputs, in a run."""
    cleared = []
    return SimpleNamespace(
        is_main_process=True,
        executor_plugin="local",
        dryrun=False,
        touch=False,
        persistence=FilePersistence(nolock=True, path=Path(".snakemake")),
        iocache=SimpleNamespace(clear=lambda: cleared.append(True)),
        cleared=cleared,
    )


def leave(path=SPLIT):
    """A file that is not the study's."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("of another config")


def settled(graph, workflow, caplog):
    """Whether the file is still there, and what was said."""
    looks = Unrecorded(workflow, logging.getLogger("of a test"))
    with caplog.at_level(logging.WARNING):
        looks.settle(graph)
        looks.settle(graph)
    return Path(SPLIT).exists(), [record.getMessage() for record in caplog.records]


def test_a_wrong_file_is_set_aside_and_said_once(graph, workflow, caplog):
    leave()
    there, said = settled(graph, workflow, caplog)
    assert not there and Path(f"{SPLIT}.damaged").is_file() and workflow.cleared
    assert len(said) == 1 and said[0].startswith("1 outputs without a record in .snakemake are not this study's")
    assert f"{SPLIT} is damaged" in said[0]


@pytest.mark.parametrize("how", ["dryrun", "touch"])
def test_where_nothing_runs_it_is_only_said(graph, workflow, caplog, how):
    leave()
    setattr(workflow, how, True)
    there, said = settled(graph, workflow, caplog)
    assert there and "a run makes them again" in said[0]


@pytest.mark.parametrize(("name", "value"), [("is_main_process", False), ("executor_plugin", None)])
def test_a_job_of_a_node_and_a_command_that_runs_nothing_do_not_look(graph, workflow, caplog, name, value):
    leave()
    setattr(workflow, name, value)
    assert settled(graph, workflow, caplog) == (True, [])


def test_nothing_moves_while_another_run_is_at_work(graph, workflow, caplog):
    leave()
    Path(".snakemake/locks/0.input.lock").touch()
    assert settled(graph, workflow, caplog) == (True, [])


def test_what_has_a_record_is_not_looked_at(graph, workflow):
    leave()
    for path in graph.outputs(PrepareDataset("film")).values():
        record = Path(workflow.persistence._record_path(workflow.persistence._metadata_path, path))
        record.touch()
    assert wrong_unrecorded(graph, workflow.persistence) == {}


def test_what_a_killed_job_left_is_snakemakes(graph, workflow):
    leave()
    workflow.persistence._mark_incomplete(SPLIT, None)
    assert wrong_unrecorded(graph, workflow.persistence) == {}


def test_a_right_file_without_a_record_stays(graph, workflow):
    (audit,) = graph.stages["check_transfer"]
    write_card(graph.path(audit.output("transfer")), {"key": graph.key(audit)})
    assert wrong_unrecorded(graph, workflow.persistence) == {}
    write_card(graph.path(audit.output("transfer")), {"key": "other"})
    assert list(wrong_unrecorded(graph, workflow.persistence)) == [graph.path(audit.output("transfer"))]


def test_of_many_the_first_are_named(graph, workflow, caplog):
    for split in ("train", "validation", "test"):
        for name in ("film", "book"):
            leave(f"results/keys/datasets/{name}/{split}.parquet")
    _, said = settled(graph, workflow, caplog)
    assert said[0].startswith("6 outputs") and said[0].count("is damaged") == SHOWN and said[0].endswith("...")
