"""What our own techniques share: registration with peft, and one layout of parameters.

Every trainable tensor is a plain ``Parameter`` in a ``ParameterDict`` keyed by the adapter's name: on the wrapped
site if it belongs to the site, on the tuner if all sites share it. peft 0.21 then saves and loads them by itself, as
``base_model.model.<site>.<name>`` and ``base_model.<name>``. The hooks overridden here are peft's internals, which is
why its minor version is pinned.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftConfig
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_PREFIX_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING
from peft.tuners.tuners_utils import BaseTuner, BaseTunerLayer
from torch import Tensor, nn

from peftport.hosts.shape import host_shape

Initialiser = Callable[[Tensor], Tensor]
Specification = dict[str, tuple[tuple[int, ...], Initialiser]]
Shape = Mapping[str, int]


@dataclass
class SiteConfig(PeftConfig):
    """peft config of a technique of ours; ``target_modules`` is a regular expression, so that its JSON is stable."""

    target_modules: str | None = None
    modules_to_save: list[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.peft_type = self.PEFT_TYPE


def normal(std: float) -> Initialiser:
    """Fill with N(0, std)."""
    return lambda tensor: nn.init.normal_(tensor, std=std)


def truncated_normal(std: float) -> Initialiser:
    """Fill with N(0, std) cut off at two standard deviations."""
    return lambda tensor: nn.init.trunc_normal_(tensor, std=std, a=-2 * std, b=2 * std)


def uniform(bound: float) -> Initialiser:
    """Fill uniformly from -bound to bound."""
    return lambda tensor: nn.init.uniform_(tensor, -bound, bound)


def zeros(tensor: Tensor) -> Tensor:
    """Fill with zeros."""
    return nn.init.zeros_(tensor)


def _parameter(shape: tuple[int, ...], initialise: Initialiser, device: torch.device) -> nn.Parameter:
    # drawn on the CPU, so that one seed gives the same module on every device
    return nn.Parameter(initialise(torch.empty(shape, dtype=torch.float32)).to(device))


NOT_MERGED = (
    "modules of this technique compute on what goes through the host, which no change of its weights does; leave the "
    "module attached, or take it out with `unload()`"
)


class SiteLayer(nn.Module, BaseTunerLayer):
    """A wrapped site of the host. A technique gives ``adapter_layer_names``, ``specification`` and ``forward``."""

    def __init__(self, site: nn.Module, kind: str, shared: dict[str, nn.ParameterDict]) -> None:
        super().__init__()
        self.base_layer = site
        self.kind = kind
        self.configs: dict[str, Any] = {}
        self.merged_adapters: list[str] = []
        self.other_param_names = ("configs",)
        # inside a tuple, so that shared parameters are not registered a second time below the site
        self._shared = (shared,)
        for name in self.adapter_layer_names:
            setattr(self, name, nn.ParameterDict())
        self._active_adapter: list[str] = []

    @staticmethod
    def specification(config: Any, shape: Shape) -> Specification:
        """Parameter names to (shape, initialiser), for one site."""
        raise NotImplementedError

    def update_layer(self, adapter: str, config: Any, shape: Shape, device: torch.device) -> None:
        """Add the parameters of one adapter."""
        self.configs[adapter] = config
        for name, (size, initialise) in self.specification(config, shape).items():
            getattr(self, name)[adapter] = _parameter(size, initialise, device)

    def parameter(self, name: str, adapter: str) -> nn.Parameter:
        """A parameter of this site, or else the one of that name that all sites share."""
        own = getattr(self, name, {})
        return (own if adapter in own else self._shared[0][name])[adapter]

    def live(self) -> list[str]:
        """Names of the adapters that take part in a forward pass now."""
        return [] if self.disable_adapters else [name for name in self.active_adapters if name in self.configs]


class SiteTuner(BaseTuner):
    """peft's tuner for our layers, with parameters that all sites may share.

    A technique gives ``prefix``, ``tuner_layer_cls``, ``kinds`` and, if it shares, ``shared_names`` and
    ``shared_specification``.
    """

    shared_names: tuple[str, ...] = ()
    target_module_mapping: dict[str, list[str]] = {}  # noqa: RUF012 - peft's own attribute, read-only

    def merge_adapter(self, *args: object, **kwargs: object) -> None:
        """Refuse: what stands beside a sub-layer is no change of its weights.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(NOT_MERGED)

    def merge_and_unload(self, *args: object, **kwargs: object) -> None:
        """Refuse, as ``merge_adapter``."""
        raise NotImplementedError(NOT_MERGED)

    def shared_specification(self, config: Any, shape: Shape) -> Specification:
        """Names of shared parameters to (shape, initialiser)."""
        return {}

    def site_kind(self, config: Any, name: str) -> str:
        """What kind of site the submodule ``name`` is, for a technique that treats kinds differently."""
        return ""

    def _pre_injection_hook(self, model: nn.Module, config: PeftConfig, adapter_name: str) -> None:
        for name in self.shared_names:
            setattr(self, name, nn.ParameterDict())

    def _create_and_replace(
        self, peft_config, adapter_name, target, target_name, parent, current_key, parameter_name=None
    ) -> None:
        shape, device = host_shape(self.model.config), next(self.model.parameters()).device
        for name, (size, initialise) in self.shared_specification(peft_config, shape).items():
            if adapter_name not in getattr(self, name):
                getattr(self, name)[adapter_name] = _parameter(size, initialise, device)
        if not isinstance(target, self.tuner_layer_cls):
            shared = {name: getattr(self, name) for name in self.shared_names}
            layer = self.tuner_layer_cls(target, self.site_kind(peft_config, current_key), shared)
            layer.train(target.training)
            self._replace_module(parent, target_name, layer, target)
            target = layer
        target.update_layer(adapter_name, peft_config, shape, device)
        target.set_adapter(self.active_adapters, inference_mode=peft_config.inference_mode)

    def _replace_module(self, parent: nn.Module, child_name: str, new_module: nn.Module, child: nn.Module) -> None:
        setattr(parent, child_name, new_module)  # peft's own also moves a weight, which a Dropout does not have

    def set_adapter(self, adapter_name: str | list[str], inference_mode: bool = False) -> None:
        super().set_adapter(adapter_name, inference_mode=inference_mode)
        chosen = [adapter_name] if isinstance(adapter_name, str) else adapter_name
        for name in self.shared_names:
            for adapter, parameter in getattr(self, name).items():
                parameter.requires_grad_(adapter in chosen and not inference_mode)

    def set_requires_grad(self, adapter_names: str | list[str], requires_grad: bool = True) -> None:
        super().set_requires_grad(adapter_names, requires_grad)
        chosen = [adapter_names] if isinstance(adapter_names, str) else adapter_names
        for name in self.shared_names:
            for adapter in set(chosen) & set(getattr(self, name)):
                getattr(self, name)[adapter].requires_grad_(requires_grad)

    def delete_adapter(self, adapter_name: str) -> None:
        super().delete_adapter(adapter_name)
        for name in self.shared_names:
            if adapter_name in getattr(self, name):
                del getattr(self, name)[adapter_name]


def register(config: type[SiteConfig], tuner: type[SiteTuner]) -> None:
    """Make peft know a technique of ours, under the plain string ``config.PEFT_TYPE``.

    peft's ``PeftType`` is a string enumeration, so its tables answer plain strings too and nothing is patched.
    """
    PEFT_TYPE_TO_CONFIG_MAPPING[config.PEFT_TYPE] = config
    PEFT_TYPE_TO_TUNER_MAPPING[config.PEFT_TYPE] = tuner
    PEFT_TYPE_TO_PREFIX_MAPPING[config.PEFT_TYPE] = tuner.prefix
