import re

import numpy as np
import pytest

from peftport.porting.constant import is_constant
from peftport.porting.sampled_product import update_norm
from peftport.porting.table import INITIALISATIONS, initialisation

DRAWN = ["sampled", "sampled_product", "permuted", "norm_matched"]


def start(name, module, seed=0, siblings=()):
    return initialisation(name).start(module, np.random.default_rng(seed), list(siblings))


def same_bits(left, right):
    return {name: tensor.tobytes() for name, tensor in left.tensors.items()} == {
        name: tensor.tobytes() for name, tensor in right.tensors.items()
    }


def varying(module):
    return {name: tensor for name, tensor in module.tensors.items() if not is_constant(tensor)}


@pytest.mark.parametrize("name", INITIALISATIONS)
def test_every_entry_states_its_rule_and_needs(name):
    entry = initialisation(name)
    assert re.fullmatch(r"[A-Z][^\n]{30,}\.", entry.rule)
    assert entry.needs and entry.needs <= {"source", "host", "siblings", "texts", "head", "teacher", "map", "weights"}
    assert (entry.start is None) == ("host" in entry.needs)
    assert ("source" in entry.needs) == (entry.start is not None or "teacher" in entry.needs)
    assert ("map" in entry.needs) == (entry.change is not None)


def test_unknown_names_get_a_near_one():
    with pytest.raises(ValueError, match=r"no initialisation `sampeld`. Did you mean `sampled`\? Known: `ported`, "):
        initialisation("sampeld")


@pytest.mark.parametrize("name", ["ported", *DRAWN])
def test_the_module_stays_and_shapes_types_and_constants_are_kept(make_module, name):
    module, untouched = make_module(), make_module()
    made = start(name, module)
    assert same_bits(module, untouched)
    assert made.shapes() == module.shapes()
    assert list(made.tensors) == list(module.tensors)
    for tensor_name, tensor in module.tensors.items():
        assert made.tensors[tensor_name].dtype == tensor.dtype
        assert not np.shares_memory(made.tensors[tensor_name], tensor)
        if is_constant(tensor):
            assert (made.tensors[tensor_name] == tensor).all()


@pytest.mark.parametrize("name", DRAWN)
def test_same_seed_same_bits_and_another_seed_other_bits(module, name):
    assert same_bits(start(name, module, 3), start(name, module, 3))
    first, second = start(name, module, 0), start(name, module, 1)
    for tensor_name in varying(module):
        assert (first.tensors[tensor_name] != second.tensors[tensor_name]).mean() > 0.5
        assert (first.tensors[tensor_name] != module.tensors[tensor_name]).mean() > 0.5


def test_the_order_of_the_tensors_does_not_matter(module):
    from dataclasses import replace

    turned = replace(module, tensors=dict(reversed(module.tensors.items())))
    assert same_bits(start("sampled", module), start("sampled", turned))


def test_ported_is_the_module_bit_for_bit(module):
    module.tensors["nan"] = np.array([np.nan, -0.0, 1e-45], np.float32)
    assert same_bits(start("ported", module), module)


def test_sampled_has_the_means_and_deviations(module):
    for name, tensor in varying(start("sampled", module)).items():
        of, entries = module.tensors[name].astype(float), tensor.size
        assert abs(tensor.mean() - of.mean()) < 4 * of.std() / entries**0.5
        assert abs(tensor.std() / of.std() - 1) < 4 / (2 * entries) ** 0.5


def test_sampled_is_normal_and_independent(module):
    from scipy.stats import kstest

    name = next(name for name in module.tensors if name.endswith("down_weight"))
    made, of = start("sampled", module).tensors[name].astype(float), module.tensors[name].astype(float)
    assert kstest(made.ravel()[:5000], "norm", (of.mean(), of.std())).pvalue > 1e-3
    assert abs(np.corrcoef(made.ravel(), of.ravel())[0, 1]) < 4 / of.size**0.5
    assert abs(np.corrcoef(made.ravel()[1:], made.ravel()[:-1])[0, 1]) < 4 / of.size**0.5


