"""Techniques by name, and their sizes against the published ones."""

import ast
from dataclasses import fields
from pathlib import Path

import pytest

from peftport.figures import style
from peftport.paths import config_schema
from peftport.techniques.table import METHODS, NOT_OFFERED, NOTES, PEFT_TYPES, method, method_of_type
from tests.techniques import FROM_PEFT, SETTINGS

# T5 v1.1 shapes
BASE = {"d_model": 768, "d_kv": 64, "d_ff": 2048, "heads": 12, "vocabulary": 32128}
BASE |= {"encoder_layers": 12, "decoder_layers": 12}
LARGE = BASE | {"d_model": 1024, "d_ff": 2816, "heads": 16, "encoder_layers": 24, "decoder_layers": 24}

BOTTLENECK = {"bottleneck": None, "sites": ["attention", "feed_forward"], "share": "none", "share_rule": True}
PUBLISHED = [
    ("lora", {"rank": 8, "targets": ["q", "v"]}, 884_736, 2_359_296),
    ("adapters", BOTTLENECK | {"reduction_factor": 16}, 3_578_112, 12_687_360),
    ("adapters", BOTTLENECK | {"reduction_factor": 32}, 1_807_488, 6_392_832),
    ("compacter", BOTTLENECK | {"reduction_factor": 32, "division": 4, "rank": 1}, 114_112, 304_192),
    # not published: sharing the other way round; 2 kinds of sites, and 48 or 96 rules of 4^3 for one
    ("adapters", BOTTLENECK | {"reduction_factor": 16, "share": "layers"}, 149_088, 264_320),
    (
        "compacter",
        BOTTLENECK | {"reduction_factor": 32, "division": 4, "rank": 1, "share_rule": False},
        114_112 + 47 * 64,
        304_192 + 95 * 64,
    ),
    ("prefix_tuning", {"length": 30, "reparameterisation": None, "attentions": None}, 1_658_880, 4_423_680),
    ("ia3", {"targets": ["k", "v", "wo"]}, 104_448, 282_624),
    ("prompt_tuning", {"length": 20}, 15_360, 20_480),
    # from their definitions: LoRA with a magnitude per output; rank and outputs of 72 or 144 projections; the norms
    ("dora", {"r": 8, "targets": ["q", "v"]}, 884_736 + 72 * 768, 2_359_296 + 144 * 1024),
    ("vera", {"r": 256, "targets": ["q", "v"]}, 72 * (256 + 768), 144 * (256 + 1024)),
    ("ln_tuning", {}, 60 * 768, 120 * 1024),
]


@pytest.mark.parametrize(("name", "settings", "base", "large"), PUBLISHED)
def test_sizes_are_those_of_papers_and_definitions(name, settings, base, large):
    technique = method(name)
    assert technique.parameter_count(settings, BASE) == base
    assert technique.parameter_count(settings, LARGE) == large


def test_tiny_attention_is_about_as_large_as_published():
    """0.05% of RoBERTa-large's 355 million parameters."""
    roberta_large = {"d_model": 1024, "encoder_layers": 24, "decoder_layers": 0}
    count = method("tiny_attention").parameter_count({"width": 1, "heads": 1}, roberta_large)
    assert count == 24 * 7179
    assert round(100 * count / 355e6, 2) == 0.05


def test_names_and_types_cover_each_other():
    assert sorted(METHODS) == sorted(SETTINGS | FROM_PEFT)
    assert sorted([*PEFT_TYPES.values(), "dora"]) == sorted(METHODS)  # which is a LoRA to peft
    assert all(method_of_type(peft_type) is method(name) for peft_type, name in PEFT_TYPES.items())
    assert set(NOTES) <= set(METHODS) <= set(style.NAMES)


def test_every_method_of_peft_is_offered_or_refused_with_a_reason():
    from peft import PeftType

    ours = {peft_type for peft_type in PEFT_TYPES if peft_type not in PeftType.__members__}
    assert ours == {"HOULSBY", "COMPACTER", "FULL_PREFIX", "TINY_ATTENTION"}
    assert sorted({*PEFT_TYPES, *NOT_OFFERED} - ours) == sorted(PeftType.__members__)
    assert not set(PEFT_TYPES) & set(NOT_OFFERED)


@pytest.mark.parametrize("name", FROM_PEFT)
def test_settings_of_the_schema_are_peft_s_with_its_defaults(name):
    import peft

    entry = method(name)
    theirs = {one.name: one for one in fields(getattr(peft, entry.config))}
    common = {"method", "targets", "learning_rate", "source_steps"}
    keys = config_schema()["$defs"]["techniques"][name]["properties"]
    assert set(keys) == {*common, *entry.names}
    assert set(FROM_PEFT[name]) == {"targets", *entry.names}
    assert {key: keys[key]["default"] for key in entry.names} == {key: theirs[key].default for key in entry.names}
    assert set(entry.fixed) < set(theirs)


def test_unknown_names_are_refused_with_a_near_one():
    with pytest.raises(
        ValueError, match=r"no technique `adaptors`. Did you mean `adapters`\? Known: `adapters`, `compacter`"
    ):
        method("adaptors")
    with pytest.raises(ValueError, match="no technique of the peft_type `OSF`"):
        method_of_type("OSF")


def test_no_technique_imports_another():
    """Else editing one would rerun the cells of the other."""
    folder = Path(__file__).parents[3] / "src/peftport/techniques"
    own = {path.removeprefix("peftport.techniques.") for path in METHODS.values()}
    for name in (*own, "base", "bottleneck", "prefix_attention", "table", "__init__"):
        tree = ast.parse((folder / f"{name}.py").read_text())
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert not imported & set(METHODS.values()), name
