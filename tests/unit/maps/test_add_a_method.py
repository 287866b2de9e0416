"""The example of docs/add-a-porting-method.md is run as it stands there."""

import ast
import importlib.util
import re
import sys

import numpy as np
import pytest
import yaml

from peftport.maps import table
from peftport.maps.correspondence import read_correspondence, write_correspondence
from peftport.maps.pair import Pair
from peftport.maps.settings import MapSettings
from peftport.maps.table import MAPS, method
from peftport.paths import CHECKOUT
from peftport.seeds import generator
from tests.carried import answers, carried
from tests.ladder import Rung
from tests.tiny import Sizes, build, host
from tests.unit.maps.reading import end
from tests.unit.study.test_maps import between

PAGE = CHECKOUT / "docs" / "add-a-porting-method.md"
NAME = "peftport.maps.methods.same_place"


@pytest.fixture
def use(tmp_path, monkeypatch):
    """The page's file and line where the page says; its config."""
    blocks = re.findall(r"```(python|yaml)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert [kind for kind, _ in blocks] == ["python", "python", "yaml"]
    (_, file), (_, line), (_, config) = blocks
    (tmp_path / "same_place.py").write_text(file)
    spec = importlib.util.spec_from_file_location(NAME, tmp_path / "same_place.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, NAME, module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(table, "MAPS", MAPS | ast.literal_eval(f"{{{line}}}"))
    monkeypatch.setitem(MAPS, "same_place", NAME)
    return yaml.safe_load(config)


def fitted(source, target):
    pair = Pair(end(source, "raw"), end(target, "wide"), shared_tokens=lambda: None)
    return method("same_place").fit(pair, MapSettings(method="same_place"), generator(0, "map"))


def test_it_carries_a_module_into_the_first_coordinates_of_a_wider_host(use, tmp_path):
    source, target = host("t5"), build("t5", Sizes(width=40, inner=60, layers=5))
    found = fitted(source, target)
    assert found.facts == {"least covered": 32 / 40}
    write_correspondence(tmp_path / "map", found, {})
    step = Rung("wide", "t5", source, target, read_correspondence(tmp_path / "map"), False, np.arange(3))
    module = answers("lora", "t5").module
    wide = carried("lora", step, module)
    name = "base_model.model.encoder.block.{}.layer.0.SelfAttention.q.lora_A.weight"
    assert np.array_equal(wide.tensors[name.format(0)][:, :32], module.tensors[name.format(0)])
    assert not wide.tensors[name.format(0)][:, 32:].any()
    assert np.array_equal(wide.tensors[name.format(4)][:, :32], module.tensors[name.format(2)])


def test_from_a_host_to_itself_it_is_a_copy(use):
    step = Rung("none", "t5", host("t5"), host("t5"), fitted(host("t5"), host("t5")), True, np.arange(3))
    for technique in ("lora", "adapters"):
        module = answers(technique, "t5").module
        same = carried(technique, step, module)
        assert all(np.array_equal(same.tensors[name], tensor) for name, tensor in module.tensors.items())


def test_a_config_takes_it(use):
    study = between("same_place", **use["grid"])
    assert study.config.maps["same_place"].method == "same_place"
    assert study.mapped_transfers == study.grid.transfers
