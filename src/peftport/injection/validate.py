"""What is checked of a module before it touches a host: that it is a module, of a technique known here, and only that.

Tensors are compared with the host's afterwards, by ``peftport.injection.attach.load_tensors``.
"""

import copy
from dataclasses import fields

from peft import PeftConfig, __version__
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from transformers import PreTrainedModel

from peftport.hosts.classification_head import has_classification_head
from peftport.hosts.classification_head import parts_of as head_parts
from peftport.storage.module_parts import parts_of
from peftport.storage.modules import CONFIG, Module
from peftport.storage.provenance import JsonObject
from peftport.techniques.plain_config import HOST_FIELDS
from peftport.techniques.table import METHODS, makes, method_of_type

# a file may say any number; one that is no size of its tensors would ask for memory first and be refused afterwards
LARGEST_NUMBER = 4096
# fields with which peft would train, copy or change parts of the host, and their harmless values
REACHING_INTO_THE_HOST = {
    "modules_to_save": (None, []),
    "bias": ("none", None),
    "layer_replication": (None, []),
    "trainable_token_indices": (None, []),
    "init_lora_weights": (True, False),
}


def admit(module: Module, host: PreTrainedModel) -> PeftConfig:
    """peft's config of a module that may be put into a host; into one with a classification head, with its head.

    Raises:
        ValueError: the config names no technique known here or another one than the card, has fields that peft does
            not know, would change the host, or asks for sizes that none of the tensors has.
    """
    config = {key: value for key, value in module.config.items() if key not in HOST_FIELDS}
    peft_type = str(config.get("peft_type", ""))
    method_of_type(peft_type)
    named = (module.card.get("carried") or {}).get("as") or module.card.get("technique")
    if named in METHODS and not makes(named, peft_type):
        raise ValueError(f"the module's card says {named}, its {CONFIG} says {peft_type}")
    heads = head_parts(host) if has_classification_head(host) else set()
    _check_fields(config, heads)
    for part in parts_of(config).values():
        method_of_type(str(part.get("peft_type", "")))
        _check_fields(part, set())
        _check_numbers(part, module)
    _check_numbers(config, module)
    try:
        return PeftConfig.from_peft_type(**copy.deepcopy(config))  # peft adds names to lists that it is given
    except (TypeError, ValueError) as error:
        raise ValueError(f"the module's {CONFIG} is no config of {peft_type}: {error}") from error


def _check_fields(config: JsonObject, heads: set[str]) -> None:
    """Raise ValueError for fields that peft does not know, or that would change the host beside its ``heads``."""
    known = {one.name for one in fields(PEFT_TYPE_TO_CONFIG_MAPPING[str(config["peft_type"])])}
    if strange := sorted(set(config) - known):
        raise ValueError(
            f"the module's {CONFIG} has fields that peft {__version__} does not know: {', '.join(strange)}"
        )
    for name, harmless in REACHING_INTO_THE_HOST.items():
        saved = config.get(name) if name == "modules_to_save" else None
        if isinstance(saved, list) and heads and set(saved) <= heads:
            continue
        if name in config and config[name] not in harmless:
            raise ValueError(f"the module's {CONFIG} would change the host: {name} is {config[name]!r}")


def _check_numbers(config: JsonObject, module: Module) -> None:
    largest = max([LARGEST_NUMBER, *(size for shape in module.shapes().values() for size in shape)])
    for name, value in config.items():
        if type(value) is int and abs(value) > largest and not any(part in name for part in ("seed", "prng_key")):
            raise ValueError(f"the module's {CONFIG} says {name} = {value}, and no tensor of it has that size")
