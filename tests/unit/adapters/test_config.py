"""What an adapter's config says, whichever peft wrote it: fields that cannot matter are named, others are refused."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from peft.config import PromptLearningConfig
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_PREFIX_MAPPING
from peft.utils import PeftType

from peftport.adapters.config import config_to_load, normalised
from peftport.adapters.folder import Adapter, AdapterError
from peftport.adapters.known_fields import known_fields
from peftport.adapters.sites import MARKERS, marker_of
from peftport.registry import import_entry
from peftport.techniques.table import METHODS, PASSED_ON, PEFT_TYPES

PLAIN = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}


def said(**more):
    return normalised(Adapter(Path("folder"), PLAIN | more, {}))


@pytest.mark.parametrize("peft_type", PeftType.__members__)
def test_fields_and_markers_are_those_of_the_installed_peft(peft_type):
    known, kind = known_fields(peft_type), PEFT_TYPE_TO_CONFIG_MAPPING[peft_type]
    assert known.names == {field.name for field in fields(kind)}
    assert known.prompt == issubclass(kind, PromptLearningConfig)


def test_what_is_said_is_read():
    config = said(
        rank_pattern={"q": 8}, use_rslora=True, revision="abc", modules_to_save=["score"], layers_to_transform=1
    )
    assert (config.peft_type, config.rank, config.alpha, config.rank_pattern) == ("LORA", 4, 8, {"q": 8})
    assert (config.revision, config.modules_to_save, config.layers_to_transform) == ("abc", ("score",), (1,))
    assert (config.target_modules, config.ignored, config.refused) == (("q_proj",), (), ())
    assert config.scale(4, 8) == 4 and said().scale(4, 8) == 2


def test_fields_of_another_peft_that_switch_nothing_on_are_named():
    config = said(use_new_trick=False, new_trick_size=16, other=None, more=[], megatron_core="megatron.core")
    assert config.ignored == ("more", "new_trick_size", "other", "use_new_trick") and config.refused == ()


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"use_new_trick": True}, "use_new_trick is 'True': the installed peft .* does not know this field"),
        ({"new_trick_size": 16}, "new_trick_size is '16'"),
        ({"bias": "lora_only"}, "bias is lora_only: it brings biases"),
        ({"layer_replication": [[0, 2]]}, "it repeats layers"),
        ({"init_lora_weights": "pissa_niter_16"}, "changed the weights of its host; save it with `path_initial_model"),
        ({"init_lora_weights": "olora"}, "changed the weights of its host"),
        ({"trainable_token_indices": [3]}, "rows of the host's embedding"),
        ({"target_parameters": ["mlp.experts.gate_up_proj"]}, "parameters that are no modules"),
        ({"peft_type": "LORRA"}, "neither the installed peft nor peftport has such a type. Did you mean `LORA`"),
    ],
)
def test_what_could_matter_is_refused_by_name(field, message):
    (line,) = said(**field).refused
    assert re.search(message, line)


@pytest.mark.parametrize("start", [True, False, "gaussian", "eva", "orthogonal", "mica"])
def test_starts_that_leave_the_host_alone(start):
    assert said(init_lora_weights=start).refused == ()


@pytest.mark.parametrize(
    "field",
    [
        *({"r": "4"}, {"r": 0}, {"r": 4.0}, {"lora_alpha": float("nan")}, {"rank_pattern": {"q": "8"}}),
        *({"target_modules": [1]}, {"use_dora": 1}, {"layers_to_transform": ["a"]}, {"peft_type": None}),
    ],
)
def test_a_value_of_another_type_is_one_message(field):
    with pytest.raises(
        AdapterError, match=f"adapter_config.json: expected .* `{next(iter(field))}`|expected `peft_type`"
    ):
        said(**field)


def test_nothing_named_in_a_config_is_handed_on():
    named = {"base_model_name_or_path": "someone/host", "auto_mapping": {"parent_library": "os"}, "unknown": None}
    prompt = {"peft_type": "PROMPT_TUNING", "prompt_tuning_init": "TEXT", "tokenizer_name_or_path": "someone/else"}
    loaded = config_to_load(Adapter(None, PLAIN | named | {"init_lora_weights": "eva"}, {}))
    assert loaded == PLAIN | {"base_model_name_or_path": None, "auto_mapping": None, "init_lora_weights": True}
    loaded = config_to_load(Adapter(None, prompt, {}))
    assert (loaded["prompt_tuning_init"], loaded["tokenizer_name_or_path"]) == ("RANDOM", None)


def test_markers_of_tensors_are_those_that_peft_uses():
    for name in METHODS:
        if name != PASSED_ON:
            import_entry("technique", name, METHODS)
    ours = {kind: PEFT_TYPE_TO_PREFIX_MAPPING[kind] for kind in PEFT_TYPES if not known_fields(kind)}
    assert ours == MARKERS | {"HYBRID": "hybrid_"}  # which has no tensors but its parts'
    assert marker_of("LOHA") == "hada_" and marker_of("PROMPT_TUNING") == ""
