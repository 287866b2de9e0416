"""Laws on the exactness ladder: what a carried module does in the target is what it did in the source."""

import dataclasses

import numpy as np
import pytest

from peftport.maps.carry import carry_module
from peftport.maps.correspondence import Correspondence
from peftport.maps.laws.law import NotCarried
from peftport.maps.laws.table import LAWS
from peftport.maps.linear import Isometry
from peftport.techniques.table import PEFT_TYPES
from tests.carried import TECHNIQUES, answers, ask, carried, grade
from tests.ladder import ids, ones, rotation, rung
from tests.reshaped import Change, changed
from tests.tiny import SIZES, card, host

# modules are kept in float32, and so are the norms of T5 and LLaMA
TOLERANCE = 1e-5
# rungs by technique, with the kinds of hosts, on which the law is exact and a plain copy is not (or does not fit)
EXACT = {
    "lora": {
        "t5": "permuted signed folded all wider more_heads scaled_stream padded deeper",
        "t5_relu": "all",
        "llama": "queries all more_heads ungrouped",
        "gpt2": "folded heads_and_units all doubled wider_heads renumbered",
        "bert": "permuted values deeper",
        "bert_plain": "all",
    },
    "adapters": {
        "t5": "permuted all wider scaled_stream deeper",
        "llama": "signed all doubled",
        "gpt2": "all folded_biases wider_heads",
        "bert": "permuted",
        "bert_plain": "rotated",
    },
    "adapters_shared": {"t5": "wider", "gpt2": "rotated"},
    "compacter": {"t5": "scaled_stream rotated wider"},
    "prefix": {
        "t5": "heads_and_units values",
        "llama": "queries all ungrouped",
        "gpt2": "all",
        "bert": "wider_heads",
        "bert_plain": "all",
    },
    "prefix_layer": {"t5": "padded", "llama": "all", "gpt2": "wider_heads"},
    "prompt": {"t5": "all", "llama": "wider", "gpt2": "permuted renumbered"},
    "ia3": {
        "t5": "heads_and_units scaled_units",
        "t5_relu": "scaled_units",
        "llama": "ungrouped more_heads",
        "gpt2": "heads_and_units deeper wider_heads",
        "bert": "doubled",
    },
    "two": {"t5": "all", "llama": "all ungrouped", "gpt2": "all", "bert": "permuted", "bert_plain": "all"},
    "two_behind": {"t5": "heads_and_units", "llama": "doubled", "gpt2": "wider_heads", "bert": "permuted"},
    "tiny_attention": {"t5": "permuted negated doubled scaled_stream deeper", "bert": "permuted deeper"}
    | {"bert_plain": "rotated"},
}
# a module is blind to what its tensors do not touch: carried there, it stays as it is, and a plain copy does as well
UNTOUCHED = {
    "adapters": {"t5": "folded heads_and_units queries", "gpt2": "values"},
    "compacter": {"t5": "heads_and_units"},
    "prefix": {"t5": "rotated padded", "bert": "permuted"},
    "prefix_layer": {"t5": "rotated"},
    "prompt": {"t5": "values deeper"},
    "ia3": {"t5": "rotated padded", "gpt2": "folded"},
    "tiny_attention": {"t5": "heads_and_units"},
}


def cases(table):
    return [
        (name, kind, technique)
        for technique, kinds in table.items()
        for kind, names in kinds.items()
        for name in names.split()
    ]


@pytest.mark.parametrize(("name", "kind", "technique"), cases(EXACT))
def test_the_law_is_exact(name, kind, technique):
    graded = grade(name, kind, technique)
    assert graded.law < TOLERANCE
    assert not graded.untouched
    assert graded.copied is None or graded.copied > 0.2


@pytest.mark.parametrize(("name", "kind", "technique"), cases(UNTOUCHED))
def test_what_a_change_of_the_host_does_not_touch_stays_to_the_bit(name, kind, technique):
    graded = grade(name, kind, technique)
    assert graded.untouched
    assert graded.law < TOLERANCE


