"""Fitting beside the laws of the matrix: the factor of a pass, sites that add nothing, constants, what cannot be."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from peftport.matching.added import Added, groups, measure
from peftport.matching.fit import LARGEST_FACTOR, factor, fit
from peftport.techniques.output import ENTRIES, Output
from peftport.techniques.table import method
from tests.hosts import batch
from tests.matrix.test_matched import added, drawn, in_target, matched, texts, trained

HOST = "t5_gated_untied"


def counted(linear, rest, scale=1.0):
    """Sums over what is added, for a linear part times ``scale``."""
    sums = Added()
    zero = torch.zeros(linear.shape)
    sums.count(zero, rest, rest + scale * linear)
    return sums


@pytest.fixture
def parts():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(50, 8, generator=generator), 0.3 * torch.randn(50, 8, generator=generator)


@pytest.mark.parametrize("target", [0.5, 1.0, 3.0])
def test_the_factor_reaches_the_target_in_one_step_on_the_same_inputs(parts, target):
    linear, rest = parts
    for left in (rest, torch.zeros_like(rest), rest - 0.2 * linear):
        now = counted(linear, left)
        assert now.root_mean_square == pytest.approx(float((linear + left).square().mean().sqrt()), rel=1e-6)
        reached = counted(linear, left, factor(now, target)).root_mean_square
        assert reached == pytest.approx(target, rel=1e-5)


def test_where_no_factor_reaches_the_target_it_is_the_nearest(parts):
    linear, rest = parts
    left = 3 * rest - 0.5 * linear
    now = counted(linear, left)
    best = factor(now, 0.1)
    sizes = {change: counted(linear, left, best * change).root_mean_square for change in (0.95, 1.0, 1.05)}
    assert min(sizes, key=sizes.get) == 1.0 and sizes[1.0] > 0.1


def test_a_factor_is_bounded_and_a_number(parts):
    linear, rest = parts
    nothing = torch.zeros_like(rest)
    assert factor(counted(linear, nothing), 1e6) == LARGEST_FACTOR
    assert factor(counted(linear, nothing), 1e-6) == 1 / LARGEST_FACTOR
    assert factor(counted(nothing, rest), 1.0) == 1.0
    assert factor(counted(linear * math.inf, rest), 1.0) == 1 / LARGEST_FACTOR


def fitted(module, start):
    output = method(module.card["technique"]).OUTPUT
    made, facts = fit(module, start, output, lambda one: in_target(HOST, one), lambda: texts(HOST))
    return made, facts["matching"]


@pytest.mark.parametrize(
    ("variant", "neutral", "parts"), [("adapters", 0.0, ("up_weight", "up_bias")), ("ia3", 1.0, ("ia3_l",))]
)
def test_a_site_at_which_the_ported_module_adds_nothing_is_neutral(variant, neutral, parts):
    module = trained(HOST, variant)
    site = next(name for name in module.tensors).rpartition(".")[0]
    silent = [name for name in module.tensors if name.startswith(site) and name.endswith(parts)]
    tensors = module.tensors | {name: np.full_like(module.tensors[name], neutral) for name in silent}
    module = replace(module, tensors=tensors)
    noisy = drawn(trained(HOST, variant))  # a draw that is not constant there
    made, said = fitted(module, noisy)
    assert silent and all((made.tensors[name] == neutral).all() for name in silent)
    assert said["converged"]
    (told,) = [one for one in said["sites"] if one["ported"] == 0]
    assert told["after"] == 0 < told["before"]


def test_a_constant_tensor_is_kept_by_the_draw_and_scaled_with_its_site():
    module = trained(HOST, "adapters")
    *_, name = (name for name in module.tensors if name.endswith("up_bias"))
    module = replace(module, tensors=module.tensors | {name: np.full_like(module.tensors[name], 0.05)})
    before, after = drawn(module), matched(HOST, module)
    assert (before.tensors[name] == np.float32(0.05)).all()
    weight = name.replace("bias", "weight")
    scale = (after.tensors[weight] / before.tensors[weight]).mean()
    assert abs(scale - 1) > 0.01
    np.testing.assert_allclose(after.tensors[name], 0.05 * scale, rtol=1e-4)
    assert after.card["constant_tensors"] == [name]


def test_only_the_output_is_scaled():
    """In a compacter one factor of the product alone: the shared rule and the other factors stay as drawn."""
    for variant, parts in (("compacter", ("up_right", "up_bias")), ("prefix_tuning", ("value", "value_bias"))):
        module = trained(HOST, variant)
        before, after = drawn(module), matched(HOST, module)
        changed = {name for name, one in before.tensors.items() if (after.tensors[name] != one).any()}
        assert changed == {name for name in before.tensors if name.endswith(parts)}


def test_what_is_not_finite_in_the_target_host_is_refused():
    module = trained(HOST, "adapters")
    tensors = {name: one * np.float32(1e30) for name, one in module.tensors.items()}
    with pytest.raises(ValueError, match="adds in the target host is no finite number"):
        fitted(replace(module, tensors=tensors), drawn(module))


def test_entries_of_zero_and_lora_that_has_learned_nothing():
    module = trained(HOST, "prompt_tuning")
    (name,) = module.tensors
    silent = replace(module, tensors={name: np.zeros_like(module.tensors[name])})
    made, facts = fit(silent, drawn(module), Output(ENTRIES), None, None)
    assert (made.tensors[name] == 0).all() and facts["matching"]["converged"]
    lora = trained(HOST, "lora")
    fresh = {name: np.zeros_like(one) if "lora_B" in name else one for name, one in lora.tensors.items()}
    made = matched(HOST, replace(lora, tensors=fresh))
    assert all((one == 0).all() for name, one in made.tensors.items() if "lora_B" in name)
    assert made.card["matching"]["worst_ratio"] == 1


def test_measuring_leaves_the_module_as_it_was():
    module = trained(HOST, "prefix_tuning")
    before = added(HOST, module)
    matched(HOST, module)
    model = in_target(HOST, module)
    with torch.no_grad():
        wanted = model(**batch()).logits
    measure(model, groups(model, method("prefix_tuning").OUTPUT), 0.0, texts(HOST))
    with torch.no_grad():
        assert torch.equal(model(**batch()).logits, wanted)
    assert all(torch.equal(before[name], one) for name, one in added(HOST, module).items())
