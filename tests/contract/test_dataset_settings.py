"""Every setting of a dataset reaches a job that works with its examples, or is said to matter to planning only."""

import json

import pytest

from peftport.data.settings import DatasetSettings, GenerationSettings, MultipleChoiceSettings
from peftport.planning.graph import Graph
from peftport.stages.table import STAGES
from peftport.study.config import read_settings
from peftport.study.study import Study
from tests.unit.planning.test_graph import CONFIG, TABLES

ONLY_PLANNED: dict[str, str] = {}  # setting to the reason why no job needs it: none so far
ELSEWHERE = {"mixture"}  # tests/unit/study/test_mixtures.py: no other setting stands beside it
ANSWERS = {"positive": "yes", "negative": "no"}
CHOOSING, WRITING = {"multiple_choice": {}}, {"generation": {}}
# setting to the dataset of which it is changed, and to what
CHANGES = {
    "labels": ({}, {"positive": "good", "negative": "bad"}),
    "multiple_choice.answer": (CHOOSING, "text"),
    "multiple_choice.faulty": (CHOOSING, "leave_out"),
    "multiple_choice.metric": (CHOOSING, "accuracy"),
    "generation.metric": (WRITING, "exact_match"),
    "generation.max_new_tokens": (WRITING, 3),
    "generation.stop": (WRITING, ["."]),
    "template": ({}, "is it good? {text}"),
    "chat": ({}, True),
    "system": ({"chat": True}, "Answer."),
    "source": ({}, {"hub": {"id": "a/c"}}),
    "split": ({}, {"seed": 3}),
    "examples": ({}, {"train": 7}),
    "drop": ({}, ["empty"]),
    "label_noise": ({}, 0.1),
}
PARTS = {"multiple_choice": MultipleChoiceSettings, "generation": GenerationSettings}
SETTINGS = {
    f"{name}.{part}" if part else name
    for name in DatasetSettings.model_fields
    for part in (PARTS[name].model_fields if name in PARTS else [""])
}


def given(folder, dataset):
    """What the jobs of a study are given, by stage, that work with a dataset's examples; tables and report do not."""
    own = {"template": "{text}", "source": {"hub": {"id": "a/b"}}} | dataset
    labelled = own if {"labels", *PARTS} & set(own) else own | {"labels": ANSWERS}
    grid = CONFIG["grid"] | {"dataset_pairs": [{"source": "own", "target": "own"}]}
    hosts = {name: {"hub": {"id": f"a/{name}", "revision": "0" * 40}} for name in CONFIG["hosts"]}
    config = CONFIG | {"datasets": {"own": labelled}, "hosts": hosts, "grid": grid}
    study = Study(read_settings(config, folder), folder)
    stages = Graph(study).stages
    told = {rule: [stage.settings(study) for stage in stages.get(rule, [])] for rule in STAGES if rule not in TABLES}
    return json.dumps(told, sort_keys=True)


def test_no_setting_is_forgotten_here():
    assert set(CHANGES) | set(ONLY_PLANNED) | ELSEWHERE == SETTINGS


@pytest.mark.parametrize("name", CHANGES)
def test_a_job_is_given_the_setting(tmp_path, name):
    dataset, value = CHANGES[name]
    top, _, part = name.partition(".")
    changed = dataset | {top: dataset[top] | {part: value} if part else value}
    assert given(tmp_path, dataset) != given(tmp_path, changed)
