"""Putting modules into hosts and taking them out, the same way for every technique.

peft's own route differs by technique (prompt learning cannot be trained further after loading; a prefix loses its
reparameterisation), so here a module always enters as a fresh one whose tensors are then overwritten.
"""

import re
from collections.abc import Mapping

import numpy as np
import torch
from peft import PeftConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers import PreTrainedModel

from peftport.hosts.families.table import family
from peftport.hosts.shape import host_shape
from peftport.hosts.sites import Family
from peftport.injection.head import Head, config_with, fresh_tensors, saved_parts, take_off, with_task
from peftport.injection.validate import admit
from peftport.seeds import derive
from peftport.storage.modules import Module
from peftport.storage.provenance import JsonObject
from peftport.techniques.plain_config import plain
from peftport.techniques.settings import technique_settings
from peftport.techniques.table import method

SHOWN = 5
# what peft and torch raise where sizes, sites or values of a config do not go together
UNFIT = (ValueError, TypeError, RuntimeError, AttributeError, KeyError, ArithmeticError)


def attach(
    host: PreTrainedModel,
    method_name: str,
    settings: JsonObject,
    *,
    seed: int | None = None,
    trainable: bool = True,
    head: Head | None = None,
) -> PeftModel:
    """Put a fresh module into ``host``, which is changed in place (``detach`` undoes it).

    Args:
        host: a bare host of a known family.
        method_name: a technique of ``peftport.techniques.table``.
        settings: its settings as plain JSON values; what is not given is the technique's default.
        seed: the initialisation's only source; None for a module whose tensors will be overwritten. The global
            generators are left as they were.
        trainable: whether the module's parameters ask for gradients. The host's never do.
        head: of a host with a classification head, what of it belongs to the module.

    Raises:
        ValueError: unknown technique or family, a setting is unknown or does not suit the host, the host has a module
            already, it lacks sites (the message names them), or the module has another number of sites or parameters
            than it must have.
    """
    technique, shape = method(method_name), host_shape(host.config)
    kind, chosen = with_task(family(host.config.model_type), head), technique_settings(method_name, settings)
    config = config_with(technique.peft_config(chosen, kind), head)
    wanted, drawn = {"sites": technique.expected_sites(chosen, shape)}, fresh_tensors(host, head, config, seed or 0)
    if hasattr(technique, "parameter_count"):
        own = sum(tensor.size for tensor in drawn.values())
        wanted["parameters"] = technique.parameter_count(chosen, shape) + own
    name = settings.get("peft_type", method_name)
    _check_bare(host)
    _check_sites(host, kind, technique.site_kinds(chosen, kind))
    try:
        model = _wrap(host, config, derive(seed or 0, "initialise"), trainable)
    except UNFIT as error:
        _unwrap(host)
        raise ValueError(f"{name} cannot be put into this host: {error}") from error
    found = {
        "sites": len(getattr(model.base_model, "targeted_module_names", [])),
        "parameters": sum(tensor.numel() for tensor in _state(model).values()),
    }
    if "parameters" not in wanted:  # what peft trains must be what it saves
        trained = sum(tensor.numel() for tensor in trainable_parameters(model).values())
        wanted["parameters"] = trained if trainable else found["parameters"]
    if wanted != found:
        detach(model)
        raise ValueError(f"{name} in this host must have {wanted}, but it has {found}")
    if drawn:
        load_tensors(model, module_tensors(model) | drawn)
    return model


def attach_module(host: PreTrainedModel, module: Module, trainable: bool = True) -> PeftModel:
    """Put an existing module into ``host``, which is changed in place (``detach`` undoes it).

    Works for every technique, prompt learning included, and the result can be trained further.

    Raises:
        ValueError: the module is not admitted (``peftport.injection.validate``), the host has a module already, or
            its tensors are not the module's; the message lists missing, extra and mis-shaped ones, and the host is
            bare again.
    """
    config = admit(module, host)
    _check_bare(host)
    try:
        model = _wrap(host, config, derive(0, "initialise"), trainable)
    except UNFIT as error:
        _unwrap(host)
        raise ValueError(f"the module does not fit this host: {error}; it has {_some(list(module.tensors))}") from error
    try:
        load_tensors(model, module.tensors)
    except ValueError:
        detach(model)
        raise
    return model


