"""Compacter: Karimi Mahabadi, Henderson and Ruder, *Compacter*, NeurIPS 2021 (arXiv 2106.04647).

Formula: an adapter (see ``peftport.techniques.adapters``) whose two matrices are sums of Kronecker products,
``W = sum_i A_i (x) s_i t_i`` for i = 1..n, so that ``down(h) = h W + bias``. ``A`` is (n, n, n): one *rule* that all
sites and both projections share, or one per site with ``share_rule: false``. Per projection ``s`` is
(n, inputs / n, rank) and ``t`` (n, rank, outputs / n); ``h`` is (batch, length, d). ``A`` starts from N(0, rule_std),
the factors from Glorot uniform with ``glorot_gain``, biases from zero, as in the authors' code.

Parameters: sites * (2 rank (d + b) + d + b) + rules * n^3, with one rule, or as many as sites.

Where we differ from the paper: the host's layer norms stay frozen (see adapters). The rule belongs to the module:
moving the factors without it would be meaningless. The paper always shares it; ``share_rule`` is there to measure what
sharing does.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from peftport.hosts.sites import Family
from peftport.techniques.base import Initialiser, Shape, SiteTuner, Specification, normal, register, zeros
from peftport.techniques.bottleneck import BottleneckConfig, BottleneckLayer, config_fields, sites_and_width
from peftport.techniques.output import ADDED, Output
from peftport.techniques.settings import CompacterSettings

OUTPUT = Output(
    ADDED, lambda layer, adapter: [layer.parameter(f"compacter_up_{part}", adapter) for part in ("right", "bias")]
)


@dataclass
class CompacterConfig(BottleneckConfig):
    """peft config of compacters."""

    PEFT_TYPE = "COMPACTER"
    reduction_factor: int = 32
    division: int = 4
    rank: int = 1
    share_rule: bool = True
    rule_std: float = 1e-4
    glorot_gain: float = math.sqrt(2)


def kronecker_linear(hidden: Tensor, rule: Tensor, left: Tensor, right: Tensor, bias: Tensor) -> Tensor:
    """``hidden @ sum_i kron(rule_i, left_i @ right_i) + bias``.

    Args:
        hidden: (..., inputs).
        rule: (n, n, n).
        left: (n, inputs / n, rank).
        right: (n, rank, outputs / n).
        bias: (outputs,).
    """
    weight = torch.einsum("nab,nio->aibo", rule, left @ right).flatten(2, 3).flatten(0, 1)
    return nn.functional.linear(hidden, weight.mT, bias)


def glorot(gain: float) -> Initialiser:
    """Fill each of the stacked matrices with Glorot's uniform initialisation."""

    def fill(stack: Tensor) -> Tensor:
        for matrix in stack:
            nn.init.xavier_uniform_(matrix, gain=gain)
        return stack

    return fill


def rule_specification(config: CompacterConfig) -> Specification:
    """Shape and initialiser of a rule."""
    return {"compacter_rule": ((config.division,) * 3, normal(config.rule_std))}


class CompacterLayer(BottleneckLayer):
    """A site with a compacter behind it."""

    adapter_layer_names = (
        "compacter_rule",
        "compacter_down_left",
        "compacter_down_right",
        "compacter_down_bias",
        "compacter_up_left",
        "compacter_up_right",
        "compacter_up_bias",
    )

    @staticmethod
    def specification(config: CompacterConfig, shape: Shape) -> Specification:
        model, parts, rank = shape["d_model"], config.division, config.rank
        width, fill = config.width(model), glorot(config.glorot_gain)
        check_division(parts, model, width)
        own = {} if config.share_rule else rule_specification(config)
        return own | {
            "compacter_down_left": ((parts, model // parts, rank), fill),
            "compacter_down_right": ((parts, rank, width // parts), fill),
            "compacter_down_bias": ((width,), zeros),
            "compacter_up_left": ((parts, width // parts, rank), fill),
            "compacter_up_right": ((parts, rank, model // parts), fill),
            "compacter_up_bias": ((model,), zeros),
        }

    def down(self, hidden: Tensor, adapter: str) -> Tensor:
        left, right, bias = (self.parameter(f"compacter_down_{part}", adapter) for part in ("left", "right", "bias"))
        return kronecker_linear(hidden, self.parameter("compacter_rule", adapter), left, right, bias)

    def up(self, hidden: Tensor, adapter: str) -> Tensor:
        left, right, bias = (self.parameter(f"compacter_up_{part}", adapter) for part in ("left", "right", "bias"))
        return kronecker_linear(hidden, self.parameter("compacter_rule", adapter), left, right, bias)


class CompacterTuner(SiteTuner):
    """peft tuner of compacters; it holds the shared rule."""

    prefix = "compacter_"
    tuner_layer_cls = CompacterLayer
    uses_shared_state = True
    shared_names = ("compacter_rule",)

    def shared_specification(self, config: CompacterConfig, shape: Shape) -> Specification:
        return rule_specification(config) if config.share_rule else {}


def check_division(division: int, d_model: int, width: int) -> None:
    """Raise ValueError unless ``division`` divides both widths."""
    if d_model % division or width % division:
        raise ValueError(f"division {division} must divide the host's width {d_model} and the bottleneck {width}")


def peft_config(settings: CompacterSettings, family: Family) -> CompacterConfig:
    """peft's config for these settings in hosts of this family.

    Raises:
        ValueError: the family has no such sites, or the non-linearity is unknown.
    """
    keys = ("division", "rank", "share_rule", "rule_std", "glorot_gain")
    return CompacterConfig(**config_fields(settings, family), **{key: getattr(settings, key) for key in keys})


def site_kinds(settings: CompacterSettings, family: Family) -> list[str]:
    """The kinds of sites wrapped."""
    return list(settings.sites)


def expected_sites(settings: CompacterSettings, shape: Shape) -> int:
    """Number of sites wrapped in a host of this shape."""
    return sites_and_width(settings, shape)[0]


def parameter_count(settings: CompacterSettings, shape: Shape) -> int:
    """Exact number of trainable parameters.

    Raises:
        ValueError: ``division`` does not divide the widths.
    """
    (sites, width), model = sites_and_width(settings, shape), shape["d_model"]
    check_division(settings.division, model, width)
    rules = 1 if settings.share_rule else sites
    return sites * (2 * settings.rank * (model + width) + model + width) + rules * settings.division**3


register(CompacterConfig, CompacterTuner)
