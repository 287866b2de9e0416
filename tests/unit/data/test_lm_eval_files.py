"""What a plan knows of a task of lm-evaluation-harness, from its files alone."""

import gzip
import sys
import types
from pathlib import Path

import pytest

from peftport.data import lm_eval_files
from peftport.data.lm_eval_files import local_files, refuse_large_data
from peftport.data.lm_eval_tasks import load_task
from peftport.data.settings import LmEvalSource
from peftport.planning.graph import Graph
from peftport.stages.evaluate_cell import EvaluateCell
from peftport.stages.prepare_dataset import PrepareDataset
from peftport.study.config import ConfigError, read_settings
from peftport.study.study import Study
from tests.lm_eval_tasks import CHOICE, TASKS, write_tasks
from tests.unit.data.test_unpacked import BOMBS, written

BUNDLED = {"raw": {"bundled": "reviews-raw"}, "instruct": {"bundled": "reviews-instruct"}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a task, where lm-eval counts as installed and the network as forbidden."""
    write_tasks(tmp_path, CHOICE)
    monkeypatch.setattr(lm_eval_files, "find_spec", lambda name: object())
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    return tmp_path


def config(source, **dataset):
    return {
        "study": "tasks",
        "hosts": BUNDLED,
        "datasets": {
            "film": {"source": {"lm_eval": {"task": "film_choice", "include_path": TASKS} | source}} | dataset
        },
        "techniques": {"lora": {"learning_rate": 0.01}},
        "grid": {
            "techniques": ["lora"],
            "transfers": [{"source": "raw", "target": "instruct"}],
            "dataset_pairs": [{"source": "film", "target": "film"}],
            "initialisations": ["ported"],
            "budgets": [0],
            "seeds": [0],
        },
    }


def study(folder, source=None, **dataset):
    return Study(read_settings(config(source or {}, **dataset), folder), folder)


def test_a_task_is_a_kind_of_its_own_and_survives_its_json(folder):
    made = study(folder).config
    assert (made.datasets["film"].kind, made.datasets["film"].metric) == ("lm_eval", "acc")
    assert type(made).model_validate(made.as_json()) == made


def keys(folder, **source):
    made = study(folder, source)
    cell = EvaluateCell(**vars(made.cells[0]))
    graph = Graph(made)
    return graph.key(PrepareDataset("film")), graph.key(cell), graph.files(cell)


def test_the_files_of_a_task_are_in_the_keys_of_its_data_and_its_tests(folder):
    prepared, tested, files = keys(folder)
    assert sorted(path.rsplit("/")[-1] for path in files) == ["film_choice.yaml", "test.jsonl", "train.jsonl"]
    for file in (folder / TASKS / "film_choice.yaml", folder / "data" / "test.jsonl"):
        file.write_text(file.read_text() + "\n")
        before, (prepared, tested, _) = (prepared, tested), keys(folder)
        assert prepared != before[0] and tested != before[1]
    assert keys(folder, metric="acc_norm")[1] != tested


WRONG = {
    "another task": (CHOICE, {"task": "film_choise"}, {}, "no task `film_choise`. Did you mean `film_choice`?"),
    "no folder": (CHOICE, {"include_path": "nowhere"}, {}, "include_path: expected a folder, 'nowhere' is none"),
    "no training": (CHOICE | {"training_split": None}, {}, {}, "has no `training_split`"),
    "data that are not there": (
        CHOICE | {"dataset_kwargs": {"data_files": "no.jsonl"}}, {}, {}, "expected a file, 'no.jsonl' is none",
    ),
    "the network": (CHOICE | {"dataset_path": "someone/films"}, {}, {}, "needs the network: its data (someone/films)"),
    "a kind beside it": (CHOICE, {}, {"generation": {}}, "expected no `generation` beside `source.lm_eval`"),
    "a template beside it": (CHOICE, {}, {"template": "{text}!"}, "expected no `template` beside `source.lm_eval`"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_plan_refuses_what_it_can_know(folder, case):
    task, source, dataset, message = WRONG[case]
    write_tasks(folder, task)
    with pytest.raises(ConfigError) as error:
        study(folder, source, **dataset)
    assert str(error.value).startswith("config key `datasets.film") and message in str(error.value)


def bomb(path):
    """A Parquet file of some hundred bytes that comes to gigabytes."""
    written(path, BOMBS["a dictionary"]())


def in_gzip(path):
    path.write_bytes(gzip.compress(b'{"text": "a", "label": 1}\n'))


def too_long(path):
    with open(path, "wb") as stream:
        stream.truncate(1_000_000_001)


TOO_LARGE = {
    "Parquet that grows": ("more.parquet", bomb, r"more.parquet: .* bytes that unpack to more than 1,000,000,000"),
    "gzip": ("more.jsonl.gz", in_gzip, r"more.jsonl.gz: the file is packed .gzip.*Unpack it first"),
    "a long file": ("more.jsonl", too_long, "more.jsonl: 1,000,000,001 bytes; at most 1,000,000,000 are read"),
}
NAMED = {
    "a file": lambda file: {"dataset_kwargs": {"data_files": {"train": "data/train.jsonl", "test": str(file)}}},
    "a folder of data": lambda file: {"dataset_kwargs": {"data_dir": str(file.parent)}},
    "a dataset's folder": lambda file: {"dataset_path": str(file.parent), "dataset_kwargs": {}},
}


@pytest.mark.parametrize("where", NAMED)
@pytest.mark.parametrize("case", TOO_LARGE)
def test_local_data_that_are_too_large_are_refused_before_lm_eval_opens_them(folder, case, where, monkeypatch):
    name, write, message = TOO_LARGE[case]
    file = folder / "data" / name
    write_tasks(folder, CHOICE | NAMED[where](file))
    write(file)
    with pytest.raises(ConfigError, match=message):
        study(folder)
    opens_nothing = types.ModuleType("lm_eval.tasks")
    opens_nothing.TaskManager = None
    monkeypatch.setitem(sys.modules, "lm_eval", types.ModuleType("lm_eval"))
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", opens_nothing)
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match=message):  # in the job, where data may have changed since
        load_task(LmEvalSource(task="film_choice", include_path=TASKS))


def test_data_in_folders_are_read_too_but_no_folder_that_is_called_as_a_loader(folder):
    (folder / "json").mkdir()
    in_gzip(folder / "json" / "old.gz")
    write_tasks(folder, CHOICE | {"dataset_path": "json", "dataset_kwargs": {"data_dir": "data"}})
    source = LmEvalSource(task="film_choice", include_path=TASKS)
    refuse_large_data(source, folder)
    assert Path("data/train.jsonl") in local_files(source, folder)
    assert not any("json" in file.parts for file in local_files(source, folder))


def test_without_the_extra_a_plan_says_what_to_install(folder, monkeypatch):
    monkeypatch.setattr(lm_eval_files, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'peftport\[lm-eval\]'"):
        study(folder)


def test_a_masked_host_is_refused(folder):
    from peftport.tasks.table import refusal

    assert "lm-evaluation-harness asks for what follows" in refusal("lm_eval", "masked")