def detach(model: PeftModel) -> PreTrainedModel:
    """Take the module out and return the bare host."""
    take_off(model.get_base_model())  # before peft looks for layers to unload, which it would also find in a head
    if model.active_peft_config.is_prompt_learning:
        return model.get_base_model()
    return model.unload()


def module_tensors(model: PeftModel) -> dict[str, np.ndarray]:
    """The module's tensors under peft's names, in the order of their names: float32 copies, nothing of the host."""
    return {
        name: tensor.detach().to("cpu", torch.float32, copy=True).numpy()
        for name, tensor in sorted(_state(model).items())
    }


def load_tensors(model: PeftModel, tensors: Mapping[str, np.ndarray]) -> None:
    """Overwrite the module's parameters in place.

    Raises:
        ValueError: names or shapes differ; the message lists missing, extra and mis-shaped tensors, and nothing is
            overwritten.
    """
    here = {name: tuple(tensor.shape) for name, tensor in _state(model).items()}
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    differences = {
        "missing": sorted(here.keys() - given.keys()),
        "extra": sorted(given.keys() - here.keys()),
        "mis-shaped": [
            f"{name} ({given[name]}, the host needs {here[name]})"
            for name in sorted(here.keys() & given.keys())
            if here[name] != given[name]
        ],
    }
    if complaints := [f"{what} {_some(names)}" for what, names in differences.items() if names]:
        raise ValueError(f"the module does not fit this host: {'; '.join(complaints)}")
    state = {name: torch.from_numpy(np.array(tensor, dtype=np.float32)) for name, tensor in tensors.items()}
    set_peft_model_state_dict(model, state)


def config_dict(model: PeftModel, host_name: str | None = None) -> JsonObject:
    """What goes into ``adapter_config.json``: equal for equal modules in every process, and without machine paths.

    Args:
        host_name: the host's name for ``base_model_name_or_path``, if it should be there.
    """
    fields = plain(model.active_peft_config, host_name)
    return fields | ({"modules_to_save": saved_parts(model)} if fields.get("modules_to_save") else {})


def trainable_parameters(model: PeftModel) -> dict[str, nn.Parameter]:
    """Parameters that ask for gradients, under the names that ``torch.func.functional_call`` takes."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)}: {', '.join(names[:SHOWN])}{more}"


def _wrap(host: PreTrainedModel, config: PeftConfig, seed: int, trainable: bool) -> PeftModel:
    config.inference_mode = not trainable
    config.base_model_name_or_path = None
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        model = get_peft_model(host, config)
    if not trainable:  # peft freezes tuners in inference mode, but no prompts
        for parameter in trainable_parameters(model).values():
            parameter.requires_grad_(False)
    return model


def _unwrap(host: PreTrainedModel) -> None:
    """Make a host bare again that peft was stopped at wrapping."""
    for name, layer in reversed(list(host.named_modules())):  # layers of one part may stand inside those of another
        if isinstance(layer, BaseTunerLayer):
            host.set_submodule(name, layer.get_base_layer())
    take_off(host)
    if hasattr(host, "peft_config"):
        del host.peft_config


def _state(model: PeftModel) -> dict[str, torch.Tensor]:
    # without save_embedding_layers=False peft asks the Hub about the host
    return get_peft_model_state_dict(model, save_embedding_layers=False)


def _check_bare(host: PreTrainedModel) -> None:
    if isinstance(host, PeftModel) or any(isinstance(part, BaseTunerLayer) for part in host.modules()):
        raise ValueError("the host has a module already; detach it first")


def _check_sites(host: PreTrainedModel, kind: Family, kinds: list[str]) -> None:
    """Raise ValueError naming the sites of these kinds that the host should have and has not."""
    pattern = re.compile(kind.pattern(kinds))
    there = [name for name, _ in host.named_modules() if pattern.fullmatch(name)]
    missing = [
        name
        for name in kind.names(kinds, host_shape(host.config))
        if not any(present == name or present.endswith(f".{name}") for present in there)
    ]
    if missing:
        raise ValueError(f"this {kind.name} host lacks sites, {_some(missing)}")
