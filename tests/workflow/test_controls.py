"""Controls come and go without touching what is there, and the checks before training rerun no training."""

from collections import Counter

import pandas as pd
import pytest
import yaml

from peftport.planning.graph import RULES, Graph
from peftport.report.study import describe_study
from peftport.storage.modules import read_module
from peftport.storage.parquet import read_provenance, read_table
from peftport.study.config import read_settings
from peftport.study.read import read_study
from peftport.study.study import Study
from tests import studies


def edited(folder, **grid):
    """The config of a finished study after an edit of its grid."""
    config = yaml.safe_load((folder / "study.yaml").read_text())
    config["decontaminate"] = grid.pop("decontaminate", False)
    config["datasets"]["book"] = {
        "source": {"generated": {"domain": "book", "train": 64, "validation": 16, "test": 32}},
        "labels": config["datasets"]["film"]["labels"],
    }
    config["grid"] |= grid
    return config


def keys_of(config, folder):
    """The keys of all stages that a study asks for."""
    graph = Graph(Study(read_settings(config, folder), folder))
    return {stage: graph.key(stage) for stage in graph.every_stage}


BOTH_WAYS = [{"source": "raw", "target": "instruct"}, {"source": "instruct", "target": "raw"}]
BOTH_DATASETS = [{"source": "film", "target": "film"}, {"source": "film", "target": "book"}]
STAGES = ("randomise_labels", "decontaminate_dataset", "check_transfer", "train_source", "evaluate_cell")

# edit of the grid; jobs of the stages above, and splits encoded: two techniques, sources and the prompts that they and
# tests in instruct need are there
EDITS = {
    "random_target": ({"initialisations": ["ported", "sampled", "scratch", "random_target"]}, (1, 0, 0, 2, 2), 2),
    "matched": ({"initialisations": ["ported", "sampled", "scratch", "matched"]}, (0, 0, 0, 0, 2), 0),
    "a control less": ({"initialisations": ["ported", "scratch"]}, (0, 0, 0, 0, 0), 0),
    "the way back": ({"transfers": BOTH_WAYS}, (0, 0, 1, 0, 9), 1),
    "a further dataset": ({"dataset_pairs": BOTH_DATASETS}, (0, 0, 0, 2, 9), 3),
    "the same, decontaminated": ({"dataset_pairs": BOTH_DATASETS, "decontaminate": True}, (0, 1, 0, 4, 9), 5),
    "decontaminated, with one dataset": ({"decontaminate": True}, (0, 0, 0, 0, 0), 0),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_runs_what_is_new(finished, edit):
    """A stage runs whose file is not there, or is there with another key."""
    grid, expected, encoded = EDITS[edit]
    config = yaml.safe_load((finished / "study.yaml").read_text())
    before, after = keys_of(config, finished), keys_of(edited(finished, **grid), finished)
    jobs = Counter(RULES[type(stage)] for stage, key in after.items() if before.get(stage) != key)
    assert tuple(jobs[stage] for stage in STAGES) == expected
    assert jobs["encode_dataset"] == encoded


def test_matched_adds_a_job_for_its_starts_and_touches_no_others(copy):
    """Those of a cluster's queue, as it needs the host; the local ones make the other starts. Snakemake says so too."""
    studies.write_config(copy, edited(copy, initialisations=["ported", "sampled", "scratch", "matched"]))
    jobs = studies.planned(copy)
    assert (jobs["match_starts"], jobs.get("make_starts", 0), jobs.get("initialise_scratch", 0)) == (2, 0, 0)
    assert tuple(jobs.get(stage, 0) for stage in STAGES) == EDITS["matched"][1]


@pytest.mark.slow
def test_random_target_and_decontamination_through_the_workflow(with_controls):
    """Leaked texts are taken out of the training data, the control learns shuffled labels, the report says so; and
    another control is fitted to texts of the target dataset in the target host, where a fresh
    module is distilled too."""
    results = with_controls / studies.RESULTS
    data = results / "datasets"
    cleaned, shuffled = (data / name / "train.parquet" for name in ("film@without-book", "film@without-book@random"))
    leaked = set(pd.read_csv(with_controls / "test.csv")["text"])
    before, after = read_table(data / "film/train.parquet", "examples"), read_table(cleaned, "examples")
    assert set(before["text"]) - set(after["text"]) == leaked & set(before["text"]) != set()
    assert read_provenance(cleaned)["facts"]["removed"]["train"] == len(before) - len(after)
    assert read_table(shuffled, "examples")["text"].equals(after["text"])
    runs, references = studies.read_tables(with_controls, "runs", "references")
    assert set(runs["source_dataset"]) == {"film"}
    assert set(runs["initialisation"]) == {"ported", "random_target", "matched", "distilled"}
    start = studies.start_folder("lora", "raw--instruct", "film@without-book--book", "matched")
    said = read_module(results / start).card["matching"]
    assert said["converged"] and said["measure"] == "product"
    student = read_module(
        results / studies.start_folder("lora", "raw--instruct/any", "film@without-book--book", "distilled")
    )
    source = read_module(results / studies.module_folder("lora", "raw", "film@without-book"))
    assert student.card["source_module"]["weights_sha256"] == source.card["weights_sha256"]
    assert student.card["steps_without_labels"] == 2 and student.shapes() == source.shapes()
    assert references[["initialisation", "target_host", "target_dataset"]].values.tolist() == [
        ["teacher", "raw", "book"]
    ]
    study = read_study([with_controls / "study.yaml"], with_controls)
    cards = [results / "hosts" / host / "card.json" for host in study.hosts]
    told = describe_study(
        study, cards, [data / name / "train.parquet" for name in (*study.datasets, *study.derived)], []
    )
    assert "labels shuffled" in told.rules["random_target"] and "film@without-book@random" in told.datasets
