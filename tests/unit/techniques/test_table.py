"""Techniques by name, and their sizes against the published ones."""

import ast
from pathlib import Path

import pytest

from peftport.figures import style
from peftport.techniques.settings import METHOD_SETTINGS, TinyAttentionSettings, technique_settings
from peftport.techniques.table import (
    CHECKS,
    METHODS,
    NOTES,
    PASSED_ON,
    PEFT_TYPES,
    described_as,
    makes,
    method,
    method_of_type,
)
from tests.techniques import FROM_PEFT, SETTINGS

# T5 v1.1 shapes
BASE = {"d_model": 768, "embedding": 768, "d_kv": 64, "d_ff": 2048, "heads": 12, "vocabulary": 32128}
BASE |= {"encoder_layers": 12, "decoder_layers": 12}
LARGE = BASE | {
    "d_model": 1024,
    "embedding": 1024,
    "d_ff": 2816,
    "heads": 16,
    "encoder_layers": 24,
    "decoder_layers": 24,
}

BOTTLENECK = {"bottleneck": None, "sites": ["attention", "feed_forward"]}
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
]


@pytest.mark.parametrize(("name", "settings", "base", "large"), PUBLISHED)
def test_sizes_are_those_of_papers_and_definitions(name, settings, base, large):
    technique, settings = method(name), technique_settings(name, settings)
    assert technique.parameter_count(settings, BASE) == base
    assert technique.parameter_count(settings, LARGE) == large


def test_tiny_attention_is_about_as_large_as_published():
    """0.05% of RoBERTa-large's 355 million parameters."""
    roberta_large = {"d_model": 1024, "encoder_layers": 24, "decoder_layers": 0}
    count = method("tiny_attention").parameter_count(TinyAttentionSettings(), roberta_large)
    assert count == 24 * 7179
    assert round(100 * count / 355e6, 2) == 0.05


def test_names_and_types_cover_each_other():
    assert sorted(METHODS) == sorted([*SETTINGS, PASSED_ON]) == sorted(METHOD_SETTINGS)
    assert sorted([*PEFT_TYPES.values(), PASSED_ON]) == sorted(METHODS)
    assert all(method_of_type(peft_type) is method(name) for peft_type, name in PEFT_TYPES.items())
    assert set(SETTINGS) <= set(style.NAMES)


def test_all_other_types_are_the_pass_through_s():
    others = {name: settings["peft_type"] for name, settings in FROM_PEFT.items() if name != "dora"}
    assert all(method_of_type(peft_type) is method(PASSED_ON) for peft_type in others.values())
    assert method_of_type("LORA") is method("lora")
    assert makes(PASSED_ON, "LORA") and makes("lora", "LORA") and makes(PASSED_ON, "LOHA")
    assert not (makes(PASSED_ON, "IA3") or makes(PASSED_ON, "HOULSBY") or makes("lora", "LOHA"))


def test_each_type_is_described_by_its_own_name():
    names = {name: described_as({"method": PASSED_ON} | settings) for name, settings in FROM_PEFT.items()}
    assert names == {name: name for name in FROM_PEFT}
    assert described_as({"method": "lora"}) == "lora"
    assert set(NOTES) <= set(FROM_PEFT)


def test_unknown_names_are_refused_with_a_near_one():
    with pytest.raises(
        ValueError, match=r"no technique `adaptors`. Did you mean `adapters`\? Known: `adapters`, `compacter`"
    ):
        method("adaptors")
    with pytest.raises(
        ValueError, match=r"no technique of the peft_type `OSF`.* \(its tensors are the host's own singular"
    ):
        method_of_type("OSF")
    with pytest.raises(ValueError, match=r"no technique of the peft_type `LOHAA`\. Did you mean `LOHA`"):
        method_of_type("LOHAA")


def test_no_technique_imports_another():
    """Else editing one would rerun the cells of the other."""
    folder = Path(__file__).parents[3] / "src/peftport/techniques"
    checks = {folder / f"{path.rpartition('.')[2]}.py" for path in CHECKS.values()}
    for file in set(folder.glob("*.py")) - checks:
        tree = ast.parse(file.read_text())
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert not imported & set(METHODS.values()), file.name
