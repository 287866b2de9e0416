"""Whether a plan says that the processor has no units for the bfloat16 that a study asks for."""

import pytest
import yaml

from peftport.paths import CHECKOUT
from peftport.planning.processor import slow_bfloat16
from peftport.study.read import read_study

WITHOUT = "flags\t\t: fpu sse avx2 avx512f avx512_bf16x\n"
FURTHER = {"base": "raw", "corpus": {"files": ["pyproject.toml"]}}


def planned(hosts=None, precision="float32", target="instruct"):
    config = yaml.safe_load((CHECKOUT / "config/config.yaml").read_text())
    config["hosts"] |= hosts or {}
    config["training"]["host_precision"] = precision
    config["grid"]["transfers"] = [{"source": "raw", "target": target}]
    return config


def said(folder, config, flags=WITHOUT):
    (folder / "cpuinfo").write_text(flags)
    (folder / "study.yaml").write_text(yaml.safe_dump(config))
    return slow_bfloat16(read_study([folder / "study.yaml"], CHECKOUT), folder / "cpuinfo")


@pytest.mark.parametrize(
    ("config", "key"),
    [
        (planned(precision="bfloat16"), "training.host_precision"),
        (planned({"half": {"bundled": "reviews-raw", "precision": "bfloat16"}}, target="half"), "hosts.half.precision"),
        (planned({"v2": {"build": FURTHER | {"products": "bfloat16"}}}, target="v2"), "hosts.v2.build.products"),
    ],
)
def test_it_is_said_once_and_names_the_key(tmp_path, config, key):
    (sentence,) = said(tmp_path, config)
    assert f"(`{key}`)" in sentence
    assert "no units for bfloat16" in sentence


@pytest.mark.parametrize("unit", ["avx512_bf16", "amx_bf16", "bf16"])
def test_nothing_is_said_where_the_processor_has_units(tmp_path, unit):
    assert said(tmp_path, planned(precision="bfloat16"), f"flags : avx2 {unit} sse\n") == []


def test_nothing_is_said_where_nothing_is_in_bfloat16_or_nothing_is_known(tmp_path):
    unused = planned({"half": {"bundled": "reviews-raw", "precision": "bfloat16"}})
    assert said(tmp_path, unused) == []
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(planned(precision="bfloat16")))
    assert slow_bfloat16(read_study([tmp_path / "study.yaml"], CHECKOUT), tmp_path / "none") == []
