"""Hosts in other coordinates compute the same, and nothing is changed but what was asked for; or they are refused."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from peftport.host_building.drawn_change import drawn_change
from peftport.host_building.rewrite import MOST, rewrite_host
from peftport.hosts.families.table import family
from peftport.hosts.identify import identify_host
from peftport.hosts.load import load_model
from peftport.hosts.locate import BUNDLED
from peftport.hosts.recipe_settings import CoordinateSettings, read_recipe
from peftport.hosts.rewritable import refusal
from peftport.hosts.settings import HostSettings
from peftport.hosts.shape import host_shape
from tests.tiny import host
from tests.unit.host_building.test_further import save

ALL = {"stream": "rotation", "heads": "permutation", "units": "permutation"}
ORDERED = ALL | {"stream": "permutation"}
RAW = BUNDLED / "reviews-raw"


def recipe(coordinates, **more):
    return read_recipe({"base": "base", "coordinates": coordinates} | more)


@pytest.mark.parametrize(
    ("name", "coordinates"),
    [("t5_gated_untied", ALL), ("t5_relu_tied", ORDERED), ("llama", ORDERED), ("gpt2", ORDERED), ("bert", ORDERED)],
)
def test_hosts_of_every_kind_compute_the_same(name, coordinates, tmp_path):
    base = save(tmp_path / "base", name)
    facts = rewrite_host(recipe(coordinates), base, tmp_path / "new")
    # of permutations only the order of sums
    assert facts["rewritten"]["logits_difference"] < (3e-4 if coordinates is ALL else 1e-5)
    old, new = (load_model(folder).state_dict() for folder in (base, tmp_path / "new"))
    assert not all(np.array_equal(old[key], new[key]) for key in old)
    assert {file.name for file in (tmp_path / "new").iterdir()} == facts["files"].keys()


def test_the_bundled_host_is_turned_and_its_card_says_so(tmp_path):
    facts = rewrite_host(recipe(ALL, seed=3), RAW, tmp_path / "new")
    assert facts["rewritten"] | {"base": "base", "coordinates": ALL, "seed": 3} == facts["rewritten"]
    assert 0 < facts["rewritten"]["logits_difference"] < 1e-4
    for name in ("config.json", "tokenizer.json"):
        assert (tmp_path / "new" / name).read_bytes() == (RAW / name).read_bytes()
    settings = HostSettings.model_validate({"build": {"base": "base", "coordinates": ALL}})
    card = identify_host("new", settings, tmp_path / "new", facts["files"], rewritten=facts["rewritten"])
    assert card["rewritten"] == facts["rewritten"]
    assert "rewritten" not in identify_host("raw", HostSettings(bundled="reviews-raw"), RAW)
    rewrite_host(recipe(ALL, seed=3), RAW, tmp_path / "again")
    files = [(tmp_path / folder / "model.safetensors").read_bytes() for folder in ("new", "again")]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("coordinates", "kept", "changed"),
    [
        ({"heads": "permutation"}, ("wi_0", "shared", "layer_norm"), ("SelfAttention.q", "relative_attention_bias")),
        ({"units": "permutation"}, ("SelfAttention", "shared", "layer_norm"), ("wi_0", "wi_1", "wo")),
        ({"stream": "permutation"}, ("relative_attention_bias",), ("shared", "SelfAttention.q", "lm_head", "wi_0")),
    ],
)
def test_nothing_else_is_changed(coordinates, kept, changed, tmp_path):
    rewrite_host(recipe(coordinates), RAW, tmp_path / "new")
    old, new = (load_model(folder).state_dict() for folder in (RAW, tmp_path / "new"))
    moved = {name for name in old if not np.array_equal(old[name], new[name])}
    assert not [name for name in moved for part in kept if part in name]
    assert all(any(part in name for name in moved) for part in changed)
    assert all(np.array_equal(np.sort(old[name].ravel()), np.sort(new[name].ravel())) for name in old)


def test_rotations_keep_means_where_norms_take_them_away():
    for kind, kept in (("gpt2", True), ("llama", False)):
        config = host(kind).config
        asked = CoordinateSettings(stream="rotation")
        change = drawn_change(family(kind), host_shape(config), asked, np.random.default_rng(0))
        ones = np.ones(config.hidden_size)
        np.testing.assert_allclose(change.basis @ change.basis.T, np.eye(len(ones)), atol=1e-12)
        assert np.allclose(change.basis @ ones, ones) == kept


@pytest.mark.parametrize(
    ("name", "said"), [("t5_relu_tied", "its token embedding \\(tied\\)"), ("bert", "its norms stand in the stream")]
)
def test_streams_that_cannot_be_rotated_are_refused(name, said, tmp_path):
    with pytest.raises(ValueError, match=f"base: .*{said}.*stream: permutation"):
        rewrite_host(recipe(ALL), save(tmp_path / "base", name), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_host_that_computes_something_else_is_not_written(tmp_path, monkeypatch):
    def negated(kind, shape, source, change):
        return {name: -array if "lm_head" in name else array for name, array in source.items()}, None

    monkeypatch.setattr("peftport.host_building.rewrite.rewritten", negated)
    with pytest.raises(ValueError, match=f"computes something else .* at most {MOST:.0e}"):
        rewrite_host(recipe({"units": "permutation"}), RAW, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_families_and_recipes_that_are_none_are_refused():
    assert "`phi3` are not written in other coordinates; those of `t5`, `llama`" in refusal(
        CoordinateSettings(heads="permutation"), "phi3"
    )
    with pytest.raises(ValidationError, match="at least one of `stream`, `heads`, `units`"):
        recipe({})
    assert json.loads(json.dumps(recipe(ALL).as_json())) == {"base": "base", "coordinates": ALL, "seed": 0}
