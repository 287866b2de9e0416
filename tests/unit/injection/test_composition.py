"""What peft alone cannot do with two techniques in one host (docs/add-a-technique.md), so that a change shows."""

import pytest
from peft import PeftMixedModel, get_peft_model
from peft.tuners.mixed import COMPATIBLE_TUNER_TYPES

from peftport.hosts.families.table import family
from peftport.injection.attach import attach, attach_module, config_dict, module_tensors
from peftport.storage.modules import Module
from peftport.techniques.settings import technique_settings
from peftport.techniques.table import method
from tests.hosts import host
from tests.techniques import SETTINGS, of_name


def peft_config(name):
    technique, settings = of_name(name)
    return method(technique).peft_config(technique_settings(technique, settings), family("t5"))


def test_a_peft_model_holds_one_type():
    model = attach(host("t5_gated_untied"), "lora", SETTINGS["lora"], seed=0)
    with pytest.raises(ValueError, match="Cannot combine adapters with different peft types"):
        model.add_adapter("second", peft_config("adapters"))


@pytest.mark.parametrize("name", ["adapters", "prefix_tuning", "prompt_tuning", "ia3", "vera"])
def test_the_mixed_model_does_not_take(name):
    assert {kind.value for kind in COMPATIBLE_TUNER_TYPES} == {"ADALORA", "LOHA", "LOKR", "LORA", "OFT", "SHIRA"}
    with pytest.raises((ValueError, AttributeError)):  # its message asks our plain string for a `.value`
        get_peft_model(host("t5_gated_untied"), peft_config(name), mixed=True)


def test_the_mixed_model_is_not_saved(tmp_path):
    model = get_peft_model(host("t5_gated_untied"), peft_config("lora"), mixed=True)
    assert isinstance(model, PeftMixedModel)
    with pytest.raises((AttributeError, NotImplementedError)):
        model.save_pretrained(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_peft_model_around_another_saves_half_of_what_it_is():
    """The tensors of both, and the config of the outer one: loaded, the inner technique is gone."""
    inner = attach(host("t5_gated_untied"), "lora", SETTINGS["lora"], seed=0)
    outer = get_peft_model(inner, peft_config("adapters"))
    config, tensors = config_dict(outer), module_tensors(outer)
    assert config["peft_type"] == "HOULSBY" and "lora" not in str(config)
    assert {kind for kind in ("lora", "houlsby") if any(kind in name for name in tensors)} == {"lora", "houlsby"}
    with pytest.raises(ValueError, match=r"missing \d+: .*; extra \d+: "):
        attach_module(host("t5_gated_untied"), Module(config, tensors, {}))


def test_attach_refuses_a_second_module():
    model = attach(host("t5_gated_untied"), "lora", SETTINGS["lora"], seed=0)
    with pytest.raises(ValueError, match="the host has a module already; detach it first"):
        attach(model.get_base_model(), "adapters", SETTINGS["adapters"], seed=0)
