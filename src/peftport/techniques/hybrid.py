"""Two techniques in one module, by a tuner of our own; peft holds modules of one type in a host.

Formula: each part's own. At a site that both wrap, the outer part reads what the host and the inner part compute: with
LoRA and (IA)3 ``l * (W x + (alpha / rank) B A x)``. The order of wrapping is fixed (``MARKS`` of
``peftport.storage.module_parts``), whatever the order in the settings.

Parameters: the sum of the parts'.

One peft directory holds the module. Its config has the parts' configs under ``parts``; its tensors have the names that
they have in a module of the part alone, so that ``split_module`` of ``peftport.storage.module_parts`` makes plain
modules of them.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from peft import PeftConfig
from peft.mapping import PEFT_TYPE_TO_TUNER_MAPPING
from peft.tuners.tuners_utils import BaseTuner, BaseTunerLayer
from peft.utils.other import set_additional_trainable_modules
from torch import nn

from peftport.hosts.sites import Family
from peftport.storage.module_parts import HYBRID, MARKS, parts_of
from peftport.storage.provenance import JsonObject
from peftport.techniques.base import SiteConfig, SiteTuner, register
from peftport.techniques.plain_config import plain
from peftport.techniques.settings import HybridSettings, TechniqueSettings
from peftport.techniques.table import method, method_of_type

WRAPPED = ".base_layer"


@dataclass
class HybridConfig(SiteConfig):
    """peft config of two techniques: method to the part's own config, as plain JSON values."""

    PEFT_TYPE = HYBRID
    parts: dict[str, JsonObject] = field(default_factory=dict)


class HybridTuner(SiteTuner):
    """peft tuner of two techniques: it lets the parts' own tuners wrap their sites, one after the other."""

    prefix = "hybrid_"
    tuner_layer_cls = BaseTunerLayer
    uses_shared_state = True

    def inject_adapter(self, model: nn.Module, adapter_name: str, *args: Any, **kwargs: Any) -> None:
        config = self.peft_config[adapter_name]
        first = not hasattr(self, "_tuners")
        if first:
            self._tuners: dict[str, BaseTuner] = {}
        for name, part in part_configs(config).items():
            if first:
                self._tuners[name] = PEFT_TYPE_TO_TUNER_MAPPING[part.peft_type](
                    model, {adapter_name: part}, adapter_name
                )
                del model.peft_config  # the next tuner would take it for its own
            else:
                self._add(name, part, adapter_name)
        for tuner in self._tuners.values():
            for name in getattr(tuner, "shared_names", ()):
                setattr(self, name, getattr(tuner, name))
        self.shared_names = tuple(n for t in self._tuners.values() for n in getattr(t, "shared_names", ()))
        self.targeted_module_names = [n for tuner in self._tuners.values() for n in tuner.targeted_module_names]
        self.set_adapter(self.active_adapters, inference_mode=config.inference_mode)
        set_additional_trainable_modules(
            model=model,
            peft_config=config,
            model_config=BaseTuner.get_model_config(self),
            adapter_name=adapter_name,
            activate_adapter=adapter_name in self.active_adapters,
        )

    def _add(self, name: str, part: PeftConfig, adapter: str) -> None:
        """A further module in the layers that the part has; their names now hold those of other parts' layers."""
        tuner = self._tuners[name]
        tuner.peft_config[adapter] = part
        for site, layer in list(self.model.named_modules()):
            if isinstance(layer, tuner.tuner_layer_cls):
                owner, _, child = site.rpartition(".")
                parent, key = self.model.get_submodule(owner), site.replace(WRAPPED, "")
                tuner._create_and_replace(part, adapter, layer, child, parent, current_key=key)

    def _unload_and_optionally_merge(self, merge: bool = True, *args: Any, **kwargs: Any) -> nn.Module:
        """Put the host's own submodules back, inner ones first: layers of one part may stand inside the other's."""
        for site, layer in reversed(list(self.model.named_modules())):
            if isinstance(layer, BaseTunerLayer):
                if merge:
                    layer.merge(safe_merge=kwargs.get("safe_merge", False), adapter_names=kwargs.get("adapter_names"))
                self.model.set_submodule(site, layer.get_base_layer())
        for tuner in self._tuners.values():
            tuner.unload()  # finds no layers; a prefix also takes its attention back
        return self.model

    @classmethod
    def _remove_adapter_name_from_key(cls, key: str, adapter_name: str) -> str:
        """The tensor's name in a module of its part alone."""
        return super()._remove_adapter_name_from_key(key, adapter_name).replace(WRAPPED, "")


def part_configs(config: HybridConfig) -> dict[str, PeftConfig]:
    """Methods to peft's configs of the parts, innermost first.

    Raises:
        ValueError: the config's parts are no parts, or a part is of another type than its name says.
    """
    found = {}
    for name, part in parts_of(config.to_dict()).items():
        if method_of_type(str(part.get("peft_type"))) is not method(name):
            raise ValueError(f"the part {name} is of type {part.get('peft_type')}")
        found[name] = PeftConfig.from_peft_type(**copy.deepcopy(part) | {"inference_mode": config.inference_mode})
    return found


def _parts(settings: HybridSettings) -> dict[str, TechniqueSettings]:
    """Methods to settings of the parts, innermost first."""
    given = {name: getattr(settings.parts, name) for name in MARKS}
    return {name: part for name, part in given.items() if part is not None}


def peft_config(settings: HybridSettings, family: Family) -> HybridConfig:
    """peft's config for these settings in hosts of this family.

    Raises:
        ValueError: the family has no such sites for a part.
    """
    parts = {name: plain(method(name).peft_config(part, family)) for name, part in _parts(settings).items()}
    return HybridConfig(target_modules="|".join(part["target_modules"] for part in parts.values()), parts=parts)


def site_kinds(settings: HybridSettings, family: Family) -> list[str]:
    """The kinds of sites wrapped; one that both parts wrap stands twice."""
    return [kind for name, part in _parts(settings).items() for kind in method(name).site_kinds(part, family)]


def expected_sites(settings: HybridSettings, shape: Mapping[str, int]) -> int:
    """Number of sites wrapped in a host of this shape; one that both parts wrap counts twice."""
    return sum(method(name).expected_sites(part, shape) for name, part in _parts(settings).items())


def parameter_count(settings: HybridSettings, shape: Mapping[str, int]) -> int:
    """Exact number of trainable parameters."""
    return sum(method(name).parameter_count(part, shape) for name, part in _parts(settings).items())


register(HybridConfig, HybridTuner)
