"""What an ``adapter_config.json`` says, in one form whatever version of peft wrote it.

A field that the installed peft does not know is *ignored* where its value switches nothing on (null, false, empty,
zero, "none"; or it belongs to a switch that is off), and *refused* where it could change what the adapter computes.
Fields that peft knows and with which an adapter is more than what it adds at its sites are refused by name. Nothing is
raised for those: a reader gets all of them at once, in ``AdapterConfig.refused``.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from peftport.adapters.folder import Adapter, AdapterError
from peftport.adapters.known_fields import KnownFields, known_fields
from peftport.registry import did_you_mean
from peftport.storage.modules import CONFIG
from peftport.storage.provenance import JsonObject
from peftport.techniques.table import PEFT_TYPES

# harmless values of fields that may not be set, and what they do
OFF: dict[str, tuple[tuple[Any, ...], str]] = {
    "bias": (("none", None), "it brings biases that stand in place of the host's own"),
    "layer_replication": ((None, []), "it repeats layers of the host"),
    "trainable_token_indices": ((None, [], {}), "it brings rows of the host's embedding"),
    "target_parameters": ((None, []), "it wraps parameters that are no modules, as of experts"),
    "alora_invocation_tokens": ((None, []), "it begins to work at tokens of its own host's tokenizer"),
    "use_qalora": ((None, False), "it belongs to a quantised host"),
    "use_bdlora": ((None, False, {}), "its matrices are kept in blocks"),
    "arrow_config": ((None, {}), "it takes its answers from several adapters"),
    "kasa_config": ((None, {}), "it changes the host's weights when it is loaded"),
    "monteclora_config": ((None, {}), "it draws what it adds"),
    "megatron_config": ((None, {}), "it belongs to a host of Megatron"),
}
# initialisations that change the host's weights: what they trained is relative to the changed weights
CHANGES_THE_HOST = ("pissa", "olora", "corda", "loftq", "lora_ga")
CONVERT = "save it with `path_initial_model_for_weight_conversion`, which writes plain LoRA"
# what is left out or set when peft is given the config: these fields would read or fetch what they name
TO_LOAD: JsonObject = {
    **{"prompt_tuning_init": "RANDOM", "prompt_tuning_init_text": None, "tokenizer_name_or_path": None},
    **{"base_model_name_or_path": None, "revision": None, "auto_mapping": None, "tokenizer_kwargs": None},
    **{"inference_mode": True},
}


@dataclass(frozen=True)
class AdapterConfig:
    """What an adapter says of itself.

    Attributes:
        peft_type: peft's name of the technique.
        prompt: whether it adds tokens and wraps no site.
        task_type: peft's task type, if it says one.
        base: name or path of the host it was trained in, if it says one.
        revision: of that host.
        peft_version: that wrote it.
        rank, alpha: of low-rank types; None where the type has none.
        rank_pattern, alpha_pattern: other ranks and alphas by pattern of the site's name.
        target_modules, exclude_modules: a pattern, names, or None where it says none.
        layers_to_transform: indices of layers; None for all.
        layers_pattern: names of what holds the layers.
        modules_to_save: submodules of the host that it brings whole.
        init_lora_weights: how it began.
        ignored: names of fields that the installed peft does not know and that switch nothing on.
        refused: what cannot be moved or loaded, a sentence for each.
    """

    peft_type: str
    prompt: bool
    task_type: str | None
    base: str | None
    revision: str | None
    peft_version: str | None
    rank: int | None
    alpha: float | None
    rank_pattern: Mapping[str, int]
    alpha_pattern: Mapping[str, float]
    use_rslora: bool
    use_dora: bool
    bias: str
    fan_in_fan_out: bool
    target_modules: str | tuple[str, ...] | None
    exclude_modules: str | tuple[str, ...] | None
    layers_to_transform: tuple[int, ...] | None
    layers_pattern: tuple[str, ...]
    modules_to_save: tuple[str, ...]
    init_lora_weights: bool | str
    ignored: tuple[str, ...]
    refused: tuple[str, ...]

    def scale(self, rank: int, alpha: float) -> float:
        """What the product of a low-rank pair is multiplied by; rsLoRA (arXiv 2312.03732) divides by the root."""
        return alpha / (math.sqrt(rank) if self.use_rslora else rank)


def normalised(adapter: Adapter) -> AdapterConfig:
    """The config of an adapter in one form.

    Raises:
        AdapterError: a field has a value of another type than peft gives it.
    """
    said = _Fields(adapter)
    peft_type = said.text("peft_type")
    if peft_type is None:
        raise AdapterError(f"{said.path}: expected `peft_type`, such as LORA; it says none")
    known = known_fields(peft_type)
    ignored, strange = _unknown_fields(adapter.config, known)
    refused = [*_of_type(peft_type, known), *strange, *_switched_on(adapter.config)]
    return AdapterConfig(
        peft_type=peft_type,
        prompt=bool(known and known.prompt) or PEFT_TYPES.get(peft_type) == "prefix_tuning",
        task_type=said.text("task_type"),
        base=said.text("base_model_name_or_path"),
        revision=said.text("revision"),
        peft_version=said.text("peft_version"),
        rank=None if peft_type != "LORA" and adapter.config.get("r") == 0 else said.whole("r"),  # OFT has blocks
        alpha=said.number("lora_alpha"),
        rank_pattern=said.mapping("rank_pattern", _is_size, "a rank of at least 1"),
        alpha_pattern=said.mapping("alpha_pattern", _is_number, "a number"),
        use_rslora=said.switch("use_rslora"),
        use_dora=said.switch("use_dora"),
        bias=said.text("bias") or "none",
        fan_in_fan_out=said.switch("fan_in_fan_out"),
        target_modules=said.names_or_pattern("target_modules"),
        exclude_modules=said.names_or_pattern("exclude_modules"),
        layers_to_transform=said.indices("layers_to_transform"),
        layers_pattern=said.names("layers_pattern"),
        modules_to_save=said.names("modules_to_save"),
        init_lora_weights=said.get("init_lora_weights", (bool, str), "true, false or a name", True),
        ignored=tuple(ignored),
        refused=tuple(refused),
    )


def config_to_load(adapter: Adapter) -> JsonObject:
    """The config with which peft loads the adapter and fetches nothing: what it cannot know or would read is left out.

    ``init_lora_weights`` that is only a beginning becomes peft's usual one: the tensors are overwritten anyway.
    """
    config = adapter.config
    ignored, _ = _unknown_fields(config, known_fields(str(config.get("peft_type"))))
    kept = {name: value for name, value in config.items() if name not in ignored}
    usual = {"init_lora_weights": True} if "init_lora_weights" in kept and not _changes_the_host(kept) else {}
    return kept | {name: value for name, value in TO_LOAD.items() if name in kept} | usual


def _of_type(peft_type: str, known: KnownFields | None) -> list[str]:
    if known is None and peft_type not in PEFT_TYPES:
        near = did_you_mean(peft_type, PEFT_TYPES)
        return [f"peft_type is {peft_type[:80]}: neither the installed peft nor peftport has such a type.{near}"]
    return []


def _unknown_fields(config: JsonObject, known: KnownFields | None) -> tuple[list[str], list[str]]:
    """Fields that the installed peft does not know: the names of those that are ignored, sentences on the others."""
    strange = sorted(set(config) - known.names) if known else []
    off = [name for name in strange if _switches_nothing_on(config[name])]
    stems = tuple(f"{name.removeprefix('use_')}_" for name in off if name.startswith("use_"))
    ignored = [name for name in strange if name in off or (stems and name.startswith(stems))]
    version = known.peft_version if known else ""
    return ignored, [
        f"{name[:80]} is {str(config[name])[:80]!r}: the installed peft {version} does not know this field, and it "
        "could change what the adapter computes"
        for name in strange
        if name not in ignored
    ]


def _switches_nothing_on(value: Any) -> bool:
    return value in (None, False, 0, "", "none") or value in ([], {})


def _switched_on(config: JsonObject) -> list[str]:
    lines = [
        f"{name} is {str(config[name])[:80]}: {what}"
        for name, (harmless, what) in OFF.items()
        if name in config and config[name] not in harmless
    ]
    if _changes_the_host(config):
        began = config["init_lora_weights"]
        lines.append(f"init_lora_weights is {str(began)[:80]}: it changed the weights of its host; {CONVERT}")
    return lines


def _changes_the_host(config: JsonObject) -> bool:
    began = config.get("init_lora_weights")
    return isinstance(began, str) and began.lower().startswith(CHANGES_THE_HOST)


def _is_size(value: Any) -> bool:
    return type(value) is int and 1 <= value < 2**31


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


class _Fields:
    """The fields of one config, each read as what peft gives it."""

    def __init__(self, adapter: Adapter) -> None:
        self.config, self.path = adapter.config, adapter.folder / CONFIG

    def get(self, name: str, kinds: tuple[type, ...], expected: str, default: Any = None) -> Any:
        value = self.config.get(name)
        if value is None:
            return default
        if type(value) not in kinds:
            raise self.wrong(name, expected)
        return value

    def wrong(self, name: str, expected: str) -> AdapterError:
        return AdapterError(f"{self.path}: expected {expected} for `{name}`, got {str(self.config[name])[:80]!r}")

    def text(self, name: str) -> str | None:
        return self.get(name, (str,), "text") or None

    def switch(self, name: str) -> bool:
        return self.get(name, (bool,), "true or false", False)

    def whole(self, name: str) -> int | None:
        value = self.get(name, (int,), "a whole number")
        if value is not None and not _is_size(value):
            raise self.wrong(name, "a rank of at least 1")
        return value

    def number(self, name: str) -> float | None:
        value = self.get(name, (int, float), "a number")
        if value is not None and not _is_number(value):
            raise self.wrong(name, "a finite number")
        return value

    def mapping(self, name: str, fits: Callable[[Any], bool], expected: str) -> JsonObject:
        value = self.get(name, (dict,), "a mapping", {})
        if not all(map(fits, value.values())):
            raise self.wrong(name, f"{expected} for each pattern")
        return value

    def names(self, name: str) -> tuple[str, ...]:
        value = self.get(name, (str, list), "a list of names", [])
        names = [value] if isinstance(value, str) else value
        if not all(isinstance(one, str) for one in names):
            raise self.wrong(name, "a list of names")
        return tuple(names)

    def names_or_pattern(self, name: str) -> str | tuple[str, ...] | None:
        value = self.config.get(name)
        if value is None or isinstance(value, str):
            return value
        return self.names(name)

    def indices(self, name: str) -> tuple[int, ...] | None:
        value = self.get(name, (int, list), "indices of layers")
        if value is None or value == []:
            return None
        listed = [value] if isinstance(value, int) else value
        if not all(type(one) is int for one in listed):
            raise self.wrong(name, "indices of layers")
        return tuple(listed)
