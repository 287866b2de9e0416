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
from peftport.adapters.targets import patterns_by_name
from peftport.hosts.families.table import FAMILIES, family
from peftport.storage.cards import read_card
from peftport.storage.modules import CARD
from peftport.storage.provenance import JsonObject
from peftport.techniques.table import PASSED_ON, PEFT_TYPES, brought

DOWN, UP = ".lora_A.weight", ".lora_B.weight"
LORA_TENSORS = (DOWN, UP, ".lora_magnitude_vector")
BEGAN_ELSEWHERE = ("pissa", "olora", "corda")  # what these trained counts from an initial state
SCALED = ".ia3_l"
IA3_KINDS = ("k", "v", "wo", "qkv")
PROMPTS = ("PROMPT_TUNING", "P_TUNING")  # peft keeps the prompt that P-tuning's encoder made, and not the encoder
NOT_BROUGHT = {
    "PREFIX_TUNING": "peft puts its prefix before the tokens, whose positions move by its length, and gives the prefix "
    "positions too; prefix tuning here does neither, so its answers would be others",
    "HYBRID": "it is two techniques in one module; `peftport.split_module` makes a plain one of each part",
}
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
    if config.peft_type in NOT_BROUGHT:
        refused.append(f"an adapter of type {config.peft_type} cannot be brought: {NOT_BROUGHT[config.peft_type]}")
    if refused:
        raise AdapterError(f"{adapter.folder} cannot be taken:\n  " + "\n  ".join(dict.fromkeys(refused)))
    if config.peft_type == "LORA":
        return _lora(adapter, config, 1 if initial is None else 2)
    if config.peft_type == "IA3":
        return {"method": "ia3", "targets": _ia3_kinds(adapter)}
    if config.peft_type in PROMPTS:
        return {"method": "prompt_tuning", "length": _length(adapter)}
    return _of_ours(adapter, config) if config.peft_type in PEFT_TYPES else _passed_on(adapter, config)


def tensors_of(adapter: Adapter, initial: Adapter | None = None) -> dict[str, np.ndarray]:
    """The adapter's tensors as float32; with an initial state, what was trained since, as a LoRA of twice the rank.

    ``B A - B0 A0 = [B, -B0] [A; A0]``, as peft converts PiSSA (Meng et al., arXiv 2404.02948).

    Raises:
        AdapterError: tensors cannot be read, or the initial state is of another form.
    """
    tensors = read_weights(adapter)
    if adapter.config.get("peft_type") in PROMPTS:  # behind its tokens peft keeps as many for a decoder, and uses none
        return {name: tensor[: _length(adapter)] for name, tensor in tensors.items()}
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


def _length(adapter: Adapter) -> int:
    """How many tokens a prompt has."""
    prompts = [fact.shape for fact in adapter.tensors.values() if len(fact.shape) == 2]
    if len(prompts) != 1:
        raise AdapterError(f"{adapter.folder}: expected one tensor, a prompt, got {', '.join(adapter.tensors)[:200]}")
    said, rows = adapter.config.get("num_virtual_tokens"), prompts[0][0]
    if type(said) is not int or not 1 <= said <= rows:
        raise AdapterError(f"{adapter.folder}: expected `num_virtual_tokens` of 1 to {rows}, got {str(said)[:80]}")
    return said


def _passed_on(adapter: Adapter, config: AdapterConfig) -> JsonObject:
    """The settings of one of peft's own types, at the sites that the file has tensors for."""
    try:
        form, sites = brought(adapter.config), sites_of(adapter, config)
    except ValueError as error:
        raise AdapterError(f"{adapter.folder} cannot be taken: {error}") from error
    names = sorted(sites.tensors)
    if not names:
        raise AdapterError(f"{adapter.folder}: none of its tensors is one of a {config.peft_type}, so it wraps nothing")
    meant = {field: patterns for field, patterns in patterns_by_name(config, names).items() if patterns}
    return form | meant | {"names": names}


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
