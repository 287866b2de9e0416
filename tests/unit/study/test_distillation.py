"""Studies whose starts learn from a teacher: what they ask for, their steps, and what is refused."""

import copy
import json

import pytest

from peftport.planning.graph import Graph
from peftport.study.config import ConfigError, read_settings
from peftport.study.distillation import distil_notes
from peftport.study.entries import Cell
from peftport.study.study import Study
from peftport.study.training_steps import optimiser_steps
from tests.unit.planning.test_graph import CONFIG, keys, moved

STEPS = 40


def config(distil=STEPS, **grid):
    """The study of ``tests.unit.planning.test_graph`` with `distilled`."""
    made = copy.deepcopy(CONFIG)
    made["grid"] |= {"initialisations": ["distilled", "scratch"], "budgets": [0, STEPS]} | grid
    return made | ({"distil": {"steps": distil}} if distil else {})


def study(**grid):
    return Study(read_settings(config(**grid)))


def hosts(tmp_path, **heads):
    """A config with two hosts of files: a BERT-shaped one and a wider LLaMA-shaped one."""
    made = config()
    made["hosts"] = {}
    for name, facts in {"raw": {"model_type": "bert", "hidden_size": 8}, "instruct": {"model_type": "llama"}}.items():
        (tmp_path / name).mkdir()
        for file in ("model.safetensors", "tokenizer.json"):
            (tmp_path / name / file).touch()
        (tmp_path / name / "config.json").write_text(json.dumps(facts))
        made["hosts"][name] = {"path": name} | ({"head": heads[name]} if name in heads else {})
    for dataset in made["datasets"].values():
        dataset["template"] = "{text}" if heads else "{text} {answer}"
    return made


def test_unequal_hosts_are_fine_for_it_alone(tmp_path):
    made = hosts(tmp_path)
    assert read_settings(made, tmp_path).grid.initialisations == ["distilled", "scratch"]
    for others in (["ported"], ["sampled"], ["distilled", "ported"]):
        made["grid"]["initialisations"] = others
        with pytest.raises(ConfigError, match=r"`grid\.transfers\.0`: a module cannot be copied raw -> instruct"):
            read_settings(made, tmp_path)


def test_each_teacher_is_asked_once_and_tested_on_the_target_dataset():
    both = [{"source": "raw", "target": "instruct"}, {"source": "raw", "target": "raw"}]
    found = Graph(study(transfers=both, techniques=["lora"])).stages
    assert {stage.path("answers") for stage in found["ask_teacher"]} == {
        f"teachers/lora/raw/film--{dataset}/seeds-0-1/answers.parquet" for dataset in ("film", "book")
    }
    assert len(found["distil_starts"]) == 4
    teachers = [stage for stage in found["evaluate_cell"] if stage.initialisation == "teacher"]
    assert {(stage.source_host, stage.target_host, stage.target_dataset) for stage in teachers} == {
        ("raw", "raw", "film"),
        ("raw", "raw", "book"),
    }
    assert found["check_transfer"] == []  # nothing is copied
    assert Cell("lora", "raw", "raw", "film", "book", "teacher", "0-1").is_reference


def test_steps_without_labels_are_steps():
    """Of two techniques, two dataset pairs and two seeds: students, their cells, their teachers' own trainings."""
    without, made, sources = study(initialisations=["scratch"]), study(), 2 * 500
    students = cells = 2 * 2 * STEPS  # of a technique and an initialisation
    assert optimiser_steps(made) - optimiser_steps(without) == 2 * (students + cells + sources)
    rates = config()
    rates["techniques"]["lora"]["learning_rate"] = [0.01, 0.02]
    twice = students + 2 * cells + (1 + 2) * sources  # LoRA alone, with its native modules
    assert optimiser_steps(Study(read_settings(rates))) - optimiser_steps(made) == twice


def test_the_fair_comparison_is_asked_for_where_it_is_missing():
    (said,) = distil_notes(study())
    assert (
        said
        == "`distilled` is trained for 40 steps without labels before its first budget: no score of it is zero-shot"
    )
    assert "give `grid.budgets` 40" in distil_notes(study(budgets=[0, 30]))[1]
    assert "give `grid.budgets` 45" in distil_notes(study(budgets=[5, 40]))[1]
    assert "give `grid.initialisations` `scratch`" in distil_notes(study(initialisations=["distilled"]))[1]
    assert distil_notes(study(initialisations=["scratch"])) == []


@pytest.mark.parametrize(
    ("key", "value", "stages"),
    [
        ("steps", STEPS + 1, {"distil_starts"}),
        ("texts", 7, {"ask_teacher", "distil_starts"}),
    ],
)
def test_a_setting_moves_what_depends_on_it(key, value, stages):
    after = config()
    after["distil"][key] = value
    tables = {"gather_runs", "compute_statistics", "describe_techniques", "draw_figure", "write_report"}
    assert moved(keys(config()), keys(after)) == {*stages, "evaluate_cell", *tables}
    alone = CONFIG | {"distil": after["distil"]}
    assert moved(keys(CONFIG), keys(alone)) == set()  # not picked


ASKED = {
    "source": {"hub": {"id": "a/b", "revision": "0" * 40}},
    "generation": {"metric": "exact_match"},
    "template": "{text}",
}
WRONG = {
    "no steps": (config(distil=None), r"`distil`: expected `steps`, for how long `distilled` is trained without"),
    "steps that are none": (config(distil=0.5), r"`distil\.steps`"),
    "a dataset without label words": (
        config(dataset_pairs=[{"source": "film", "target": "asked"}])
        | {"datasets": CONFIG["datasets"] | {"asked": ASKED}},
        r"`grid\.dataset_pairs\.0\.target`: `distilled` learns a .* `asked` \(generation\) has none\. Expected a",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_distilled_is_refused_by_name(wrong):
    made, message = WRONG[wrong]
    with pytest.raises(ConfigError, match=message):
        read_settings(made)


def test_a_teacher_with_a_head_for_other_labels_is_refused(tmp_path):
    made = hosts(tmp_path, raw="classification")
    assert read_settings(made, tmp_path)
    made["datasets"]["book"]["labels"] = {"negative": "bad", "positive": "good"}
    with pytest.raises(
        ConfigError, match=r"`grid\.dataset_pairs\.1`: `distilled`: .* `raw` answers negative, positive; "
    ):
        read_settings(made, tmp_path)
