"""The laws of `matched`: what a control adds in the target host is as large as what the ported module adds there.

Measured anew here, by other means than the library's: every text runs alone, so nothing is padded; each site's layer
is called again on what it was called with, and so is the host's own layer inside it.
"""

import math
from functools import cache, partial

import numpy as np
import pytest
import torch
from peft.tuners.tuners_utils import BaseTunerLayer

from peftport.injection.attach import attach_module, config_dict, module_tensors, trainable_parameters
from peftport.matching.fit import fit
from peftport.porting.sampled_product import update_norm
from peftport.porting.start import make_start
from peftport.prompting.batches import IGNORED
from peftport.storage.modules import Module, fingerprint
from peftport.techniques.output import ADDED
from peftport.techniques.table import METHODS, NO_OUTPUT, method
from tests.hosts import PAD, batch, host
from tests.matrix.test_technique_on_host import REFUSED, VARIANTS, make

HOSTS = ("t5_gated_untied", "bert", "gpt2", "llama")
FLAT = "prefix_tuning, flat"  # here its prefix takes away more than it changes in all: a test of its own
ALL = {variant: technique for variant, (technique, _) in VARIANTS.items() if technique not in NO_OUTPUT}
SITED = [variant for variant, technique in ALL.items() if method(technique).OUTPUT.measure == ADDED]
CASES = [
    pytest.param(h, variant, id=f"{h}-{variant}")
    for h in HOSTS
    for variant in SITED
    if variant != FLAT and (h, ALL[variant]) not in REFUSED and (h.startswith("t5") or variant in METHODS)
]
PAIRED = [
    pytest.param(h, v, id=f"{h}-{v}") for h in HOSTS for v in ("lora", "lora, all") if h[:2] == "t5" or v == "lora"
]
TARGET = {"host": "target", "weights_sha256": "t"}


def test_every_technique_declares_its_output_or_says_why_not():
    declared = {name for name in METHODS if hasattr(method(name), "OUTPUT")}
    assert declared | NO_OUTPUT.keys() == METHODS.keys() and not declared & NO_OUTPUT.keys()
    assert {ALL[variant] for variant in SITED} == declared - {"lora", "prompt_tuning"}
    assert len(CASES) == 21


def texts(host_name):
    """Two batches with padding, and in an encoder-decoder answers of several lengths."""
    found = [batch(rows=4, length=8, encoder_decoder=host_name.startswith("t5"), seed=seed) for seed in (1, 2)]
    if host_name.startswith("t5"):
        for one in found:
            one["labels"][1, 2:] = IGNORED
    return found


@cache
def trained(host_name, variant, seed=0):
    """A module, to read only, after some steps in a source host; its structure is what training makes."""
    steps = 60 if variant == "prefix_tuning" else 12  # until its values outweigh what its keys take away
    model = make(host_name, variant, seed=seed)
    optimiser = torch.optim.AdamW(trainable_parameters(model).values(), lr=0.05)
    for step in range(steps):
        optimiser.zero_grad()
        model(**batch(rows=6, encoder_decoder=host_name.startswith("t5"), seed=10 + step)).loss.backward()
        optimiser.step()
    card = {"technique": ALL[variant], "host": "source", "dataset": "film", "seed": seed}
    return Module(config_dict(model), module_tensors(model), card)


def matched(host_name, module, seed=0, given=None):
    """The matched start in another host of the shape."""
    output = method(module.card["technique"]).OUTPUT
    put, given = partial(in_target, host_name), given or texts(host_name)
    fitting = partial(fit, output=output, host=put, batches=lambda: given)
    return make_start("matched", module, TARGET, seed, fit=lambda ported, drawn: fitting(ported, drawn))


def in_target(host_name, module):
    return attach_module(host(host_name, seed=1), module, trainable=False).eval()


