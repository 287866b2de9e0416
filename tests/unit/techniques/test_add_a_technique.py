"""The example of docs/add-a-technique.md is run as it stands there, and keeps the laws of all techniques."""

import ast
import copy
import importlib.util
import re
import sys

import pytest
import torch
import yaml
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_PREFIX_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING

from peftport.injection.attach import attach, load_tensors, module_tensors
from peftport.paths import CHECKOUT
from peftport.study import config
from peftport.study.schema import config_schema
from peftport.study.settings import StudySettings
from peftport.techniques import settings as technique_settings
from peftport.techniques import table
from tests import techniques
from tests.hosts import host
from tests.matrix import test_technique_on_host as laws
from tests.unit.study.test_config import DEFAULT

PAGE = CHECKOUT / "docs" / "add-a-technique.md"
NAME, MODULE = "adapter_bias", "peftport.techniques.adapter_bias"
HOSTS = ("t5_gated_untied", "bert", "gpt2", "llama")


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The page's pieces, each where the page says; the settings for the tests."""
    blocks = re.findall(r"```(python|yaml)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert [kind for kind, _ in blocks] == [*["python"] * 6, "yaml"]
    file, methods, types, settings_class, line, settings, use = (text for _, text in blocks)
    path = tmp_path / "adapter_bias.py"
    path.write_text(file)
    for mapping in (PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING, PEFT_TYPE_TO_PREFIX_MAPPING):
        monkeypatch.setitem(mapping, "ADAPTER_BIAS", None)  # so that it is gone afterwards
    spec = importlib.util.spec_from_file_location(MODULE, path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, MODULE, module)
    for target, lines in ((table.METHODS, methods), (table.PEFT_TYPES, types), (techniques.VARIANTS, settings)):
        for key, value in ast.literal_eval(f"{{{lines}}}").items():
            monkeypatch.setitem(target, key, value if target is not techniques.VARIANTS else (key, value))
    names = dict(vars(technique_settings))
    exec(settings_class, names)
    monkeypatch.setattr(technique_settings, "AdapterBiasSettings", names["AdapterBiasSettings"], raising=False)
    spec.loader.exec_module(module)
    monkeypatch.setitem(technique_settings.METHOD_SETTINGS, *eval(f"({line.strip().replace(':', ',', 1)})", names))
    StudySettings.model_rebuild(force=True)
    config_schema.cache_clear()
    yield {"use": yaml.safe_load(use), "settings": techniques.VARIANTS[NAME][1]}
    monkeypatch.undo()
    StudySettings.model_rebuild(force=True)
    config_schema.cache_clear()


def test_it_keeps_the_laws(example, tmp_path):
    for name in HOSTS:
        laws.test_size_and_initialisation(name, NAME)
        laws.test_training_touches_every_module_parameter_and_nothing_else(name, NAME)
        laws.test_disabled_and_detached_are_the_bare_host(name, NAME)
        laws.test_saved_and_loaded_is_the_same(name, NAME, tmp_path / name)
        laws.test_padding_and_order_change_nothing(name, NAME)
    laws.test_generation_agrees_with_teacher_forcing("t5_gated_untied", NAME)
    laws.test_a_missing_site_is_named(NAME)
    laws.test_a_module_of_another_shape_is_refused(NAME)
    laws.test_several_modules_in_one_host(NAME)
    laws.test_a_copy_is_equal_and_independent(NAME)
    laws.test_expected_sites_are_those_of_the_family(NAME)


def test_it_is_its_formula(example):
    model = attach(host("t5_gated_untied"), NAME, example["settings"], seed=0).eval()
    load_tensors(model, {name: tensor + 0.1 for name, tensor in module_tensors(model).items()})
    site, hidden = model.get_submodule("base_model.model.encoder.block.0.layer.1.dropout"), torch.randn(2, 5, 16)
    vector, weight, offset = (getattr(site, name)["default"] for name in site.adapter_layer_names)
    torch.testing.assert_close(
        site(hidden), hidden + torch.outer((hidden @ weight + offset).flatten(), vector).view(2, 5, 16)
    )


def test_a_study_can_name_it(example):
    study = copy.deepcopy(DEFAULT) | example["use"]
    study["grid"]["techniques"] = [NAME]
    checked = config.check_config(study)["techniques"][NAME]
    assert checked["learning_rate"] == 0.01 and checked["init_std"] == 0.02
    assert set(example["settings"]) < set(checked)
    with pytest.raises(config.ConfigError, match="Did you mean `init_std`"):
        config.check_config(study | {"techniques": {NAME: {"init_sdt": 1}}})
