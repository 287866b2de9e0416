"""Families and readings: the tables lead somewhere, and the documented example of a new family works as it stands."""

import re
import sys
import types

import numpy as np
import pytest
import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from peftport.evaluation.likelihood import answering, log_likelihoods
from peftport.host_building.recipes.table import RECIPES, recipe_of
from peftport.hosts.families.table import FAMILIES, family
from peftport.hosts.load import load_model
from peftport.hosts.shape import expected_sites, host_shape
from peftport.injection.attach import attach, trainable_parameters
from peftport.paths import CHECKOUT
from peftport.prompting.lm_types.table import LM_TYPES, lm_type
from tests import encoded, hosts
from tests.techniques import SETTINGS

GUIDE = CHECKOUT / "docs/add-a-host-family.md"
TECHNIQUES = ["adapters", "lora", "prefix_tuning", "prompt_tuning", "ia3"]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_names_itself_and_a_reading(name):
    kind = family(name)
    assert kind.name == name and kind.lm_type in LM_TYPES and kind.head and "" not in kind.head
    assert set(kind.layers) == {stack for places in kind.sites.values() for stack, _ in places}


@pytest.mark.parametrize("name", LM_TYPES)
def test_a_reading_has_what_its_table_says(name):
    for part in ("MODEL", "check", "label_tokens", "encode", "padding", "answers", "batch"):
        assert hasattr(lm_type(name), part)
    for part in ("log_likelihoods", "write"):
        assert hasattr(answering(name), part)


def test_names_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="gpt3"):
        family("gpt3")
    with pytest.raises(ValueError, match=r"no lm_type `cloze`\. Known: `encoder_decoder`, `masked`, `causal`"):
        lm_type("cloze")
    with pytest.raises(ValueError, match=r"no recipe for hosts of the family `mt5`\. .*Known: `t5`, `bert`, `llama`"):
        recipe_of("mt5")


@pytest.mark.parametrize("name", RECIPES)
def test_what_can_be_built_is_a_family(name):
    assert name in FAMILIES
    for part in ("LAYOUT", "FACTS", "fresh_model", "objective", "instruction"):
        assert hasattr(recipe_of(name), part)


@pytest.fixture
def neox(monkeypatch):
    """The guide's file and lines, put where it says; gives a maker of tiny hosts."""
    file, line, maker = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    ((name, path),) = eval("{" + line + "}").items()
    module = types.ModuleType(path)
    exec(file, module.__dict__)
    monkeypatch.setitem(sys.modules, path, module)
    monkeypatch.setitem(FAMILIES, name, path)
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    common = {"vocab_size": hosts.VOCABULARY, "pad_token_id": hosts.PAD, "eos_token_id": hosts.END}
    there = {"GPTNeoXForCausalLM": GPTNeoXForCausalLM, "GPTNeoXConfig": GPTNeoXConfig, "small": small, "common": common}
    makers = eval("{" + maker + "}", there)

    def make():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return hosts._spread(makers[name]()).eval()

    return make


def settings_of(technique):
    return SETTINGS[technique] | ({"targets": ["qkv", "wo"]} if "targets" in SETTINGS[technique] else {})


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_the_guides_family_takes_a_technique(neox, technique):
    host = neox()
    before = {name: tensor.clone() for name, tensor in host.state_dict().items()}
    model = hosts.spread_module(attach(host, technique, settings_of(technique), seed=0))
    task, data = encoded.asked("causal", [[3], [4, 9]], 6)
    model(**task.batch(data, np.arange(6), torch.device("cpu"))).loss.backward()
    assert all(tensor.grad.any() for tensor in trainable_parameters(model).values())
    after = {name.replace(".base_layer", ""): tensor for name, tensor in model.get_base_model().state_dict().items()}
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    scores = log_likelihoods(model, data, task, 4)
    np.testing.assert_allclose(log_likelihoods(model, data, task, 1), scores, rtol=1e-5, atol=1e-5)
    assert scores.std(0).min() > 1e-3


def test_the_guides_family_has_its_sites_and_is_loaded(neox, tmp_path):
    host = neox()
    kind, shape = family("gpt_neox"), host_shape(host.config)
    for name, count in expected_sites(kind, shape).items():
        pattern = re.compile(kind.pattern([name]))
        assert sum(bool(pattern.fullmatch(part)) for part, _ in host.named_modules()) == count > 0, name
    host.save_pretrained(tmp_path)
    back = load_model(tmp_path).state_dict()
    assert all(torch.equal(back[name], tensor) for name, tensor in host.state_dict().items())
