"""The techniques by name. Each is one module, imported when it is asked for and not before.

A technique's module has:

* ``peft_config(settings, family) -> PeftConfig``: peft's description of the module, ready for ``get_peft_model``;
* ``site_kinds(settings, family) -> list[str]``: the kinds of sites (``peftport.hosts.sites``) that it wraps;
* ``expected_sites(settings, shape) -> int``: how many sites it must use in a host of this shape;
* ``parameter_count(settings, shape) -> int``: the exact number of trainable parameters;
* ``OUTPUT`` (``peftport.techniques.output``): how large what a module adds to a host is, and which tensors that is
  linear in, so that a control can be scaled to the same size; without it there is a reason in ``NO_OUTPUT``.

A module with several techniques has them, as objects with these four, by name in ``TECHNIQUES``.

``settings`` is a technique's part of the config with its defaults filled in; keys that are not about the module's
form (``learning_rate``) are ignored. Importing a module of ours registers its method with peft.
"""

from typing import Any

from peftport.registry import import_entry, unknown_name

# peft's own that need nothing but a line of a table
FROM_PEFT = (
    *("dora", "vera", "pvera", "randlora", "unilora", "vblora", "loha", "lokr", "hira", "gralora", "deft"),
    *("hra", "oft", "c3a", "fourierft", "waveft", "miss", "peanut", "road", "beft"),
)

METHODS = {
    "adapters": "peftport.techniques.adapters",
    "compacter": "peftport.techniques.compacter",
    "lora": "peftport.techniques.lora",
    "prefix_tuning": "peftport.techniques.prefix_tuning",
    "prompt_tuning": "peftport.techniques.prompt_tuning",
    "ia3": "peftport.techniques.ia3",
    "tiny_attention": "peftport.techniques.tiny_attention",
    "ln_tuning": "peftport.techniques.ln_tuning",
    **dict.fromkeys(FROM_PEFT, "peftport.techniques.from_peft"),
}

# a DoRA is a LORA to peft
PEFT_TYPES = {
    "HOULSBY": "adapters",
    "COMPACTER": "compacter",
    "LORA": "lora",
    "FULL_PREFIX": "prefix_tuning",
    "PROMPT_TUNING": "prompt_tuning",
    "IA3": "ia3",
    "TINY_ATTENTION": "tiny_attention",
    "LN_TUNING": "ln_tuning",
    **{name.upper(): name for name in FROM_PEFT if name != "dora"},
}

# what a module's card tells those who move it
NOTES = {
    "ln_tuning": "Its tensors are trained copies of the host's own layer norms and stand in their place: moved, they "
    "bring the source host's layer norms along.",
    "dora": "Its magnitudes began as the norms of the source host's weights.",
    "vera": "Its frozen projections are not in the file; they are drawn from `projection_prng_key`.",
    "pvera": "Its frozen projections are not in the file; they are drawn from `projection_prng_key`.",
    "randlora": "Its frozen bases are not in the file; they are drawn from `projection_prng_key`.",
    "unilora": "Which entry goes where is not in the file; it is drawn from `proj_seed`.",
    "fourierft": "Which frequencies are trained is not in the file; it is drawn from `random_loc_seed`.",
    "waveft": "Which coefficients are trained is not in the file; it is drawn from `random_loc_seed`.",
}

# why what a module adds cannot be scaled: nothing is declared as its output
NO_OUTPUT = {
    "ln_tuning": "its tensors stand in the place of the host's own layer norms, and nothing is added to scale",
    **dict.fromkeys(FROM_PEFT, "it is one of peft's own, of which it is not known here what its tensors add to a host"),
}

NOT_OFFERED = {
    "ADALORA": "it shares out its rank in a step of its own between training steps, and adds to the loss",
    "ADAMSS": "its file also holds frozen matrices made from the host's weights",
    "ADAPTION_PROMPT": "it knows only a few decoders",
    "BOFT": "it compiles code for the graphics card when it first runs",
    "CARTRIDGE": "it is a prefix with tokens that are never trained, for decoders only; use `prefix_tuning`",
    "CPT": "its prompt is made of the tokens of a text that it is given",
    "DELORA": "its file also holds norms of the host's weights",
    "FROD": "its frozen basis is made from the host's weights and lies in its file",
    "GLORA": "some of its tensors are never trained",
    "LILY": "its file holds shared tensors several times, so copies of one tensor could be drawn apart",
    "MULTITASK_PROMPT_TUNING": "it needs the number of the task with every example; use `prompt_tuning`",
    "OSF": "its tensors are the host's own singular vectors, as large as the host",
    "P_TUNING": "peft saves the prompt that its encoder made and not the encoder, so it cannot be trained further",
    "POLY": "it needs the number of the task with every example",
    "PREFIX_TUNING": "peft's reaches only the decoder of T5, and half of it is never trained; use `prefix_tuning` here",
    "PSOFT": "its frozen factors are singular vectors of the host, whose signs depend on the machine",
    "SHADOW": "it trains a small model beside the host and adds to the loss",
    "SHIRA": "its file also holds the places of its entries, which are no quantities to draw from a distribution",
    "SUPERTUNING": "its file also holds the places of its entries, which are no quantities to draw from a distribution",
    "TINYLORA": "its frozen factors are singular vectors of the host, whose signs depend on the machine",
    "TRAINABLE_TOKENS": "its tensors are rows of the host's embedding for tokens that it is given",
    "XLORA": "it mixes modules that are trained before",
}


def method(name: str) -> Any:
    """The technique ``name``; its module is imported, and only that one.

    Raises:
        ValueError: no such technique; the message offers a near name.
    """
    module = import_entry("technique", name, METHODS)
    return getattr(module, "TECHNIQUES", {}).get(name, module)


def method_of_type(peft_type: str) -> Any:
    """The technique behind the ``peft_type`` of an ``adapter_config.json``.

    Raises:
        ValueError: no technique of ours.
    """
    if peft_type not in PEFT_TYPES:
        reason = f" ({NOT_OFFERED[peft_type]})" if peft_type in NOT_OFFERED else ""
        raise ValueError(unknown_name("technique of the peft_type", peft_type, PEFT_TYPES) + reason)
    return method(PEFT_TYPES[peft_type])


def peft_type_of(name: str) -> str:
    """The ``peft_type`` of the technique ``name``."""
    return {technique: peft_type for peft_type, technique in PEFT_TYPES.items()}.get(name, "LORA")
