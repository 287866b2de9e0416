"""The techniques by name. Each is one module, imported when it is asked for and not before.

A technique's module has:

* ``peft_config(settings, family) -> PeftConfig``: peft's description of the module, ready for ``get_peft_model``;
* ``site_kinds(settings, family) -> list[str]``: the kinds of sites (``peftport.hosts.sites``) that it wraps;
* ``expected_sites(settings, shape) -> int``: how many sites it must use in a host of this shape;
* ``parameter_count(settings, shape) -> int``: the exact number of trainable parameters.

``settings`` is a technique's part of the config with its defaults filled in; keys that are not about the module's
form (``learning_rate``) are ignored. Importing a module of ours registers its method with peft.
"""

import importlib
from types import ModuleType

from peftport.near import unknown

METHODS = {
    "adapters": "peftport.techniques.adapters",
    "compacter": "peftport.techniques.compacter",
    "lora": "peftport.techniques.lora",
    "prefix_tuning": "peftport.techniques.prefix_tuning",
    "prompt_tuning": "peftport.techniques.prompt_tuning",
    "ia3": "peftport.techniques.ia3",
    "tiny_attention": "peftport.techniques.tiny_attention",
}

PEFT_TYPES = {
    "HOULSBY": "adapters",
    "COMPACTER": "compacter",
    "LORA": "lora",
    "FULL_PREFIX": "prefix_tuning",
    "PROMPT_TUNING": "prompt_tuning",
    "IA3": "ia3",
    "TINY_ATTENTION": "tiny_attention",
}


def method(name: str) -> ModuleType:
    """Import the technique ``name``, and only that one.

    Raises:
        ValueError: no such technique; the message offers a near name.
    """
    if name not in METHODS:
        raise ValueError(unknown("technique", name, METHODS))
    return importlib.import_module(METHODS[name])


def method_of_type(peft_type: str) -> ModuleType:
    """Import the technique behind the ``peft_type`` of an ``adapter_config.json``.

    Raises:
        ValueError: no technique of ours.
    """
    if peft_type not in PEFT_TYPES:
        raise ValueError(unknown("technique of the peft_type", peft_type, PEFT_TYPES))
    return method(PEFT_TYPES[peft_type])
