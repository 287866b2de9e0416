"""Starts of one part of a module of two techniques, and what the target host makes beside it."""

import numpy as np
import pytest

from peftport.injection.attach import attach, config_dict, module_tensors
from peftport.injection.complete import completed
from peftport.porting.start import make_start
from peftport.storage.module_parts import lacks_a_part, part_of
from peftport.storage.modules import Module
from tests.hosts import host, spread_module
from tests.techniques import SETTINGS

TARGET = {"host": "instruct", "weights_sha256": "t", "shape": {}}
TECHNIQUE = {"method": "hybrid"} | SETTINGS["hybrid"]
PLACES = {"ported_inner_part": "lora", "ported_outer_part": "adapters"}


def module():
    model = spread_module(attach(host("bert"), "hybrid", SETTINGS["hybrid"], seed=0))
    return Module(config_dict(model), module_tensors(model), {"technique": "two", "host": "raw", "seed": 0})


@pytest.mark.parametrize("kind", PLACES)
def test_one_part_is_the_source_s_and_the_other_one_that_of_scratch(kind):
    source, target = module(), host("bert", 1)
    start = make_start(kind, source, TARGET, 3)
    assert lacks_a_part(start) and not lacks_a_part(source)
    assert {part_of(name) for name in start.tensors} == {PLACES[kind]}
    whole = completed(target, start, TECHNIQUE, (), (), 3)
    scratch = module_tensors(attach(target, "hybrid", SETTINGS["hybrid"], seed=3))
    assert whole.shapes() == source.shapes() and whole.config["parts"] == source.config["parts"]
    for name, tensor in whole.tensors.items():
        wanted = source.tensors if part_of(name) == PLACES[kind] else scratch
        assert np.array_equal(tensor, wanted[name]), name


@pytest.mark.parametrize("kind", ["sampled", "permuted", "norm_matched"])
def test_a_draw_is_about_each_part_s_tensors_alone(kind):
    """Moments and norms tensor by tensor, so what one part holds changes nothing of the other's."""
    source = module()
    start = make_start(kind, source, TARGET, 0)
    changed = make_start(
        kind,
        Module(
            source.config,
            {name: tensor * (9 if part_of(name) == "adapters" else 1) for name, tensor in source.tensors.items()},
            source.card,
        ),
        TARGET,
        0,
    )
    assert start.shapes() == source.shapes() and not lacks_a_part(start)
    for name in source.tensors:
        if part_of(name) == "lora":
            assert not np.array_equal(start.tensors[name], source.tensors[name])
            assert np.array_equal(changed.tensors[name], start.tensors[name])


def test_a_module_of_one_technique_has_no_such_start():
    model = attach(host("bert"), "lora", SETTINGS["lora"], seed=0)
    one = Module(config_dict(model), module_tensors(model), {})
    with pytest.raises(ValueError, match="expected a module of two techniques, got one of type LORA"):
        make_start("ported_inner_part", one, TARGET, 0)
