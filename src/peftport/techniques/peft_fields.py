"""Which fields of peft's config classes a study may set, and to what: checked before any job starts.

Names and types are peft's own, read from its config classes, and peft's class has the last word on how values go
together. No file is read and nothing is fetched here or later: fields that could ask for that are refused.
"""

import enum
import math
import types
import typing
from dataclasses import MISSING, fields
from typing import Any

from peft import PeftConfig

from peftport.registry import unknown_name
from peftport.storage.provenance import JsonObject
from peftport.techniques.from_peft import FIXED, NORMS, REFUSED, config_class, offered, refusal
from peftport.techniques.settings import PeftSettings

SITES = "which sites are wrapped is said by `targets`"
FILE = "it changes what lies in the module's file"
PEFTPORT = "peftport decides it"
CODE = "it names files, code or a repository, and nothing is fetched or run for a config"
NOT_A_STUDY_S = {
    **dict.fromkeys(("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"), SITES),
    **dict.fromkeys(("target_parameters", "layer_replication"), SITES),
    **dict.fromkeys(("base_model_name_or_path", "revision", "auto_mapping", "megatron_core", "megatron_config"), CODE),
    **dict.fromkeys(("inference_mode", "task_type", "peft_version", "fan_in_fan_out", "runtime_config"), PEFTPORT),
    **dict.fromkeys(("save_indices", "save_only_topk_weights", *FIXED), FILE),
    **dict.fromkeys(
        ("bias", "modules_to_save", "trainable_token_indices", "lora_bias"), "it trains more than the update"
    ),
    "use_qalora": "it needs a quantised host, on a GPU",
    "sample_at_inference": "the same test would give something else each time",
    "generator_seed": "what is drawn in training follows from the seed of the run",
}
# these values only: the others start from the host's weights or from data
ONLY = {"init_lora_weights": (True, False)}
# may be 0 where peft's default is above it: then the other of two sizes counts
MAY_BE_NOTHING = ("oft_block_size",)
SEEDS = ("seed", "prng_key")
ANY_NUMBER = ("lora_alpha",)  # peft says a whole number, and computes with any
# of an adapter: told by the names, sizes and values of its tensors
TOLD_BY_TENSORS = ("peft_type", "modules_to_save", "rank_pattern", "alpha_pattern", *FIXED)
BY_NAME = ("rank_pattern", "alpha_pattern")  # what a study may set beside `names`
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "null"}

Complaint = tuple[str, str]


def complaint(settings: PeftSettings) -> Complaint | None:
    """The first thing wrong with the settings of a technique ``{method: peft, ...}``: key and message; None if nothing.

    An empty key means the settings as a whole.
    """
    peft_type = settings.peft_type
    if (reason := refusal(peft_type)) is not None:
        return "peft_type", reason if reason.endswith("?") else f"{reason}."
    if peft_type in NORMS and settings.targets is not None:
        return "targets", f"{peft_type} wraps layer norms and no projections: leave `targets` out."
    kind, chosen = config_class(peft_type), settings.model_extra
    if settings.names and settings.targets:
        return "names", "expected `names` or `targets`, not both."
    for name, value in chosen.items():
        if name in BY_NAME and settings.names:
            if not _of_names(value):
                return name, f"expected names to whole numbers above 0, got {value!r}."
            continue
        if name in ANY_NUMBER and type(value) is float and math.isfinite(value) and value > 0:
            continue
        if (message := _of_field(kind, name, value)) is not None:
            return name, message
    try:
        kind(target_modules="", **chosen)
    except (TypeError, ValueError) as error:
        return "", f"peft's {kind.__name__} refuses it: {error}"
    return None


def brought(config: JsonObject) -> JsonObject:
    """What an adapter's config says of its form, as settings of the pass-through without `names`.

    Fields at peft's defaults are left out, and so are those that say which sites there are and what belongs to files.

    Raises:
        ValueError: the type is not offered, or a field is set that a study cannot set.
    """
    kind = config_class(str(config.get("peft_type")))
    allowed, settings = settable(kind), {"peft_type": config["peft_type"]}
    for field in fields(kind):
        usual = field.default if field.default_factory is MISSING else field.default_factory()
        value = config.get(field.name, usual)
        if field.name in TOLD_BY_TENSORS or NOT_A_STUDY_S.get(field.name) in (SITES, PEFTPORT, CODE) or value == usual:
            continue
        if field.name not in allowed:
            why = NOT_A_STUDY_S.get(field.name, "it takes more than a number or a word")
            raise ValueError(f"{field.name} is {str(value)[:80]}: {why}")
        settings[field.name] = value
    return settings


