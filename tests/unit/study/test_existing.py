"""Modules that exist already, in a config: what they become in the grid, and what is refused."""

import shutil

import pytest
import yaml
from safetensors.torch import load_file, save_file

from peftport.planning.graph import Graph
from peftport.study.config import ConfigError
from peftport.study.entries import Source
from peftport.study.existing import module_notes
from peftport.study.read import read_study
from tests import studies
from tests.adapters import copied, lora_of_raw
from tests.hub_cache import COMMIT


@pytest.fixture(scope="module")
def adapter(tmp_path_factory, hosts):
    return lora_of_raw(tmp_path_factory, hosts)


@pytest.fixture
def read(hosts, adapter, tmp_path):
    """Reads a study with the module `mine`; its parts are changed by keyword."""

    def read(grid=(), **changes):
        config = studies.smoke_config(hosts, **({"techniques": [], "modules": ["mine"]} | dict(grid)))
        config["modules"] = {"mine": {"path": str(adapter), "host": "raw", "dataset": "film"}}
        mine = config["modules"]["mine"] | changes.pop("mine", {})
        config["modules"]["mine"] = {key: value for key, value in mine.items() if value is not None}
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(config | changes))
        return read_study(tmp_path / "study.yaml", tmp_path)

    return read


def changed(adapter, folder, **fields):
    """A copy of the adapter with other fields in its config."""
    return {"path": str(copied(adapter, folder, **fields))}


def test_it_is_a_technique_of_its_form_and_its_own_training_is_no_job(read):
    study = read(mine={"learning_rate": 0.02, "source_steps": 7})
    form = study.config.techniques["mine"]
    assert (form.peft_type, form.model_extra["r"], form.model_extra["lora_alpha"]) == ("LORA", 2, 6)
    assert (form.learning_rate, form.source_steps) == (0.02, 7)
    assert len(form.names) == 2 * (2 + 2 + 2) and all(name.endswith(("q", "v")) for name in form.names)
    own, native = Source("mine", "raw", "film", "0"), Source("mine", "instruct", "film", "0")
    assert study.exists(own) and study.trained == [native]
    stages = Graph(study).stages
    assert [stage.names for stage in stages["admit_module"]] == [vars(own)]
    assert [stage.names for stage in stages["train_source"]] == [vars(native)]
    (note,) = module_notes(study)
    assert "`mine` is one module that existed already" in note and study.config.modules["mine"].path in note


def test_its_files_are_in_its_key_and_not_in_what_does_not_read_them(read, adapter, tmp_path):
    """Other weights of the same form are another module; what is made of its form alone stays."""
    mine = changed(adapter, tmp_path / "mine")
    before = Graph(read(mine=mine))
    keys = [{rule: before.key(before.stages[rule][0]) for rule in ("admit_module", "train_source")}]
    weights = tmp_path / "mine/adapter_model.safetensors"
    save_file({name: tensor + 1 for name, tensor in load_file(weights).items()}, weights)
    after = Graph(read(mine=mine))
    keys.append({rule: after.key(after.stages[rule][0]) for rule in keys[0]})
    assert keys[0]["admit_module"] != keys[1]["admit_module"] and keys[0]["train_source"] == keys[1]["train_source"]


def test_one_of_a_hub_is_taken_at_its_commit_from_the_cache_and_its_commit_is_in_the_key(
    read, adapter, tmp_path, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    snapshot = tmp_path / "hub/models--user--my-lora/snapshots" / COMMIT
    hub = {"path": None, "hub": {"id": "user/my-lora", "revision": COMMIT}}
    with pytest.raises(ConfigError, match=f"`modules.mine`: .*user/my-lora.*{COMMIT}.*hf download user/my-lora"):
        read(mine=hub)
    shutil.copytree(adapter, snapshot)
    study = read(mine=hub)
    assert study.config.techniques["mine"].model_extra["r"] == 2
    (admitted,) = Graph(study).stages["admit_module"]
    assert not admitted.files(study) and admitted.settings(study)["origin"]["hub"] == hub["hub"]
    assert f"user/my-lora at {COMMIT}" in module_notes(study)[0]


def test_controls_that_need_a_training_in_the_source_host_have_one(read):
    study = read(grid={"initialisations": ["ported", "random_target"], "references": []})
    assert study.trained == [Source("mine", "raw", "film@random", "0")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"grid": {"modules": []}}, r"`grid.techniques`: expected the name of a technique, or one in `grid.modules`"),
        ({"grid": {"modules": ["mien"]}}, r"`grid.modules.0`: .*mien.* Did you mean `mine`"),
        ({"mine": {"host": "row"}}, r"`modules.mine.host`: .*row.* Did you mean `raw`"),
        ({"mine": {"dataset": "flim"}}, r"`modules.mine.dataset`: .*Did you mean `film`"),
        (
            {"mine": {"host": "instruct"}},
            r"`grid.transfers.0.source`: expected `instruct`, .*`mine` was made, got `raw`",
        ),
        (
            {"mine": {"path": "nowhere"}},
            r"`modules.mine`: .*nowhere is not there; expected a folder with adapter_config",
        ),
        (
            {"mine": {"labels": ["negative", "positive"]}},
            r"`modules.mine.labels`: the module has no classification head",
        ),
        ({"mine": {"initial": "elsewhere"}}, r"`modules.mine`: .*elsewhere is not there"),
        (
            {"mine": {"hub": {"id": "a/b", "revision": "main"}}},
            r"`modules.mine.hub.revision`: expected a commit, 40 digits .* branch or a tag moves .*, got \"main\"",
        ),
        (
            {"mine": {"path": None, "hub": {"id": "a/b"}}},
            r"`modules.mine.hub`: `revision` is missing .*at one commit, which `revision` names; a branch moves",
        ),
        (
            {"techniques": {"mine": {"method": "lora"}}},
            r"`modules.mine`: expected a name of its own, a technique has it",
        ),
    ],
)
def test_one_message_names_key_and_what_was_expected(read, changes, said):
    with pytest.raises(ConfigError, match=said):
        read(**changes)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"bias": "all"}, "bias is all"),
        ({"init_lora_weights": "pissa"}, "it changed the weights of its host"),
        ({"peft_type": "PREFIX_TUNING"}, "an adapter of type PREFIX_TUNING cannot be brought"),
        ({"modules_to_save": ["lm_head"]}, r"`modules.mine.host`: the module brings lm_head of its host whole"),
        ({"lora_alpha": None}, "expected `lora_alpha`"),
    ],
)
def test_what_cannot_be_moved_is_refused_by_name(read, adapter, tmp_path, fields, said):
    with pytest.raises(ConfigError, match=said):
        read(mine=changed(adapter, tmp_path / "odd", **fields))


def test_a_study_that_cleans_its_sources_cannot_clean_what_exists(read):
    with pytest.raises(ConfigError, match="`decontaminate`: what the module `mine` was trained on"):
        book = {"source": {"generated": {"domain": "book", "train": 64, "validation": 16, "test": 32}}}
        labels = {"labels": {"negative": "negative", "positive": "positive"}}
        film = {"source": {"generated": {"domain": "film", "train": 64, "validation": 16, "test": 32}}} | labels
        read(
            grid={"dataset_pairs": [{"source": "film", "target": "book"}]},
            decontaminate=True,
            datasets={"film": film, "book": book | labels},
        )
