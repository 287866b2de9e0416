"""What a technique's tensors touch of a host's coordinates: what is said is what its law does."""

import numpy as np
import pytest

from peftport.host_building.drawn_change import drawn_change
from peftport.hosts.families.table import family
from peftport.hosts.recipe_settings import CoordinateSettings
from peftport.hosts.shape import host_shape
from peftport.maps.carry import carry_module
from peftport.maps.laws.table import PARTS, touched
from tests.carried import answers, settings_for
from tests.reshaped import changed
from tests.tiny import SIZES, card, host

TECHNIQUES = ("lora", "adapters", "adapters_shared", "compacter", "prefix", "prefix_layer", "prompt", "ia3")
HOW = {"stream": "permutation", "heads": "permutation", "units": "permutation"}


@pytest.fixture(scope="module")
def versions():
    """Of a tiny T5, for each part of its coordinates: the host with that part in another order, and the truth."""
    model = host("t5")
    kind, shape, found = family("t5"), host_shape(model.config), {}
    for part, how in HOW.items():
        change = drawn_change(kind, shape, CoordinateSettings(**{part: how}), np.random.default_rng(5))
        found[part] = changed("t5", model, SIZES["t5"], change)
    return found


@pytest.mark.parametrize("technique", [*TECHNIQUES, "tiny_attention"])
def test_a_law_changes_what_is_touched_and_nothing_else(technique, versions):
    method, settings = settings_for(technique, "t5")
    module, said = answers(technique, "t5").module, touched(method, settings)
    for part, (target, truth) in versions.items():
        new = carry_module(module, method, truth, card(host("t5"), "source"), card(target, "target"))
        moved = new.shapes() != module.shapes() or any(
            not np.array_equal(new.tensors[name], tensor) for name, tensor in module.tensors.items()
        )
        assert moved == (part in said), part


@pytest.mark.parametrize(
    ("method", "settings", "parts"),
    [
        ("lora", {"targets": ["q", "v"]}, ["stream", "heads"]),
        ("lora", {"targets": ["wi_0"]}, ["stream", "units"]),
        ("ia3", {"targets": ["k", "v"]}, ["heads"]),
        ("ia3", {"targets": ["wo"]}, ["units"]),
        ("ia3", {}, ["heads", "units"]),
        ("prefix_tuning", {"attentions": None}, ["heads"]),
        ("prompt_tuning", {}, ["stream"]),
    ],
)
def test_targets_say_what_is_touched(method, settings, parts):
    assert touched(method, settings) == parts
    assert set(parts) <= PARTS.keys()
