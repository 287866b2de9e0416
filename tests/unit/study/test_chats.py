"""Datasets that go through chat templates: what a plan knows of the hosts' templates, and what it refuses."""

import copy
import json
from pathlib import Path

import pytest

from peftport.hosts.chat_templates import found_template
from peftport.hosts.recipe_settings import read_recipe
from peftport.hosts.settings import HostSettings
from peftport.planning.graph import Graph
from peftport.planning.plan import chat_templates
from peftport.planning.plan_text import chat_templates as told
from peftport.prompting.chat import template_digest
from peftport.report.study import template_notes
from peftport.stages.encode_dataset import EncodeDataset
from peftport.study.config import ConfigError, read_settings
from peftport.study.study import Study
from tests.chats import CHATML, INSTRUCTION
from tests.other_formats import llama, write_gguf

ONE, OTHER = template_digest(CHATML), template_digest(INSTRUCTION)


def host(folder: Path, template: str | None, model_type: str = "llama", **said) -> dict:
    """A host directory as far as a plan looks at one, with its template in a file of its own."""
    folder.mkdir()
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2}
    (folder / "config.json").write_text(json.dumps({"model_type": model_type, **sizes}))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"bos_token": {"__type": "AddedToken", "content": "<s>"}, "eos_token": "</s>", **said})
    )
    for name in ("model.safetensors", "tokenizer.json"):
        (folder / name).write_text("{}")
    if template is not None:
        (folder / "chat_template.jinja").write_text(template)
    return {"path": folder.name}


def config(hosts: dict, **dataset) -> dict:
    source, target = hosts
    film = {"source": {"generated": {"domain": "film"}}, "labels": {"negative": "bad", "positive": "good"}}
    return {
        "study": "chats",
        "hosts": hosts,
        "datasets": {"film": film | {"chat": True} | dataset},
        "techniques": {"lora": {"learning_rate": 0.01}},
        "grid": {
            "techniques": ["lora"],
            "transfers": [{"source": source, "target": target}],
            "dataset_pairs": [{"source": "film", "target": "film"}],
            "initialisations": ["ported", "scratch"],
            "budgets": [0],
            "seeds": [0],
        },
    }


def study(folder: Path, hosts: dict, **dataset) -> Study:
    return Study(read_settings(copy.deepcopy(config(hosts, **dataset)), folder), folder)


@pytest.fixture
def pair(tmp_path):
    """A folder with two hosts of different chat templates."""
    return tmp_path, {"old": host(tmp_path / "old", CHATML), "new": host(tmp_path / "new", INSTRUCTION)}


def test_a_plan_says_which_host_is_asked_by_which_template(pair):
    folder, hosts = pair
    assert chat_templates(study(folder, hosts)) == {"old": ONE, "new": OTHER}
    assert told({"old": ONE, "hub": None}) == [
        "chat templates, by their SHA-256", f"  old  {ONE[:12]}", "  hub  known once its files are here",
    ]  # fmt: skip
    assert chat_templates(study(folder, hosts, chat=False)) == {} and told({}) == []


def test_the_report_says_where_hosts_of_a_transfer_differ(pair):
    folder, hosts = pair
    cards = {name: {"chat_template_sha256": digest} for name, digest in (("old", ONE), ("new", OTHER))}
    (note,) = template_notes(study(folder, hosts), cards)
    assert note.startswith(f"the hosts old and new have different chat templates ({ONE[:12]} and {OTHER[:12]})")
    assert template_notes(study(folder, hosts), {"old": cards["old"], "new": cards["old"]}) == []
    assert template_notes(study(folder, hosts, chat=False), cards) == []


def test_another_chat_template_moves_the_key_of_what_reads_it(pair):
    folder, hosts = pair

    def keys():
        graph = Graph(study(folder, hosts))
        return [graph.key(EncodeDataset(name, "film", "test")) for name in ("old", "new")]

    before = keys()
    (folder / "old" / "chat_template.jinja").write_text(CHATML + " ")
    after = keys()
    assert before[0] != after[0] and before[1] == after[1]


def test_what_is_asked_by_a_chat_moves_the_key_and_a_study_without_one_keeps_its_settings(pair):
    folder, hosts = pair[0], {name: {"path": "old"} for name in ("old", "new")}
    stage, keys = EncodeDataset("old", "film", "test"), set()
    for dataset in ({"chat": False}, {}, {"system": "Be brief"}):
        made = study(folder, hosts, **dataset)
        keys.add(Graph(made).key(stage))
    assert len(keys) == 3
    assert set(stage.settings(study(folder, hosts, chat=False))["task"]) == {"template", "words", "kind"}


