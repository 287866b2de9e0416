"""The form of an adapter that somebody else made: as settings of a technique, so that fresh modules can be of it too.

What an adapter wraps is told by the names of its tensors, and ranks by their sizes; patterns of its config are only
asked for alphas, in bounded time (``peftport.adapters.targets``). Nothing that a stranger wrote is run.
"""

import math

import numpy as np

from peftport.adapters.config import AdapterConfig, normalised
from peftport.adapters.folder import Adapter, AdapterError, read_weights
from peftport.adapters.low_rank import LowRank, low_rank, spelled_out
from peftport.adapters.sites import WRAPPED, sites_of
from peftport.hosts.families.table import FAMILIES, family
from peftport.storage.cards import read_card
from peftport.storage.modules import CARD
from peftport.storage.provenance import JsonObject
from peftport.techniques.table import PASSED_ON, PEFT_TYPES

DOWN, UP = ".lora_A.weight", ".lora_B.weight"
LORA_TENSORS = (DOWN, UP, ".lora_magnitude_vector")
BEGAN_ELSEWHERE = ("pissa", "olora", "corda")  # what these trained counts from an initial state
SCALED = ".ia3_l"
IA3_KINDS = ("k", "v", "wo", "qkv")
OFFERED = ("LORA", "IA3", *PEFT_TYPES)
NOT_FORM = ("learning_rate", "source_steps")  # of a technique's settings


def form_of(adapter: Adapter, initial: Adapter | None = None) -> JsonObject:
    """The settings of a technique of which the adapter is a module: ``method`` and what belongs to it.

    Args:
        initial: the state in which a LoRA by PiSSA or OLoRA began.

    Raises:
        AdapterError: it is of a kind that cannot be trained or moved here; the message has every reason.
    """
    config = normalised(adapter)
    if initial is not None and not str(config.init_lora_weights).lower().startswith(BEGAN_ELSEWHERE):
        began = config.init_lora_weights
        raise AdapterError(f"{adapter.folder}: expected no initial state, its `init_lora_weights` is {began!r}")
    refused = [line for line in config.refused if initial is None or not line.startswith("init_lora_weights")]
    if config.peft_type not in OFFERED:
        refused.append(f"an adapter of type {config.peft_type} cannot be brought; expected one of {', '.join(OFFERED)}")
    if refused:
        raise AdapterError(f"{adapter.folder} cannot be taken:\n  " + "\n  ".join(dict.fromkeys(refused)))
    if config.peft_type == "LORA":
        return _lora(adapter, config, 1 if initial is None else 2)
    if config.peft_type == "IA3":
        return {"method": "ia3", "targets": _ia3_kinds(adapter)}
    return _prompt(adapter) if config.peft_type == "PROMPT_TUNING" else _of_ours(adapter, config)


def tensors_of(adapter: Adapter, initial: Adapter | None = None) -> dict[str, np.ndarray]:
    """The adapter's tensors as float32; with an initial state, what was trained since, as a LoRA of twice the rank.

    ``B A - B0 A0 = [B, -B0] [A; A0]``, as peft converts PiSSA (Meng et al., arXiv 2404.02948).

    Raises:
        AdapterError: tensors cannot be read, or the initial state is of another form.
    """
    tensors = read_weights(adapter)
    if initial is None:
        return tensors
    began = read_weights(initial)
    shapes, expected = ({name: one.shape for name, one in each.items()} for each in (began, tensors))
    if shapes != expected:
        raise AdapterError(f"{initial.folder}: expected the tensors of {adapter.folder}, in its initial state")
    return {
        name: np.concatenate(
            [one, began[name] if name.endswith(DOWN) else -began[name]], axis=int(not name.endswith(DOWN))
        )
        for name, one in tensors.items()
    }


def _lora(adapter: Adapter, config: AdapterConfig, times: int) -> JsonObject:
    """The settings of a LoRA; its ranks are ``times`` those of the files."""
    saved = [f".{part}." for part in config.modules_to_save]
    for name in adapter.tensors:
        if not name.endswith(LORA_TENSORS) and not any(part in name for part in saved):
            raise AdapterError(f"{adapter.folder}: expected tensors of a LoRA, got {name[:120]!r}")
    parts = low_rank(adapter, config, sites_of(adapter, config))
    if not parts:
        raise AdapterError(f"{adapter.folder}: no tensor is called {WRAPPED}<site>{DOWN}, so it wraps nothing")
    if config.alpha is None:
        raise AdapterError(f"{adapter.folder}: expected `lora_alpha`, by which its change is scaled; it says none")
    if times > 1:
        grown = math.sqrt(times) if config.use_rslora else times
        parts = {site: LowRank(part.rank * times, part.alpha * grown) for site, part in parts.items()}
    said = {field: value for field, value in spelled_out(parts).items() if value != {}}
    switches = {name: True for name in ("use_rslora", "use_dora") if getattr(config, name)}
    return {"method": PASSED_ON, "peft_type": "LORA", "names": sorted(parts)} | said | switches


def _ia3_kinds(adapter: Adapter) -> list[str]:
    sites = [name.removeprefix(WRAPPED).removesuffix(SCALED) for name in adapter.tensors if name.endswith(SCALED)]
    for known in map(family, FAMILIES):
        kinds = [kind for kind in IA3_KINDS if kind in known.sites]
        try:
            found = {known.kind(site, kinds) for site in sites}
        except ValueError:
            continue
        if found:
            return [kind for kind in kinds if kind in found]
    raise AdapterError(f"{adapter.folder}: scales no keys, values or inner activations of a family that is known here")


def _prompt(adapter: Adapter) -> JsonObject:
    prompts = [fact.shape for fact in adapter.tensors.values() if len(fact.shape) == 2]
    if len(prompts) != 1:
        raise AdapterError(f"{adapter.folder}: expected one tensor, a prompt, got {', '.join(adapter.tensors)[:200]}")
    return {"method": "prompt_tuning", "length": prompts[0][0]}


def _of_ours(adapter: Adapter, config: AdapterConfig) -> JsonObject:
    """The settings that peftport wrote beside a module of its own techniques."""
    try:
        settings = read_card(adapter.folder / CARD)["settings"]
    except (OSError, ValueError, KeyError) as error:
        raise AdapterError(
            f"{adapter.folder}: {config.peft_type} is a technique of peftport's own: expected its {CARD} beside it"
        ) from error
    form = {name: value for name, value in settings.items() if name not in NOT_FORM}
    return form | {"method": PEFT_TYPES[config.peft_type]}