def alone(host_name):
    """Every text by itself, without padding."""
    for one in texts(host_name):
        for row in range(len(one["input_ids"])):
            length = int(one["attention_mask"][row].sum())
            ids, labels = one["input_ids"][row, :length], one["labels"][row]
            labels = labels[labels != IGNORED] if host_name.startswith("t5") else ids
            yield {"input_ids": ids[None], "attention_mask": torch.ones_like(ids)[None], "labels": labels[None]}


@torch.no_grad()
def added(host_name, module):
    """Site to all that the module adds there, over all texts: a matrix of (positions, width)."""
    model, calls = in_target(host_name, module), {}
    for name, layer in model.named_modules():
        if isinstance(layer, BaseTunerLayer):
            layer.register_forward_pre_hook(
                lambda layer, args, kwargs, name=name: calls.setdefault(name, []).append((layer, args, kwargs)),
                with_kwargs=True,
            )
    for text in alone(host_name):
        model(**text, use_cache=False)
    found = {}
    for name, made in calls.items():
        rows = []
        for layer, args, kwargs in made:
            outputs = (layer.forward(*args, **kwargs), layer.get_base_layer()(*args, **kwargs))
            new, old = (one[0] if isinstance(one, tuple) else one for one in outputs)
            rows.append((new - old).double().flatten(0, -2))
        found[name] = torch.cat(rows)
    return found


def kind_of(name):
    """Whether a dropout of a T5 ends an attention or a feed-forward sub-layer."""
    last = "2" if name.startswith("base_model.model.decoder") else "1"
    return "feed_forward" if name.endswith(f"layer.{last}.dropout") else "attention"


def sizes(host_name, variant, module):
    """Root mean squares by site, or by kind where all sites of a kind share one adapter."""
    squares = {}
    for name, rows in added(host_name, module).items():
        group = kind_of(name) if variant == "adapters, shared" else name
        squares.setdefault(group, []).append(rows.square().flatten())
    return {name: math.sqrt(torch.cat(parts).mean()) for name, parts in squares.items()}


def ratios(host_name, variant, module, control):
    wanted, found = sizes(host_name, variant, module), sizes(host_name, variant, control)
    assert wanted.keys() == found.keys() and min(wanted.values()) > 0
    return {name: found[name] / wanted[name] for name in wanted}


def drawn(module, seed=0):
    """What `matched` scales."""
    return make_start("matched", module, TARGET, seed, fit=lambda ported, own: (own, {}))


@pytest.mark.slow
@pytest.mark.parametrize(("host_name", "variant"), CASES)
def test_every_site_adds_as_much_as_the_ported_module(host_name, variant):
    """And the card says what is measured."""
    module = trained(host_name, variant)
    control = matched(host_name, module)
    said = control.card["matching"]
    assert said["converged"] and said["passes"] < 30
    parts = {"ported": module, "before": drawn(module), "after": control}
    measured = {part: sizes(host_name, variant, held) for part, held in parts.items()}
    for part, found in measured.items():
        told = sorted(site[part] for site in said["sites"])
        assert told == pytest.approx(sorted(found.values()), rel=1e-3), part
    before, wanted, after = measured["before"], measured["ported"], measured["after"]
    assert wanted.keys() == after.keys() and min(wanted.values()) > 0 and len(said["sites"]) == len(wanted)
    assert {name: after[name] for name in wanted if not 0.97 < after[name] / wanted[name] < 1.03} == {}
    assert max(abs(before[name] / wanted[name] - 1) for name in wanted) > 0.1, "without scaling they are equal already"


@pytest.mark.slow
def test_where_the_size_is_out_of_reach_the_nearest_is_taken_and_said(capsys):
    """A prefix that takes away more than the ported one changes in all: no values bring it down to that."""
    module = trained("t5_gated_untied", FLAT)
    control = matched("t5_gated_untied", module)
    said, reached = control.card["matching"], ratios("t5_gated_untied", FLAT, module, control)
    assert not said["converged"] and "note: after " in capsys.readouterr().out
    far = {name: one for name, one in reached.items() if abs(one - 1) > 0.03}
    assert said["worst_ratio"] == pytest.approx(max(far.values()), rel=1e-3) and min(far.values()) > 1
    for name in far:
        for change in (0.9, 1.1):  # of its values alone, so that its inputs stay
            tensor = f"{name}.prefix_tuning_value"
            tensors = control.tensors | {tensor: control.tensors[tensor] * np.float32(change)}
            other = ratios("t5_gated_untied", FLAT, module, Module(control.config, tensors, control.card))
            assert other[name] > reached[name] - 1e-4