SEVERAL = [{"name": "tool_use", "template": "x"}, {"name": "default", "template": CHATML}]
WHERE = {
    "a file of its own, before the config's": (CHATML, {"chat_template": INSTRUCTION}, CHATML),
    "the config": (None, {"chat_template": INSTRUCTION}, INSTRUCTION),
    "several": (None, {"chat_template": SEVERAL}, CHATML),
    "none": (None, {}, None),
}  # fmt: skip


@pytest.mark.parametrize("case", WHERE)
def test_a_plan_finds_the_template_that_transformers_takes(tmp_path, case):
    from transformers import AutoTokenizer

    from peftport.prompting.chat import chat_template
    from tests.chats import tokenizer

    file, said, expected = WHERE[case]
    hosts = read_settings(
        config({"a": host(tmp_path / "a", file, **said), "b": {"path": "a"}}, chat=False), tmp_path
    ).hosts
    found = found_template("a", hosts, tmp_path)
    assert found.template == expected and found.special == {"bos_token": "<s>", "eos_token": "</s>"}
    further = HostSettings(build=read_recipe({"base": "a", "corpus": {"files": ["a.txt"]}}))
    turned = HostSettings(build=read_recipe({"base": "further", "coordinates": {"heads": "permutation"}}))
    versions = hosts | {"further": further, "turned": turned}  # whose files beside the weights are their base's
    assert found_template("turned", versions, tmp_path) == found
    tokenizer("llama", None).save_pretrained(tmp_path / "saved")
    (tmp_path / "saved" / "tokenizer.json").rename(tmp_path / "a" / "tokenizer.json")
    assert chat_template(AutoTokenizer.from_pretrained(tmp_path / "a")) == expected


def test_a_gguf_file_has_its_template_in_its_header(tmp_path):
    write_gguf(tmp_path / "host.gguf", llama(), chat_template=CHATML)
    write_gguf(tmp_path / "plain.gguf", llama())
    files = {"a": {"gguf": {"file": "host.gguf"}}, "b": {"gguf": {"file": "host.gguf"}}}
    assert chat_templates(study(tmp_path, files)) == {"a": ONE, "b": ONE}
    files["b"]["gguf"]["file"] = "plain.gguf"
    with pytest.raises(ConfigError, match="host `b`: the host has no chat template"):
        study(tmp_path, files)


def test_a_hub_host_is_known_once_its_files_are_here(tmp_path):
    hosts = {"a": host(tmp_path / "a", CHATML), "b": {"hub": {"id": "someone/something"}}}
    assert chat_templates(study(tmp_path, hosts)) == {"a": ONE, "b": None}


WRONG = {
    "no template": (None, {}, "llama", "host `b`: the host has no chat template"),
    "one that fails": ("{{ raise_exception('no') }}", {}, "llama", "host `b`: the host's chat template fails"),
    "no jinja": ("{{", {}, "llama", "host `b`: the host's chat template fails: TemplateSyntaxError"),
    "no text": ("hello", {}, "llama", "host `b`: the host's chat template leaves out the text of a message"),
    "a masked model": (CHATML, {}, "bert", "host `b`: a masked language model fills a gap in a text"),
    "a place for the answer": (CHATML, {"template": "{text} is {answer}"}, "llama", "expected no {answer} with `chat`"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_plan_refuses_what_cannot_be_asked(tmp_path, case):
    template, dataset, model_type, message = WRONG[case]
    hosts = {"a": host(tmp_path / "a", CHATML), "b": host(tmp_path / "b", template, model_type)}
    made = config(hosts, **dataset)
    made["grid"] |= {"initialisations": ["scratch"]}
    with pytest.raises(ConfigError) as error:
        read_settings(made, tmp_path)
    assert str(error.value).startswith("config key `datasets.film.chat`: ") and message in str(error.value)


def test_a_system_message_without_a_chat_is_refused(pair):
    folder, hosts = pair
    with pytest.raises(ConfigError, match=r"config key `datasets\.film`: expected `system` only beside `chat: true`"):
        study(folder, hosts, chat=False, system="Be brief")
