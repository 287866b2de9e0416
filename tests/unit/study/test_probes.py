"""Datasets that are only tested on: which evaluations they add, what these read, and what is refused."""

import pytest

from peftport.planning.graph import Graph
from peftport.stages.encode_dataset import EncodeDataset
from peftport.stages.evaluate_cell import EvaluateCell
from peftport.study.config import ConfigError, read_settings
from peftport.study.entries import Cell, Source
from peftport.study.study import Study
from peftport.study.training_steps import optimiser_steps
from tests.unit.planning.test_graph import CONFIG
from tests.unit.study.test_grid import made

ONE_WAY = {"transfers": [{"source": "raw", "target": "instruct"}], "techniques": ["lora"]}
FILM = {"dataset_pairs": [{"source": "film", "target": "film"}], **ONE_WAY}


def config(folder, **grid):
    """The config of a study with a dataset `other` whose rows are all to test on."""
    (folder / "other.csv").write_text("text,label\na good one,1\na bad one,0\n")
    files = [{"path": str(folder / "other.csv"), "split": "test"}]
    other = {"source": {"files": files}, "labels": {"0": "no", "1": "yes"}}
    return CONFIG | {"datasets": CONFIG["datasets"] | {"other": other}, "grid": CONFIG["grid"] | grid}


def test_ported_modules_and_their_references_are_tested_on_it():
    usual, probed = (made(**FILM, references=["bare", "native", "source"], **more) for more in ({}, {"probes": ["b"]}))
    assert probed.cells == usual.cells and probed.starts == usual.starts and probed.sources == usual.sources
    assert usual.probed == [] and probed.datasets == ["film", "b"]
    kinds = {(cell.technique, cell.target_host, cell.initialisation) for cell in probed.probed}
    assert kinds == {
        ("lora", "instruct", "ported"),
        *((name, host, kind) for name, kind in (("none", "bare"), ("lora", "native")) for host in ("raw", "instruct")),
    }
    assert {cell.target_dataset for cell in probed.probed} == {"b"}
    native = next(cell for cell in probed.probed if cell.target_host == "raw" and cell.initialisation == "native")
    assert probed.sources_of(native) == [Source("lora", "raw", "film", "0-2")]
    assert {cell.target_host for cell in made(**FILM, probes=["b"]).probed} == {"instruct"}
    alone = made(**FILM, probes=["b"], references=[])
    assert [cell.initialisation for cell in alone.probed] == ["ported", "bare"]


def test_what_is_probed_is_the_module_that_the_study_moves():
    pairs = [{"source": "book", "target": "film"}]
    study = made(decontaminate=True, **ONE_WAY, dataset_pairs=pairs, probes=["b"])
    assert {study.start_of(cell) for cell in study.probed if not cell.is_reference} <= set(study.starts)


def test_a_mean_of_other_modules_takes_none_of_it():
    study = made(**FILM, probes=["b"], initialisations=["ported", "target_mean"])
    cell = Cell("lora", "raw", "instruct", "film", "film", "target_mean", "0-2")
    assert {source.dataset for source in study.sources_of(cell)} == {"film"}


def test_its_cell_trains_on_the_task_and_reads_only_what_is_tested(tmp_path):
    plain, study = (Study(read_settings(config(tmp_path, **grid))) for grid in (FILM, FILM | {"probes": ["other"]}))
    graph = Graph(study)
    (cell,) = [cell for cell in study.probed if cell.initialisation == "ported"]
    needs, asked = graph.needs(EvaluateCell(**vars(cell))), graph.settings(EvaluateCell(**vars(cell)))
    read = [(needs[name].stage.dataset, needs[name].stage.split) for name in ("train", "validation", "test")]
    assert read == [("film", "train"), ("film", "validation"), ("other", "test")]
    usual = graph.settings(EvaluateCell(**vars(study.cells[0])))
    assert (asked["task"]["words"], asked["taught"]) == (["no", "yes"], usual["task"]) and usual["taught"] == {}
    encoded = {(stage.dataset, stage.split) for stage in graph.every_stage if isinstance(stage, EncodeDataset)}
    assert {split for dataset, split in encoded if dataset == "other"} == {"test"}
    before = Graph(plain)
    for rule in ("gather_runs", "compute_statistics"):  # the tables are those of the study without it, settings aside
        assert graph.needs(graph.stages[rule][0]) == before.needs(before.stages[rule][0])
    assert optimiser_steps(study) - optimiser_steps(plain) == study.budgets[-1] * len(study.seeds_of(cell.block))


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"probes": ["othr"]}, "`grid.probes.0`: .*Did you mean `other`"),
        ({"probes": ["film"]}, "`grid.probes.0`: expected a dataset that no pair"),
        ({"probes": ["other"], "initialisations": ["scratch"]}, "`grid.probes`: expected `ported`"),
        (
            {"probes": ["other"], "dataset_pairs": [{"source": one, "target": "film"} for one in ("film", "book")]},
            "`grid.probes`: expected one entry in `grid.dataset_pairs`",
        ),
        (
            {"dataset_pairs": [{"source": "film", "target": "other"}]},
            "`datasets.other.source.files`: expected",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(grid, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        read_settings(config(tmp_path, **FILM | grid))