def spelled(name: str) -> str:
    """How a study writes the type ``name`` of peft, or why it cannot; empty for what peft does not have."""
    if name.upper() in REFUSED:
        return f"{refusal(name.upper())}."
    fields_of = {"DORA": "LORA, use_dora: true"} | {kind: kind for kind in offered()}
    said = fields_of.get(name.upper())
    return f"no method `{name}`, it is one of peft's own: write `{{method: peft, peft_type: {said}}}`." if said else ""


def settable(kind: type[PeftConfig]) -> dict[str, Any]:
    """Name to type of the fields of a config class that a study may set."""
    hints = typing.get_type_hints(kind)
    names = [field.name for field in fields(kind) if field.name not in {*NOT_A_STUDY_S, "peft_type"}]
    return {name: hints[name] for name in names if _plain(hints[name])}


def _of_field(kind: type[PeftConfig], name: str, value: Any) -> str | None:
    """What is wrong with one field; None if nothing."""
    if name in NOT_A_STUDY_S:
        return f"a study cannot set peft's `{name}`: {NOT_A_STUDY_S[name]}."
    allowed, known = settable(kind), {field.name: field for field in fields(kind)}
    if name not in known:
        return unknown_name(f"field of peft's {kind.__name__}", name, allowed)
    if name not in allowed:
        return f"a study cannot set peft's `{name}`: it takes more than a number or a word."
    if name in ONLY and not any(value is one for one in ONLY[name]):
        return f"expected true or false, got {value!r}: other values start from the host's weights or from data."
    if not _fits(value, allowed[name]):
        return f"expected {_said(allowed[name])}, got {value!r}."
    return _of_size(name, value, known[name].default)


def _of_names(value: Any) -> bool:
    return isinstance(value, dict) and all(type(size) in (int, float) and size > 0 for size in value.values())


def _of_size(name: str, value: Any, default: Any) -> str | None:
    """What is wrong with a number: as small as peft's default may be, a dropout below 1, a seed that is given."""
    if any(part in name for part in SEEDS):
        return None if value is not None and value >= 0 else f"expected a seed of at least 0, got {value!r}."
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if "dropout" in name:
        return None if 0 <= value < 1 else f"expected a share of at least 0 and below 1, got {value!r}."
    if default is MISSING or default is None or isinstance(default, bool) or not isinstance(default, int | float):
        return None
    if default > 0 and name not in MAY_BE_NOTHING:
        return None if value > 0 else f"expected more than 0, got {value!r}."
    return None if default < 0 or value >= 0 else f"expected at least 0, got {value!r}."


def _parts(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a type."""
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def _plain(hint: Any) -> bool:
    """Whether all that a type takes is a number, a word, true, false or null."""
    return all(
        part in WORDS
        or typing.get_origin(part) is typing.Literal
        or (isinstance(part, type) and issubclass(part, enum.Enum))
        for part in _parts(hint)
    )


def _words(part: Any) -> tuple[Any, ...]:
    """The values of a type that lists them."""
    return typing.get_args(part) or tuple(one.value for one in part)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of this type, without conversion; a list of words counts more than `text`."""
    listed = [part for part in _parts(hint) if part not in WORDS]
    for part in _parts(hint):
        if part is float and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return True
        if part in WORDS and type(value) is part and not (part is str and listed) and part is not float:
            return True
        if part in listed and any(type(value) is type(word) and value == word for word in _words(part)):
            return True
    return False


def _said(hint: Any) -> str:
    listed = [part for part in _parts(hint) if part not in WORDS]
    words = [f"`{word}`" for part in listed for word in _words(part)]
    return " or ".join([WORDS[part] for part in _parts(hint) if part in WORDS and not (part is str and listed)] + words)
