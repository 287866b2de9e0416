"""How much a module adds to the outputs of its sites in a host, on given texts.

At a site the module's output and the output of the same layer without it are computed on the same inputs, which are
those that the site has in the host with the whole module. Their difference is what the module adds there. Positions
that only fill up a batch are left out.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

from peftport.hosts.families.table import family
from peftport.hosts.sites import Family
from peftport.prompting.batches import IGNORED
from peftport.storage.modules import TENSOR_NAME
from peftport.techniques.output import Output

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Group:
    """Sites that share the tensors which what they add is linear in; mostly one site alone.

    Attributes:
        sites: name to layer.
        tensors: the parameters that scale what is added.
        drawn: their entries before any scaling, float64.
    """

    sites: dict[str, BaseTunerLayer]
    tensors: list[nn.Parameter]
    drawn: list[Tensor] = field(default_factory=list)


@dataclass
class Added:
    """Sums over all entries of what a group of sites adds, ``u + v``: ``u`` is linear in the tensors, ``v`` is left
    when that is zero (nothing but for a prefix, which takes attention away from the other positions).

    Attributes:
        entries: how many there are.
        whole: of ``(u + v)^2``.
        linear: of ``u^2``.
        rest: of ``v^2``.
        crossed: of ``u v``.
    """

    entries: int = 0
    whole: float = 0.0
    linear: float = 0.0
    rest: float = 0.0
    crossed: float = 0.0

    @property
    def root_mean_square(self) -> float:
        """Of what is added; 0 without texts."""
        return math.sqrt(self.whole / max(self.entries, 1))

    def count(self, bare: Tensor, rest: Tensor, whole: Tensor) -> None:
        """Add a batch: the site's output without the module, with the linear part at zero, and with the module.

        Args:
            bare: (positions, width), as the others.
        """
        linear, left = (whole - rest).double(), (rest - bare).double()
        self.entries += bare.numel()
        self.whole += float((linear + left).square().sum())
        self.linear += float(linear.square().sum())
        self.rest += float(left.square().sum())
        self.crossed += float((linear * left).sum())


def groups(model: PeftModel, output: Output) -> list[Group]:
    """The sites of the module, in the order in which the host has them; those that share are together."""
    found: dict[tuple[int, ...], Group] = {}
    (adapter,) = model.active_adapters
    for name, layer in model.base_model.model.named_modules():
        if isinstance(layer, BaseTunerLayer):
            tensors = output.tensors(layer, adapter)
            group = found.setdefault(tuple(map(id, tensors)), Group({}, tensors))
            group.sites[name] = layer
    return list(found.values())


@torch.no_grad()
def measure(model: PeftModel, sites: Sequence[Group], neutral: float, batches: Sequence[Batch]) -> list[Added]:
    """What every group adds on these texts, in the host with the whole module.

    Args:
        model: a host in evaluation mode.
        neutral: value of the groups' tensors at which the linear part is zero.
        batches: the host's arguments; the texts of a batch may differ in length.
    """
    kind = family(model.base_model.model.config.model_type)
    sums, now = [Added() for _ in sites], {}
    with ExitStack() as hooks:
        for group, added in zip(sites, sums, strict=True):
            for name, layer in group.sites.items():
                where = _positions(kind, name)
                hook = _meter(group.tensors, neutral, added, lambda where=where: where(now))
                hooks.callback(layer.register_forward_hook(hook, with_kwargs=True).remove)
        for batch in batches:
            now.clear()
            now.update(batch)
            model(**batch, use_cache=False)
    return sums


def _meter(
    tensors: list[nn.Parameter], neutral: float, added: Added, positions: Callable[[], Tensor]
) -> Callable[..., None]:
    """A hook that counts what a layer adds; ``positions`` says which of the batch's are tokens, (texts, positions)."""

    def count(layer: BaseTunerLayer, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        # `forward` is called and not the layer, whose hook this is
        with _held_at(tensors, neutral):
            rest = layer.forward(*args, **kwargs)
        layer.enable_adapters(False)
        bare = layer.forward(*args, **kwargs)
        layer.enable_adapters(True)
        tokens = positions()
        added.count(*(_hidden(one).reshape(*tokens.shape, -1)[tokens] for one in (bare, rest, output)))

    return count


def _hidden(output: Any) -> Tensor:
    """(texts, positions, width), in OPT (texts * positions, width); the first where a layer gives several things."""
    return output[0] if isinstance(output, tuple) else output


@contextmanager
def _held_at(tensors: list[nn.Parameter], value: float) -> Iterator[None]:
    kept = [tensor.data for tensor in tensors]
    for tensor in tensors:
        tensor.data = torch.full_like(tensor, value)
    try:
        yield
    finally:
        for tensor, entries in zip(tensors, kept, strict=True):
            tensor.data = entries


def _positions(kind: Family, name: str) -> Callable[[Batch], Tensor]:
    """A batch to the positions of a site's output that are tokens and fill nothing up."""
    match = TENSOR_NAME.search(name)
    answers = "cross" in kind.sites and match is not None and match["stack"] == "decoder"
    if answers and not _reads_the_encoder(kind, name):
        return lambda batch: batch["labels"] != IGNORED
    return lambda batch: batch["attention_mask"].bool()


def _reads_the_encoder(kind: Family, name: str) -> bool:
    """Whether a site is the projection to keys or values of a cross-attention, whose positions are the encoder's."""
    owner = name.rpartition(".")[0]
    return bool(re.fullmatch(kind.pattern(["cross"]), owner) and re.fullmatch(kind.pattern(["k", "v"]), name))