def test_every_law_is_tried():
    assert {TECHNIQUES[technique][0] for technique in EXACT} - {"hybrid"} == LAWS.keys()


@pytest.mark.parametrize(("name", "least"), [("rotated", 0.5), ("permuted", 0.5), ("folded", 0.5)])
def test_a_plain_copy_fails_where_it_is_known_to(name, least):
    """The documented failures: 1.05 on a rotated host, 1.07 on a permuted one, 0.76 where gains are folded."""
    assert grade(name, "t5", "lora").copied > least


@pytest.mark.parametrize(
    ("name", "kind", "technique", "least"),
    [
        ("folded_biases", "gpt2", "lora", 0.05),  # no LoRA has a bias to take what the norm's shift became
        ("values", "t5", "ia3", 0.3),  # scales of coordinates that are mixed are no scales
        ("rotated", "t5", "tiny_attention", 0.05),  # its own LayerNorm takes the mean of other coordinates away
    ],
)
def test_what_a_technique_cannot_say_is_lost(name, kind, technique, least):
    assert grade(name, kind, technique).law > least


@pytest.mark.parametrize("wrong", ["gain", "width", "scale"])
def test_a_correction_of_the_master_law_is_needed(wrong):
    """Without gains, the root of the widths or the stream's scale, a LoRA is far from what it was (0.69 to 0.76)."""
    step = rung({"gain": "folded", "width": "wider", "scale": "scaled_stream"}[wrong], "t5")
    maps = {}
    for space, linear in step.truth.maps.items():
        if isinstance(linear, Isometry) and (space.name == "write" if wrong == "scale" else space.name != "write"):
            less = {"source_gain": None, "target_gain": None} if wrong == "gain" else {"scale": 1.0}
            linear = dataclasses.replace(linear, **less)
        maps[space] = linear
    before, ends = answers("lora", "t5"), (card(step.source, "source"), card(step.target, "target"))
    module = carry_module(before.module, "lora", Correspondence(step.truth.layers, maps), *ends)
    after = ask(step.target, module, ids())
    assert ((after - before.answered).norm() / (before.answered - before.bare).norm()).item() > 0.2


def test_compacters_follow_rotations_of_their_parts_and_no_others():
    basis = np.kron(np.eye(4), rotation(SIZES["t5"].width // 4))
    target, truth = changed("t5", host("t5"), SIZES["t5"], Change(basis, gain=ones))
    before, ends = answers("compacter", "t5"), (card(host("t5"), "source"), card(target, "target"))
    after = ask(target, carry_module(before.module, "compacter", truth, *ends), ids())
    assert ((after - before.answered).norm() / (before.answered - before.bare).norm()).item() < TOLERANCE
    assert "as" not in carried("compacter", rung("scaled_stream", "t5"), before.module).card["carried"]


def test_other_compacters_are_carried_as_adapters():
    module = answers("compacter", "t5").module
    there = carried("compacter", rung("wider", "t5"), module)
    said = there.card["carried"]
    assert (said["as"], "4 equal parts" in said["why"]) == ("adapters", True)
    assert said["parameters_in_source"] == sum(tensor.size for tensor in module.tensors.values())
    assert said["parameters"] == sum(tensor.size for tensor in there.tensors.values()) > said["parameters_in_source"]
    assert PEFT_TYPES[there.config["peft_type"]] == "adapters"
    failed = dataclasses.replace(module, card=module.card | {"failed_at_step": 3})
    lost = carried("compacter", rung("wider", "t5"), failed)
    assert lost.shapes() == there.shapes() and all(np.isnan(tensor).all() for tensor in lost.tensors.values())


@pytest.mark.parametrize(
    ("name", "kind", "technique", "said"),
    [
        ("more_heads", "t5", "prefix", "heads of the target without a counterpart"),
        ("deeper", "t5", "prefix", "no source layer stands for"),
    ],
)
def test_a_module_without_a_counterpart_is_refused(name, kind, technique, said):
    with pytest.raises(NotCarried, match=said):
        carried(technique, rung(name, kind), answers(technique, kind).module)
