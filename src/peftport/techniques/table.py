"""The techniques by name. Each is one module, imported when it is asked for and not before.

A technique's module has:

* ``peft_config(settings, family) -> PeftConfig``: peft's description of the module, ready for ``get_peft_model``;
* ``site_kinds(settings, family) -> list[str]``: the kinds of sites (``peftport.hosts.sites``) that it wraps;
* ``expected_sites(settings, shape) -> int``: how many sites it must use in a host of this shape;
* ``parameter_count(settings, shape) -> int``: the exact number of trainable parameters; without it, a module must have
  as many in its file as peft trains;
* ``OUTPUT`` (``peftport.techniques.output``): how large what a module adds to a host is, and which tensors that is
  linear in, so that a control can be scaled to the same size; without it there is a reason in ``NO_OUTPUT``.

``settings`` are of the technique's class in ``peftport.techniques.settings``; what is not about the module's form
(``learning_rate``) is ignored. Importing a module of ours registers its method with peft. ``peft`` is the
pass-through: its settings name a type of peft's and fields of that type's config.
"""

from typing import Any

from peftport.registry import import_entry, unknown_name
from peftport.storage.extensions import added, extended
from peftport.storage.provenance import JsonObject
from peftport.techniques.base_settings import TechniqueSettings

PASSED_ON = "peft"

METHODS = {
    "adapters": "peftport.techniques.adapters",
    "compacter": "peftport.techniques.compacter",
    "lora": "peftport.techniques.lora",
    "prefix_tuning": "peftport.techniques.prefix_tuning",
    "prompt_tuning": "peftport.techniques.prompt_tuning",
    "ia3": "peftport.techniques.ia3",
    "tiny_attention": "peftport.techniques.tiny_attention",
    "hybrid": "peftport.techniques.hybrid",
    PASSED_ON: "peftport.techniques.from_peft",
}
METHODS = extended("techniques", METHODS)

# what checks a technique's settings beyond the schema; it imports peft, so only a study that needs it does
CHECKS = {PASSED_ON: "peftport.techniques.peft_fields"}

# any other type is one of the pass-through's
PEFT_TYPES = {
    "HOULSBY": "adapters",
    "COMPACTER": "compacter",
    "LORA": "lora",
    "FULL_PREFIX": "prefix_tuning",
    "PROMPT_TUNING": "prompt_tuning",
    "IA3": "ia3",
    "TINY_ATTENTION": "tiny_attention",
    "HYBRID": "hybrid",
}
PEFT_TYPES |= {name.upper(): name for name in added("techniques")}

# what a module's card tells those who move it, by ``described_as``
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
    PASSED_ON: "it is one of peft's own, of which it is not known here what its tensors add to a host",
    "hybrid": "what one part adds changes what the other reads, and sizes are told of one technique at a time",
}

# why a technique can be no part of a module of two
NO_PART = {
    "prompt_tuning": "a prompt stands in front of the host and wraps no site; `prefix_tuning` can be a part",
    PASSED_ON: "of peft's own types it is not known here whether they can wrap what another technique has wrapped",
    "hybrid": "a part is one technique",
}

# why modules cannot be trained and tested in quantised projections (int8, nf4); the others add to what these compute
NOT_QUANTISED = {
    "ia3": "it scales what projections read and compute, and does not add to it",
    "hybrid": "whether a part can wrap a quantised projection that another part has wrapped is not known here",
    PASSED_ON: "which of peft's own types can wrap quantised projections is not known here",
}


def method(name: str) -> Any:
    """The module of the technique ``name``, imported, and only that one.

    Raises:
        ValueError: no such technique; the message offers a near name.
    """
    return import_entry("technique", name, METHODS)


def method_of_type(peft_type: str) -> Any:
    """The technique behind the ``peft_type`` of an ``adapter_config.json``.

    Raises:
        ValueError: no technique of ours, and none that the pass-through offers; the message says why.
    """
    if peft_type in PEFT_TYPES:
        return method(PEFT_TYPES[peft_type])
    passed = method(PASSED_ON)
    if peft_type not in passed.offered():
        reason = f" ({passed.REFUSED[peft_type]})" if peft_type in passed.REFUSED else ""
        known = [*PEFT_TYPES, *passed.offered()]
        raise ValueError(unknown_name("technique of the peft_type", peft_type, dict.fromkeys(known)) + reason)
    return passed


def makes(name: str, peft_type: str) -> bool:
    """Whether modules of the technique ``name`` are of this ``peft_type``."""
    return method(name).refusal(peft_type) is None if name == PASSED_ON else PEFT_TYPES.get(peft_type) == name


def described_as(settings: JsonObject) -> str:
    """What the typology and notes call a technique: its method, or for one of peft's own its type in small letters."""
    if settings["method"] != PASSED_ON:
        return settings["method"]
    return "dora" if settings.get("use_dora") else settings["peft_type"].lower()


def note(settings: JsonObject) -> str | None:
    """What a module's card tells those who move it; None for nothing."""
    return NOTES.get(described_as(settings))


def settings_complaint(settings: TechniqueSettings) -> tuple[str, str] | None:
    """The first thing wrong with settings that fit the schema: key (empty: all) and message; None if nothing."""
    checks = settings.method in CHECKS and import_entry("check", settings.method, CHECKS)
    return checks.complaint(settings) if checks else None


def no_output(settings: TechniqueSettings) -> str | None:
    """Why what modules with these settings add to a host cannot be scaled; None where it can."""
    described = described_as(settings.as_json())
    return None if described == "lora" else NO_OUTPUT.get(settings.method, settings.no_output)


def spelled(name: Any) -> str:
    """How a study writes ``name`` where it is no method here but one of peft's own, or why it cannot; else empty."""
    return import_entry("check", PASSED_ON, CHECKS).spelled(str(name))


def brought(config: JsonObject) -> JsonObject:
    """What the config of an adapter of one of peft's own types says of its form, as settings without `names`.

    Raises:
        ValueError: such an adapter cannot be made here, and why.
    """
    return {"method": PASSED_ON} | import_entry("check", PASSED_ON, CHECKS).brought(config)