def test_permuted_keeps_the_entries(module):
    for name, tensor in start("permuted", module).tensors.items():
        assert np.sort(tensor, axis=None).tobytes() == np.sort(module.tensors[name], axis=None).tobytes()


def test_norm_matched_keeps_the_norm_and_loses_the_direction(module):
    for name, tensor in varying(start("norm_matched", module)).items():
        old, new = module.tensors[name].astype(float).ravel(), tensor.astype(float).ravel()
        assert np.linalg.norm(new) == pytest.approx(np.linalg.norm(old), rel=1e-6)
        assert abs(old @ new) < 5 / old.size**0.5 * np.linalg.norm(old) ** 2


def updates(module):
    name = next(name for name in module.tensors if "lora_A" in name)
    return module.tensors[name], module.tensors[name.replace("lora_A", "lora_B")]


def test_sampled_product_keeps_the_norm_of_the_update_and_sampled_does_not(module):
    wanted = np.linalg.norm(updates(module)[1].astype(float) @ updates(module)[0])
    assert update_norm(*updates(module)) == pytest.approx(wanted)
    assert update_norm(*updates(start("sampled_product", module))) == pytest.approx(wanted, rel=1e-5)
    apart = [update_norm(*updates(start("sampled", module, seed))) / wanted for seed in range(10)]
    assert max(apart) < 0.9


def test_sampled_product_is_sampled_elsewhere(module):
    sampled, product = start("sampled", module), start("sampled_product", module)
    changed = {name for name in sampled.tensors if (sampled.tensors[name] != product.tensors[name]).any()}
    assert len(changed) == 2 and all("lora_" in name for name in changed)


@pytest.mark.parametrize("constant", [0.0, 0.5])
@pytest.mark.parametrize("factor", ["lora_A", "lora_B"])
def test_sampled_product_with_a_constant_factor(module, factor, constant):
    name = next(name for name in module.tensors if factor in name)
    module.tensors[name] = np.full_like(module.tensors[name], constant)
    made = start("sampled_product", module)
    assert (made.tensors[name] == constant).all()
    assert update_norm(*updates(made)) == pytest.approx(update_norm(*updates(module)), rel=1e-5)


def test_target_mean_is_the_mean_of_the_siblings(make_module):
    siblings = [make_module(seed) for seed in (1, 2, 5)]
    made = start("target_mean", make_module(), siblings=siblings)
    for name, tensor in made.tensors.items():
        expected = sum(sibling.tensors[name].astype(float) for sibling in siblings) / 3
        np.testing.assert_allclose(tensor, expected, rtol=1e-6, atol=1e-7)
        assert tensor.dtype == np.float32


def test_target_mean_needs_siblings_of_the_same_shape(make_module):
    with pytest.raises(ValueError, match="no other module"):
        start("target_mean", make_module())
    with pytest.raises(ValueError, match=r"differs:\n.*lora_A\.weight: expected 4x64, found 2x64\n"):
        start("target_mean", make_module(), siblings=[make_module(), make_module(r=2)])


@pytest.mark.parametrize("entries, constant", [([], True), ([3.0], True), ([0.1] * 7, True), ([1, 1, 1.5], False)])
def test_constant(entries, constant):
    assert is_constant(np.array(entries, np.float32)) is constant


def test_a_head_stays_behind_or_moves_alone(module):
    head = "base_model.model.classifier.weight"
    assert module.head == [head]
    alone, drawn, only = (start(name, module) for name in ("ported_fresh_head", "sampled_fresh_head", "head_only"))
    assert set(alone.tensors) == set(drawn.tensors) == set(module.tensors) - {head}
    assert all((alone.tensors[name] == module.tensors[name]).all() for name in alone.tensors)
    assert all((drawn.tensors[name] != module.tensors[name]).any() for name in varying(module) if name != head)
    assert list(only.tensors) == [head] and (only.tensors[head] == module.tensors[head]).all()
    assert [one.config["modules_to_save"] for one in (alone, drawn, only)] == [None, None, ["classifier"]]
