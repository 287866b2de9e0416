"""peft's own techniques that wrap projections or layer norms: one pass-through for whatever peft's registry offers.

``{method: peft, peft_type: LOHA, r: 4}`` names a type and fields of its config class, which
``peftport.techniques.peft_fields`` checks. Formulas and papers are in peft's documentation of the class.

A type fits if its module is what is trained and nothing else: no part of the host in its file, nothing frozen that
cannot be drawn again, no step of its own in the training loop, no addition to the loss. ``REFUSED`` has the reasons of
those that do not. ``attach`` compares what peft trains with what it saves, so a type of a later peft that does not fit
is refused where it is first put into a host.

What moves, and what does not:

* A module holds the trained tensors only. Frozen random ones are drawn again from the seed in the settings, on the CPU
  (VERA, PVERA, RANDLORA: the projections; UNILORA, FOURIERFT, WAVEFT: which entries are trained). So all hosts of one
  shape have the same ones, and ``sampled`` does not touch them. torch does not promise equal draws between its
  versions, so such a module belongs to the torch version that its card names.
* LORA with ``use_dora`` starts its magnitudes at the norms of the host's weights. A ported magnitude is the source
  host's, trained.
* HIRA, DEFT, OFT, HRA and LORA with ``use_dora`` multiply the host's weights, so a ported module does something else
  in a target host even where its tensors are the same.
* LN_TUNING (Zhao et al., arXiv 2312.11420) trains copies of the host's own layer norms, which stand in their place: a
  ported module brings the source host's norms along, and a sampled one loses them. Norms at the end of a stack and
  behind the embeddings stay frozen. peft makes the copies in the host's number type: load the host in float32 to train
  them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from peft import PeftConfig, PeftType
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

from peftport.hosts.shape import site_counts
from peftport.hosts.sites import PROJECTIONS, Family
from peftport.registry import unknown_name
from peftport.techniques.settings import PeftSettings

TARGETS = ("q", "v")
NORMS = {"LN_TUNING": ("norm",)}
# fields that are the same in every study, where a type has them: frozen projections are drawn and not stored
FIXED = {"save_projection": False}
# it has the field `fan_in_fan_out` and fails on GPT-2's transposed projections all the same
NOT_TRANSPOSED = ("OFT",)

REFUSED = {
    "ADALORA": "it shares out its rank in a step of its own between training steps, and adds to the loss",
    "ADAMSS": "its file also holds frozen matrices made from the host's weights",
    "ADAPTION_PROMPT": "it knows only a few decoders",
    "BOFT": "it compiles code for the graphics card when it first runs",
    "CARTRIDGE": "it is a prefix with tokens that are never trained, for decoders only; use `method: prefix_tuning`",
    "CPT": "its prompt is made of the tokens of a text that it is given",
    "DELORA": "its file also holds norms of the host's weights",
    "FROD": "its frozen basis is made from the host's weights and lies in its file",
    "GLORA": "some of its tensors are never trained",
    "IA3": "it needs to be told which projections are scaled at their input; use `method: ia3`",
    "LILY": "its file holds shared tensors several times, so copies of one tensor could be drawn apart",
    "MULTITASK_PROMPT_TUNING": "it needs the number of the task with every example; use `method: prompt_tuning`",
    "OSF": "its tensors are the host's own singular vectors, as large as the host",
    "P_TUNING": "peft saves the prompt that its encoder made and not the encoder, so it cannot be trained further",
    "POLY": "it needs the number of the task with every example",
    "PREFIX_TUNING": "peft's reaches only the decoder of T5, and half of it is never trained; use "
    "`method: prefix_tuning`",
    "PROMPT_TUNING": "it is a prompt and wraps no site; use `method: prompt_tuning`",
    "PSOFT": "its frozen factors are singular vectors of the host, whose signs depend on the machine",
    "SHADOW": "it trains a small model beside the host and adds to the loss",
    "SHIRA": "its file also holds the places of its entries, which are no quantities to draw from a distribution",
    "SUPERTUNING": "its file also holds the places of its entries, which are no quantities to draw from a distribution",
    "TINYLORA": "its frozen factors are singular vectors of the host, whose signs depend on the machine",
    "TRAINABLE_TOKENS": "its tensors are rows of the host's embedding for tokens that it is given",
    "XLORA": "it mixes modules that are trained before",
}


def offered() -> list[str]:
    """The types of peft's registry that a study can name."""
    return [name for name in PeftType.__members__ if name not in REFUSED]


def refusal(peft_type: Any) -> str | None:
    """Why a study cannot name this type; None if it can."""
    if isinstance(peft_type, str) and peft_type in REFUSED:
        return f"peft's {peft_type} is not offered: {REFUSED[peft_type]}"
    if str(peft_type).upper() in offered():
        return None if peft_type in offered() else f"no peft_type `{peft_type}`. Did you mean `{peft_type.upper()}`?"
    return unknown_name("peft_type", peft_type, offered()).removesuffix(".")


def config_class(peft_type: str) -> type[PeftConfig]:
    """peft's config class of a type.

    Raises:
        ValueError: no type that is offered; the message has the reason or a near name.
    """
    if (reason := refusal(peft_type)) is not None:
        raise ValueError(reason)
    return PEFT_TYPE_TO_CONFIG_MAPPING[peft_type]


def peft_config(settings: PeftSettings, family: Family) -> PeftConfig:
    """peft's config for these settings in hosts of this family.

    Raises:
        ValueError: no type that is offered, the family has no such sites, or peft's class cannot wrap its transposed
            projections.
    """
    peft_type, fixed = settings.peft_type, dict(FIXED)
    kind = config_class(peft_type)
    known = {field.name for field in fields(kind)}
    if peft_type not in NOT_TRANSPOSED:
        fixed["fan_in_fan_out"] = family.transposed
    if family.transposed and peft_type not in NORMS and "fan_in_fan_out" not in fixed.keys() & known:
        raise ValueError(f"peft's {kind.__name__} does not know the transposed projections of {family.name!r} hosts")
    fixed = {name: value for name, value in fixed.items() if name in known}
    pattern = named(settings.names) if settings.names else family.pattern(site_kinds(settings, family))
    return kind(target_modules=pattern, **fixed, **settings.model_extra)


def named(names: Sequence[str]) -> str:
    """A regular expression that fully matches these names and no others: peft's ``target_modules``."""
    return "|".join(map(re.escape, names))


def site_kinds(settings: PeftSettings, family: Family) -> list[str]:
    """The kinds of sites wrapped: those of `names`, or `targets`; where both are null, queries and values, or norms.

    Raises:
        ValueError: one of `names` is no projection or layer norm of such a host.
    """
    if not settings.names:
        return _targets(settings)
    kinds = [kind for kind in (*PROJECTIONS, "norm") if kind in family.sites]
    return list(dict.fromkeys(family.kind(name, kinds) for name in settings.names))


def _targets(settings: PeftSettings) -> list[str]:
    return list(settings.targets or NORMS.get(settings.peft_type, TARGETS))


def expected_sites(settings: PeftSettings, shape: Mapping[str, int]) -> int:
    """Number of sites wrapped in a host of this shape."""
    if settings.names:
        return len(settings.names)
    counts = site_counts(shape)
    return sum(counts[kind] for kind in _targets(settings))
