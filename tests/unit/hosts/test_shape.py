"""What is known of a host's shape before it is loaded agrees with what its card says once it is."""

import json

import pytest
from transformers import AutoConfig

from peftport.hosts.locate import bundled_folder, bundled_names
from peftport.hosts.settings import HostSettings
from peftport.hosts.shape import common, declared, host_shape

SHAPE = {"d_model": 32, "d_ff": 48, "heads": 4, "layers": 3, "vocabulary": 400}
CORPUS = {"files": ["texts.txt"]}
INSTRUCTIONS = {"files": ["texts.txt"], "examples": 9}
HOSTS = {
    "raw": {"build": {"family": "t5", "corpus": CORPUS, "shape": SHAPE}},
    "cloze": {"build": {"family": "bert", "corpus": CORPUS, "shape": SHAPE}},
    "tuned": {"build": {"base": "raw", "instructions": INSTRUCTIONS}},
    "hub": {"hub": {"id": "google/flan-t5-base"}},
    "further": {"build": {"base": "hub", "instructions": INSTRUCTIONS}},
    "local": {"path": "local"},
}
HOSTS = {name: HostSettings.model_validate(host) for name, host in HOSTS.items()}


def test_a_recipe_says_its_shape_and_so_does_what_is_built_on_it():
    raw, tuned = (declared(name, HOSTS, None) for name in ("raw", "tuned"))
    assert raw["shape"] == {"d_model": 32, "d_ff": 48, "heads": 4, "layers": 3, "d_kv": 8, "decoder_layers": 3}
    assert tuned == raw | {"host": "tuned"}
    assert raw["gated_feed_forward"] is True


def test_a_recipe_says_its_family():
    raw, cloze = (declared(name, HOSTS, None) for name in ("raw", "cloze"))
    assert (raw["model_type"], cloze["model_type"]) == ("t5", "bert")
    assert cloze["shape"] == {size: value for size, value in raw["shape"].items() if size != "decoder_layers"}


def test_a_hub_is_not_asked():
    assert declared("hub", HOSTS, None) is None
    assert declared("further", HOSTS, None) is None


@pytest.mark.parametrize("name", bundled_names())
def test_it_agrees_with_the_card(name):
    found = declared("one", {"one": HostSettings(bundled=name)}, None)
    config = AutoConfig.from_pretrained(bundled_folder(name))
    card = host_shape(config)
    assert (found["model_type"], found["gated_feed_forward"]) == ("t5", config.is_gated_act)
    assert found["shape"] == {
        "layers": card["encoder_layers"],
        **{size: card[size] for size in ("d_model", "d_kv", "d_ff", "heads", "decoder_layers")},
    }


@pytest.mark.parametrize("kind", ["t5", "gpt2", "llama", "bert", "distilbert", "bart", "umt5"])
def test_it_agrees_for_every_family(tmp_path, kind):
    AutoConfig.for_model(kind).save_pretrained(tmp_path / "local")
    config = AutoConfig.from_pretrained(tmp_path / "local")
    known = declared("local", HOSTS, tmp_path)
    found, card = known["shape"], host_shape(config)
    assert known["gated_feed_forward"] == {"t5": False, "umt5": True, "llama": True}.get(kind, False)
    assert found["layers"] == card["decoder_layers"] or found["layers"] == card["encoder_layers"]
    assert {size: found[size] for size in found.keys() & card.keys()}.items() <= card.items()
    assert {"d_model", "heads"} <= found.keys()
    assert ("decoder_layers" in found) == bool(card["encoder_layers"] and card["decoder_layers"])


def test_only_what_both_know_is_compared(tmp_path):
    (tmp_path / "local").mkdir()
    (tmp_path / "local/config.json").write_text(json.dumps({"model_type": "t5", "d_model": 32, "d_kv": None}))
    pair = common(declared("raw", HOSTS, None), declared("local", HOSTS, tmp_path))
    assert [one["shape"] for one in pair] == [{"d_model": 32}] * 2
    assert [one["host"] for one in pair] == ["raw", "local"]
    assert "gated_feed_forward" not in pair[1]  # its config does not say, and T5 has either


@pytest.mark.parametrize(("content", "message"), [("{", "config.json is damaged"), ("[]", "config.json is no mapping")])
def test_a_damaged_config_is_named(tmp_path, content, message):
    (tmp_path / "local").mkdir()
    (tmp_path / "local/config.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        declared("local", HOSTS, tmp_path)
