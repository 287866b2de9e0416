"""Studies of hosts with a classification head: what does not go together is refused with one message."""

import json

import pytest

from peftport.study.classification import head_notes
from peftport.study.config import ConfigError, read_settings
from peftport.study.study import Study

LABELS = {"negative": "negative", "positive": "positive"}
FILM = {"source": {"generated": {"domain": "film"}}, "labels": LABELS, "template": "{text}"}
BOOK = FILM | {"labels": {"negative": "bad", "positive": "good"}}


def study(tmp_path, heads=("classification", "classification"), model_type="bert", pairs=(("film", "film"),), **edits):
    hosts = {}
    for name, head in zip(("v1", "v2"), heads, strict=True):
        (tmp_path / name).mkdir(exist_ok=True)
        for file in ("model.safetensors", "tokenizer.json"):
            (tmp_path / name / file).touch()
        (tmp_path / name / "config.json").write_text(json.dumps({"model_type": model_type, "hidden_size": 8}))
        hosts[name] = {"path": name, "head": head}
    grid = {"techniques": ["lora"], "transfers": [{"source": "v1", "target": "v2"}], "budgets": [0], "seeds": [0, 1]}
    grid["dataset_pairs"] = [dict(zip(("source", "target"), pair, strict=True)) for pair in pairs]
    grid["initialisations"] = edits.pop("initialisations", ["ported", "scratch"])
    config = {"study": "heads", "hosts": hosts, "datasets": {"film": FILM, "book": BOOK}, "grid": grid}
    config |= {"techniques": {"lora": {"learning_rate": 0.01}}}
    return Study(read_settings(config | edits, tmp_path), tmp_path)


WORDS = "language_model"
WRONG = {
    "a head on one side": (
        {"heads": ("classification", WORDS)},
        r"`grid\.transfers\.0`: .* v1 -> v2: .*\n  head: classification in v1, language_model in v2",
    ),
    "a decoder": ({"model_type": "llama"}, r"`hosts\.v1\.head`: hosts of the type `llama` have no .* Known: `bert`, "),
    "an unknown head": ({"heads": ("regression", WORDS)}, r"`hosts\.v1\.head`.*`classification`"),
    "an answer in the prompt": (
        {"datasets": {"film": FILM | {"template": "{text} {answer}"}}},
        r"`datasets\.film\.template`: a classification head writes no answer",
    ),
    "free generation": ({"evaluation": {"generate": True}}, r"`evaluation\.generate`: the host `v1` has a class"),
    "half precision": ({"training": {"host_precision": "bfloat16"}}, r"`training\.host_precision`: .*expected float32"),
    "no head to leave behind": (
        {"heads": (WORDS, WORDS), "initialisations": ["ported", "ported_fresh_head"]},
        r"`grid\.initialisations`: `ported_fresh_head` is about .* `v1` has none: .*`head: classification`",
    ),
    "a head alone to other labels": (
        {"pairs": (("film", "book"),), "initialisations": ["head_only"]},
        r"`grid\.dataset_pairs\.0`: `head_only` moves a head, and film has other label words than book",
    ),
    "a mean over heads of other labels": (
        {"pairs": (("film", "film"), ("book", "book")), "initialisations": ["ported", "target_mean"]},
        r"`grid\.initialisations`: `target_mean` is a mean over modules of other datasets",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_go_together_is_refused(name, tmp_path):
    edits, message = WRONG[name]
    with pytest.raises(ConfigError, match=message):
        study(tmp_path, **edits)


def test_what_goes_together_is_read_and_what_a_reader_must_know_is_said(tmp_path):
    kinds = ["ported", "sampled", "ported_fresh_head", "sampled_fresh_head", "scratch"]
    whole = study(tmp_path, pairs=(("film", "film"), ("film", "book")), initialisations=kinds)
    chance, alone = head_notes(whole)
    assert "the bare host takes all labels in turn, which is chance" in chance
    assert alone.startswith("from film to book modules move without their classification head")
    assert head_notes(study(tmp_path, heads=(WORDS, WORDS))) == []


def test_the_head_is_in_the_key_of_a_host_only_where_it_is_said(tmp_path):
    hosts = study(tmp_path, heads=(WORDS, WORDS)).config.hosts
    assert hosts["v1"].as_json() == {"path": "v1"}
    assert study(tmp_path).config.hosts["v1"].as_json() == {"path": "v1", "head": "classification"}
