"""Carrying a module: several source layers, none, one for several; its config and card; what every law must hold."""

import copy

import numpy as np
import pytest
import torch
from peft import PeftModel

from peftport.maps.carry import carry_module
from peftport.maps.correspondence import Correspondence
from peftport.maps.laws.law import NotCarried
from peftport.maps.laws.table import refusals
from peftport.maps.linear import Blocks, Dense, Selection
from peftport.storage.modules import Module, write_module
from tests.carried import TECHNIQUES, alike, answers, ask, carried, settings_for, with_layers
from tests.ladder import ids, rung
from tests.reshaped import halved
from tests.tiny import SIZES, card, host, logits

GATED_HOSTS = (("t5", True), ("t5_relu", False))
THREE = 3  # layers of every stack of a tiny host
ALL = tuple(((n, 1.0),) for n in range(THREE))
HALVES = (((0, 0.5), (1, 0.5)), ((2, 1.0),))
DOUBLED = tuple(((n // 2, 1.0),) for n in range(2 * THREE))
A, B = ".lora_A.weight", ".lora_B.weight"


def reshaped(technique, kind, rows, **choices):
    """A module carried to a host that has other layers and nothing else, and the module."""
    module, ends = answers(technique, kind).module, card(host(kind), "here")
    stacks = [stack for stack in ("encoder", "decoder") if ends["shape"][f"{stack}_layers"]]
    spaces = alike(kind, dict.fromkeys(stacks, rows))
    other = with_layers(ends, len(rows)) | {"host": "there"}
    return carry_module(module, TECHNIQUES[technique][0], spaces, ends, other, **choices), module


def updates(module):
    """LoRA's products, by name of the site."""
    downs = {name.removesuffix(A): tensor for name, tensor in module.tensors.items() if name.endswith(A)}
    return {site: module.tensors[f"{site}{B}"].astype(float) @ down for site, down in downs.items()}


def test_several_loras_become_the_nearest_one_to_their_mean():
    new, old = reshaped("lora", "gpt2", HALVES)
    before, after = updates(old), updates(new)
    site = "base_model.model.transformer.h.{}.mlp.c_fc"
    mean = (before[site.format(0)] + before[site.format(1)]) / 2
    u, sizes, v = np.linalg.svd(mean)
    nearest = u[:, :3] * sizes[:3] @ v[:3]
    np.testing.assert_allclose(after[site.format(0)], nearest, atol=1e-5)
    np.testing.assert_allclose(after[site.format(1)], before[site.format(2)], atol=1e-6)
    kept = (sizes[:3] ** 2).sum() / (sizes**2).sum()
    assert 0 < new.card["carried"]["kept_energy"] <= kept + 1e-6 < 1


def test_a_mean_of_products_is_no_product_of_means():
    """The documented failure: means of factors miss the mean of updates by more than half."""
    _, old = reshaped("lora", "gpt2", HALVES)
    site = "base_model.model.transformer.h.{}.mlp.c_fc"
    ups, downs = ([old.tensors[f"{site.format(n)}{part}"].astype(float) for n in (0, 1)] for part in (B, A))
    mean = (ups[0] @ downs[0] + ups[1] @ downs[1]) / 2
    of_factors = (ups[0] + ups[1]) / 2 @ ((downs[0] + downs[1]) / 2)
    assert np.linalg.norm(of_factors - mean) / np.linalg.norm(mean) > 0.5


def test_several_adapters_become_one_that_adds_their_mean_exactly():
    new, old = reshaped("adapters", "gpt2", HALVES)
    site, x = "base_model.model.transformer.h.{}.mlp.dropout.houlsby_{}", np.random.default_rng(0).standard_normal(32)

    def added(module, layer):
        part = {n: module.tensors[site.format(layer, n)] for n in ("down_weight", "down_bias", "up_weight", "up_bias")}
        inner = np.tanh(part["down_weight"] @ x + part["down_bias"])
        return part["up_weight"] @ inner + part["up_bias"]

    np.testing.assert_allclose(added(new, 0), (added(old, 0) + added(old, 1)) / 2, atol=1e-5)
    np.testing.assert_allclose(added(new, 1), added(old, 2), atol=1e-5)
    assert new.config["bottleneck"] == 16 == new.tensors[site.format(1, "down_bias")].size
    assert new.card["carried"]["times_as_wide"] == 2


@pytest.mark.parametrize("technique", ["ia3", "prefix"])
def test_scales_and_prefixes_of_several_layers_are_averaged(technique):
    new, old = reshaped(technique, "gpt2", HALVES)
    name = next(name for name in old.tensors if ".h.0." in name)
    first, second = old.tensors[name], old.tensors[name.replace(".h.0.", ".h.1.")]
    np.testing.assert_allclose(new.tensors[name], (first + second) / 2, atol=1e-6)


def test_a_technique_without_a_mean_refuses_it():
    with pytest.raises(NotCarried, match="one source layer each"):
        reshaped("tiny_attention", "t5", HALVES)


def test_means_of_compacters_are_adapters():
    new, _ = reshaped("compacter", "t5", HALVES)
    assert new.card["carried"] | {"as": "adapters", "times_as_wide": 2} == new.card["carried"]


@pytest.mark.parametrize(("duplicate", "share"), [("split", 0.5), ("full", 1.0)])
def test_a_layer_that_stands_for_two_shares_what_it_adds(duplicate, share):
    new, old = reshaped("lora", "gpt2", DOUBLED, duplicate=duplicate)
    before, after = updates(old), updates(new)
    for layer in range(2 * THREE):
        site = "base_model.model.transformer.h.{}.attn.c_attn"
        np.testing.assert_array_equal(after[site.format(layer)], share * before[site.format(layer // 2)])
    shared, alone = reshaped("adapters_shared", "gpt2", DOUBLED, duplicate=duplicate)
    name = "base_model.houlsby_attention_up_weight"
    np.testing.assert_array_equal(shared.tensors[name], np.float32(share) * alone.tensors[name])


@pytest.mark.parametrize(("technique", "right", "wrong"), [("adapters", "split", "full"), ("ia3", "full", "split")])
def test_shares_are_for_what_is_added_and_not_for_scales(technique, right, wrong):
    """Where every layer became two that write half each, what is added is halved too, and scales of it stay."""
    target, before = halved(host("gpt2"), SIZES["gpt2"]), answers(technique, "gpt2")
    bare, effect = logits(target, ids()), before.answered - before.bare

    def off(duplicate):
        new, _ = reshaped(technique, "gpt2", DOUBLED, duplicate=duplicate)
        return ((ask(target, new, ids()) - bare - effect).norm() / effect.norm()).item()

    assert off(right) < 0.4 < 0.5 < off(wrong)


def test_a_layer_without_a_source_adds_nothing_and_can_be_trained():
    step = rung("deeper", "t5")
    for technique, adds in (("lora", B), ("adapters", "up_weight"), ("ia3", "ia3_l")):
        new = carried(technique, step, answers(technique, "t5").module)
        inserted = {name: tensor for name, tensor in new.tensors.items() if ".block.1." in name}
        neutral = 1.0 if technique == "ia3" else 0.0
        assert all((tensor == neutral).all() for name, tensor in inserted.items() if name.endswith(adds))
        others = [tensor for name, tensor in inserted.items() if not name.endswith((adds, "up_bias"))]
        assert all(tensor.any() for tensor in others)
        sites = new.card["carried"]["sites_without_source"]
        assert sites
        assert all(".block.1." in site for site in sites)


@pytest.mark.parametrize("technique", ["lora", "adapters", "ia3"])
def test_what_does_nothing_does_nothing_elsewhere(technique):
    """B = 0, up = 0 and l = 1 stay so to the bit, whatever the map."""
    module, neutral = answers(technique, "t5").module, 1.0 if technique == "ia3" else 0.0
    adds = (B, "up_weight", "up_bias", "ia3_l")
    idle = {n: np.full_like(t, neutral) if n.endswith(adds) else t for n, t in module.tensors.items()}
    new = carried(technique, rung("wider", "t5"), Module(module.config, idle, module.card))
    assert all((tensor == neutral).all() for name, tensor in new.tensors.items() if name.endswith(adds))


def test_twice_the_update_is_twice_the_update_to_the_bit_and_its_rank_does_not_rise():
    module, step = answers("lora", "t5").module, rung("wider", "t5")
    one_rank = {n: t * np.eye(3, 1, dtype=t.dtype).T if n.endswith(B) else t for n, t in module.tensors.items()}
    doubled = {n: 2 * t if n.endswith(B) else t for n, t in one_rank.items()}
    once, twice = (carried("lora", step, Module(module.config, t, module.card)) for t in (one_rank, doubled))
    for site, update in updates(once).items():
        np.testing.assert_array_equal(updates(twice)[site], 2 * update)
        assert np.linalg.matrix_rank(update, tol=1e-5 * np.linalg.norm(update)) == 1
    assert {k: once.config[k] for k in ("r", "lora_alpha")} == {k: module.config[k] for k in ("r", "lora_alpha")}


def random_spaces(seed):
    """A correspondence of T5 to itself of random maps with their inverses."""
    rng, maps, spaces = np.random.default_rng(seed), {}, alike("t5", {"encoder": ALL, "decoder": ALL})
    for space, linear in spaces.maps.items():
        size = linear.shape[0]
        matrix = np.eye(size) + 0.3 * rng.standard_normal((size, size)) / np.sqrt(size)
        maps[space] = Dense(matrix, np.linalg.inv(matrix))
    return Correspondence(spaces.layers, maps)


def then(first, second):
    """The correspondence that goes along one and then along another one."""
    maps = {
        space: Dense(second.maps[space].matrix @ linear.matrix, linear.inverse @ second.maps[space].inverse)
        for space, linear in first.maps.items()
    }
    return Correspondence(first.layers, maps)


@pytest.mark.parametrize("technique", ["lora", "adapters", "adapters_shared", "prefix", "prefix_layer", "prompt"])
def test_two_ways_in_a_row_are_one_way_and_back_is_where_it_began(technique):
    module, ends = answers(technique, "t5").module, card(host("t5"), "here")
    first, second = random_spaces(0), random_spaces(1)
    back = Correspondence(first.layers, {s: Dense(m.inverse, m.matrix) for s, m in first.maps.items()})

    def along(start, spaces):
        return carry_module(start, TECHNIQUES[technique][0], spaces, ends, ends)

    in_a_row, at_once = along(along(module, first), second), along(module, then(first, second))
    home = along(along(module, first), back)
    for name, tensor in module.tensors.items():
        np.testing.assert_allclose(in_a_row.tensors[name], at_once.tensors[name], atol=1e-5)
        np.testing.assert_allclose(home.tensors[name], tensor, atol=1e-5)


def test_scales_go_along_permutations_in_a_row():
    module, ends, rng = answers("ia3", "t5").module, card(host("t5"), "here"), np.random.default_rng(0)
    spaces = alike("t5", {"encoder": ALL, "decoder": ALL})
    maps = {
        space: Selection(rng.permutation(linear.shape[0]), linear.shape[0]) for space, linear in spaces.maps.items()
    }
    back = {space: Selection(np.argsort(linear.indices), linear.size) for space, linear in maps.items()}
    there = carry_module(module, "ia3", Correspondence(spaces.layers, maps), ends, ends)
    home = carry_module(there, "ia3", Correspondence(spaces.layers, back), ends, ends)
    assert any((there.tensors[name] != tensor).any() for name, tensor in module.tensors.items())
    assert all((home.tensors[name] == tensor).all() for name, tensor in module.tensors.items())


@pytest.mark.parametrize(
    ("technique", "name", "kind"),
    [("lora", "wider", "t5"), ("ia3", "more_heads", "llama"), ("prompt", "wider", "llama")],
)
def test_peft_alone_loads_what_was_carried(technique, name, kind, tmp_path):
    step = rung(name, kind)
    new = carried(technique, step, answers(technique, kind).module)
    write_module(tmp_path, new)
    model = PeftModel.from_pretrained(copy.deepcopy(step.target), tmp_path).eval().double()
    answered, ours = logits(model, ids()), ask(step.target, new, ids())
    assert torch.allclose(answered[:, -ours.shape[1] :], ours, atol=1e-5 * ours.abs().max().item())


def test_the_width_of_a_bottleneck_is_the_sources_in_a_wider_host():
    """From a factor of the width, the target's own modules would have another one."""
    for technique in ("adapters", "adapters_shared"):
        new = carried(technique, rung("wider", "t5"), answers(technique, "t5").module)
        assert (answers(technique, "t5").module.config["bottleneck"], new.config["bottleneck"]) == (None, 8)
    assert new.config["base_model_name_or_path"] == "target"
    assert new.card["technique"] == "adapters"


def test_into_another_family_names_and_patterns_are_the_targets():
    module, here = answers("lora", "bert").module, card(host("bert"), "here")
    there = here | {"host": "there", "model_type": "roberta"}
    spaces = alike("bert", {"encoder": ALL})
    new = carry_module(module, "lora", spaces, here, there)
    renamed = {name.replace(".bert.", ".roberta."): tensor for name, tensor in module.tensors.items()}
    assert new.tensors.keys() == renamed.keys()
    assert all((new.tensors[name] == tensor).all() for name, tensor in renamed.items())
    with pytest.raises(NotCarried, match="no counterpart of sites `o` in the encoder"):
        carry_module(module, "lora", spaces, here, here | {"model_type": "gpt2"})


def test_a_module_whose_training_failed_stays_one():
    module = answers("lora", "t5").module
    failed = Module(
        module.config, {n: t * np.nan for n, t in module.tensors.items()}, module.card | {"failed_at_step": 3}
    )
    new = carried("lora", rung("wider", "t5"), failed)
    assert new.failed_at_step == 3
    assert new.shapes() == carried("lora", rung("wider", "t5"), module).shapes()
    assert all(np.isnan(tensor).all() for tensor in new.tensors.values())


def test_what_is_no_plain_lora_is_refused():
    module = answers("lora", "t5").module
    for field, value in (("use_dora", True), ("rank_pattern", {"q": 2})):
        with pytest.raises(NotCarried, match=field):
            carried("lora", rung("wider", "t5"), Module(module.config | {field: value}, module.tensors, module.card))


def test_a_map_of_another_host_is_refused():
    module, step = answers("lora", "t5").module, rung("wider", "t5")
    ends = card(step.source, "source"), with_layers(card(step.target, "target"), 5)
    with pytest.raises(NotCarried, match="3 layers in the decoder, the target host has 5"):
        carry_module(module, "lora", step.truth, *ends)
    strange = {"base_model.model.shared.lora_A.weight": np.zeros((1, 1), np.float32)}
    with pytest.raises(NotCarried, match="belongs to no site"):
        carried("lora", step, Module(module.config, strange, module.card))


def test_a_key_that_grouped_heads_share_goes_to_each_and_back():
    """Repeated for every head and averaged again, a module is what it was."""
    module, step = answers("prefix", "llama").module, rung("ungrouped", "llama")
    there = carried("prefix", step, module)
    maps = {}
    for space, linear in step.truth.maps.items():
        if isinstance(linear, Blocks):
            maps[space] = Blocks(linear.heads[::-1], linear.pairs[:, ::-1], linear.inverses, linear.matrices)
        else:
            maps[space] = linear
    home = carry_module(
        there, "prefix_tuning", Correspondence(step.truth.layers, maps), card(step.target, "t"), card(step.source, "s")
    )
    for name, tensor in module.tensors.items():
        np.testing.assert_allclose(home.tensors[name], tensor, atol=1e-6)


REFUSED = [
    ("lora", "t5", {"model_type": "gpt2"}, "sites `q` in the encoder"),
    ("prompt", "llama", {"model_type": "bert"}, "take no prompt"),
    ("tiny_attention", "t5", {"model_type": "llama"}, "attention_block"),
    ("prefix", "t5", {"shape": {"heads": 8, "key_value_heads": 8}}, "heads: 4 in here, 8 in there"),
    ("adapters", "bert", {"head": "classification"}, "classification head"),
    ("lora", "llama", {"model_type": "qwen3"}, "residual stream is not described"),
]


@pytest.mark.parametrize(("technique", "kind", "other", "said"), REFUSED)
def test_refused_from_cards_alone(technique, kind, other, said):
    (method, settings), here = settings_for(technique, kind), card(host(kind), "here")
    assert refusals(method, settings, here, here | {"host": "there"}) == []
    there = here | {"host": "there"} | other | {"shape": here["shape"] | other.get("shape", {})}
    assert any(said in line for line in refusals(method, settings, here, there))


def test_inner_projections_that_only_gated_hosts_have_are_refused_from_cards():
    here, there = (card(host(kind), kind) | {"gated_feed_forward": gated} for kind, gated in GATED_HOSTS)
    chosen = {"targets": ["q", "wi_0", "wi_1", "wo"]}
    lines = refusals("lora", chosen, here, there)
    assert [line.partition(":")[0] for line in lines] == ["sites `wi_0`", "sites `wi_1`"]
    assert "of t5_relu are not gated, with `wi` alone" in lines[0]
    assert "of t5 are gated, by `wi_0` and `wi_1`" in refusals("lora", {"targets": ["wi"]}, there, here)[0]
    for method, settings in (("lora", {"targets": ["q", "wo"]}), ("ia3", {"targets": ["wo"]}), ("adapters", {})):
        assert refusals(method, settings, here, there) == []
    assert refusals("lora", chosen, here, here) == []
    unknown = {name: value for name, value in there.items() if name != "gated_feed_forward"}
    assert refusals("lora", chosen, here, unknown) == []


def test_techniques_of_pefts_own_are_refused():
    here = card(host("t5"), "here")
    assert (
        "begin at quantities of their host" in refusals("peft", {"peft_type": "LORA", "use_dora": True}, here, here)[0]
    )
