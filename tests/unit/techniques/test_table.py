"""Techniques by name, and their sizes against the published ones."""

import ast
from pathlib import Path

import pytest

from peftport.techniques.table import METHODS, PEFT_TYPES, method, method_of_type
from tests.techniques import SETTINGS

# T5 v1.1 shapes
BASE = {"d_model": 768, "d_kv": 64, "d_ff": 2048, "heads": 12, "vocabulary": 32128}
BASE |= {"encoder_layers": 12, "decoder_layers": 12}
LARGE = BASE | {"d_model": 1024, "d_ff": 2816, "heads": 16, "encoder_layers": 24, "decoder_layers": 24}

BOTTLENECK = {"bottleneck": None, "sites": ["attention", "feed_forward"]}
PUBLISHED = [
    ("lora", {"rank": 8, "targets": ["q", "v"]}, 884_736, 2_359_296),
    ("adapters", BOTTLENECK | {"reduction_factor": 16}, 3_578_112, 12_687_360),
    ("adapters", BOTTLENECK | {"reduction_factor": 32}, 1_807_488, 6_392_832),
    ("compacter", BOTTLENECK | {"reduction_factor": 32, "division": 4, "rank": 1}, 114_112, 304_192),
    ("prefix_tuning", {"length": 30, "reparameterisation": None, "attentions": None}, 1_658_880, 4_423_680),
    ("ia3", {"targets": ["k", "v", "wo"]}, 104_448, 282_624),
    ("prompt_tuning", {"length": 20}, 15_360, 20_480),
]


@pytest.mark.parametrize(("name", "settings", "base", "large"), PUBLISHED)
def test_sizes_are_the_published_ones(name, settings, base, large):
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
    assert sorted(PEFT_TYPES.values()) == sorted(METHODS) == sorted(SETTINGS)
    assert all(method_of_type(peft_type) is method(name) for peft_type, name in PEFT_TYPES.items())


def test_unknown_names_are_refused_with_a_near_one():
    with pytest.raises(
        ValueError, match=r"no technique `adaptors`. Did you mean `adapters`\? Known: `adapters`, `compacter`"
    ):
        method("adaptors")
    with pytest.raises(ValueError, match="no technique of the peft_type `OFT`"):
        method_of_type("OFT")


def test_no_technique_imports_another():
    """Else editing one would rerun the cells of the other."""
    folder = Path(__file__).parents[3] / "src/peftport/techniques"
    for name in (*METHODS, "base", "bottleneck", "fused_attention", "attach", "table", "__init__"):
        tree = ast.parse((folder / f"{name}.py").read_text())
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert not imported & set(METHODS.values()), name