@pytest.mark.parametrize(("host_name", "variant"), PAIRED)
def test_the_products_of_lora_have_the_ported_norms(host_name, variant):
    module = trained(host_name, variant)
    control, raw = matched(host_name, module), drawn(module)

    def norms(one):
        downs = [name for name in one.tensors if "lora_A" in name]
        return np.asarray([update_norm(one.tensors[n], one.tensors[n.replace("lora_A", "lora_B")]) for n in downs])

    np.testing.assert_allclose(norms(control), norms(module), rtol=1e-5)
    assert np.abs(norms(raw) / norms(module) - 1).max() > 0.1
    assert [site["ported"] for site in control.card["matching"]["sites"]] == pytest.approx(list(norms(module)))


@pytest.mark.parametrize("host_name", ["t5_gated_untied", "gpt2"])
def test_a_prompt_has_the_ported_root_mean_square(host_name):
    module = trained(host_name, "prompt_tuning")
    (name,) = module.tensors
    wanted = np.sqrt((module.tensors[name].astype(float) ** 2).mean())
    for seed in range(3):
        control = matched(host_name, module, seed)
        assert np.sqrt((control.tensors[name].astype(float) ** 2).mean()) == pytest.approx(wanted, rel=1e-5)
        assert control.card["matching"]["measure"] == "entries"


@pytest.mark.parametrize("variant", ["lora", "prompt_tuning", "adapters, shared", "prefix_tuning", "ia3"])
def test_same_seed_same_bits_and_another_seed_other_bits(variant):
    module = trained("t5_gated_untied", variant)
    one, same, other = (matched("t5_gated_untied", module, seed) for seed in (0, 0, 1))
    assert fingerprint(one.tensors) == fingerprint(same.tensors) != fingerprint(other.tensors)


@pytest.mark.parametrize("variant", [*SITED, "lora", "prompt_tuning"])
def test_the_draw_knows_nothing_of_the_order_of_the_ported_entries(variant):
    module = trained("t5_gated_untied", variant)
    order = np.random.default_rng(5)
    mixed = {name: order.permutation(one.ravel()).reshape(one.shape) for name, one in module.tensors.items()}
    one, other = drawn(module), drawn(Module(module.config, mixed, module.card))
    assert fingerprint(mixed) != fingerprint(module.tensors)
    for name, tensor in one.tensors.items():
        np.testing.assert_allclose(other.tensors[name], tensor, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["adapters", "ia3"])
def test_what_the_control_adds_points_nowhere_near_what_the_ported_module_adds(variant):
    """Cosines at single sites are wide, as what is added has few directions; their mean over draws is near zero."""
    host_name = "t5_relu_tied"
    module = trained(host_name, variant)
    wanted, cosines = added(host_name, module), []
    for seed in range(12):
        for name, rows in added(host_name, matched(host_name, module, seed)).items():
            cosines.append(float((rows * wanted[name]).sum() / (rows.norm() * wanted[name].norm())))
    assert abs(np.mean(cosines)) < 0.15
    assert np.mean(np.abs(cosines)) < 0.5


def test_texts_are_counted_and_padding_is_not():
    """Else the sizes of a batch would depend on its longest text."""
    module = trained("bert", "adapters")
    longer = [
        {
            name: torch.nn.functional.pad(one, (0, 5), value=IGNORED if name == "labels" else PAD)
            for name, one in part.items()
        }
        for part in texts("bert")
    ]
    one, other = matched("bert", module), matched("bert", module, given=longer)
    for name, tensor in one.tensors.items():
        np.testing.assert_allclose(other.tensors[name], tensor, rtol=1e-4, atol=1e-6)
