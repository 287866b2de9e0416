"""Scale a drawn module until it is as large in the target host as the ported one.

What a site adds is linear in the tensors that its technique names (``Output``), so on fixed inputs one factor per site
makes it as large as wanted. The inputs of a site depend on the sites before it: so the host is run with the module,
every site gets its factor, and again, until all are near enough. A prefix also takes attention away from the other
positions, whatever its values are; the factor then comes from a quadratic equation, and where what is taken away is
larger than what the ported prefix changes in all, there may be none. Then the nearest is taken, and the card says so.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from peft import PeftModel

from peftport.injection.attach import load_tensors, module_tensors
from peftport.matching.added import Added, Batch, Group, groups, measure
from peftport.porting import sampled_product
from peftport.porting.sampled_product import pairs, update_norm
from peftport.storage.modules import Module
from peftport.storage.provenance import JsonObject
from peftport.techniques.output import ADDED, ENTRIES, PRODUCT, Output

NEAR = 0.02  # the control's root mean square may differ so much from the ported one
PASSES = 30
STILL = 1e-4  # no factor moves by more than this: the rest is out of reach
LARGEST_FACTOR = 10.0  # of one pass, and its inverse the smallest

Facts = JsonObject
Fitted = tuple[Module, Facts]
Sizes = list[tuple[list[str], float, float, float]]  # of each site: names, ported, before and after
Scaled = tuple[Module, Sizes, int]
Host = Callable[[Module], PeftModel]  # the target host with this module in it


def fit(module: Module, drawn: Module, output: Output, host: Host, batches: Callable[[], list[Batch]]) -> Fitted:
    """The drawn module as large as the ported one, by what its technique declares.

    Args:
        module: the source module.
        drawn: a module of the same tensors.
        host: puts a module into the target host; only asked where something is measured there.
        batches: the texts, only asked there as well.

    Returns:
        The module, and for its card ``measure``, ``passes``, ``worst_ratio`` (of the site whose ratio to the ported one
        is furthest from 1), ``converged`` and ``sites``: names, and the size of ``ported``, ``before`` and ``after``.

    Raises:
        ValueError: what the source module does in the target host is no finite number.
    """
    if output.measure == ADDED:
        control, sizes, passes = _added(module, drawn, output, host, batches)
    else:
        scaled, size = {PRODUCT: (sampled_product.scaled, _norms), ENTRIES: (_entries, _root_mean_squares)}[
            output.measure
        ]
        control, passes = scaled(module, drawn), 0
        ported, before, after = (size(one) for one in (module, drawn, control))
        sizes = [(list(names), ported[names], before[names], after[names]) for names in ported]
    return control, {"matching": _said(output, sizes, passes)}


def factor(now: Added, target: float) -> float:
    """The factor of the linear part with which what is added has the root mean square ``target``; the nearest
    possible where none does, within the bounds of one pass.
    """
    if not math.isfinite(now.whole):
        return 1 / LARGEST_FACTOR
    if now.linear == 0:
        return 1.0
    middle, inner = now.crossed / now.linear, (now.rest - target**2 * now.entries) / now.linear
    wanted = -middle + math.sqrt(max(middle**2 - inner, 0.0))
    return min(max(wanted, 1 / LARGEST_FACTOR), LARGEST_FACTOR)


def _added(module: Module, drawn: Module, output: Output, host: Host, texts: Callable[[], list[Batch]]) -> Scaled:
    """The drawn module scaled site by site; sizes of its sites; how often it was measured."""
    model, batches = host(module), texts()
    targets = [one.root_mean_square for one in measure(model, groups(model, output), output.neutral, batches)]
    if not all(map(math.isfinite, targets)):
        raise ValueError("what the source module adds in the target host is no finite number: it cannot be matched")
    load_tensors(model, drawn.tensors)
    sites = [
        replace(one, drawn=[tensor.detach().double() - output.neutral for tensor in one.tensors])
        for one in groups(model, output)
    ]
    factors, before = [1.0] * len(sites), []
    for passes in range(1, PASSES + 1):
        now = measure(model, sites, output.neutral, batches)
        sizes = [one.root_mean_square for one in now]
        before = before or sizes
        if max(map(_off, _ratios(sizes, targets))) <= NEAR or passes == PASSES:
            break
        # a site that is to add nothing is neutral
        steps = [factor(one, target) if target > 0 else 0.0 for one, target in zip(now, targets, strict=True)]
        if passes > 1 and all(abs(step - 1) < STILL for step, target in zip(steps, targets, strict=True) if target > 0):
            break
        factors = [part * step for part, step in zip(factors, steps, strict=True)]
        _scale(sites, factors, output.neutral)
    names = [list(one.sites) for one in sites]
    return replace(drawn, tensors=_tensors(model, drawn)), list(zip(names, targets, before, sizes, strict=True)), passes


@torch.no_grad()
def _scale(sites: Sequence[Group], factors: Sequence[float], neutral: float) -> None:
    for group, part in zip(sites, factors, strict=True):
        for tensor, entries in zip(group.tensors, group.drawn, strict=True):
            tensor.copy_(neutral + part * entries)


def _tensors(model: PeftModel, drawn: Module) -> dict[str, np.ndarray]:
    return {name: tensor.astype(drawn.tensors[name].dtype) for name, tensor in module_tensors(model).items()}


def _ratios(sizes: Sequence[float], targets: Sequence[float]) -> list[float]:
    """Reached over wanted; where nothing is wanted, 1 if nothing is there."""
    return [
        size / target if target > 0 else (1.0 if size == 0 else math.inf)
        for size, target in zip(sizes, targets, strict=True)
    ]


def _off(ratio: float) -> float:
    """How far a ratio is from 1; infinitely where it is no finite number."""
    return abs(ratio - 1) if math.isfinite(ratio) else math.inf


def _said(output: Output, sizes: Sizes, passes: int) -> Facts:
    """What the card tells, and a note in the log where the size was not reached."""
    ratios = _ratios([after for *_, after in sizes], [ported for _, ported, *_ in sizes])
    worst = max(ratios, key=_off, default=1.0)
    converged = _off(worst) <= NEAR
    if not converged:
        print(
            f"note: after {passes} passes a site of the control still adds {worst:.3f} times what the source module "
            f"adds there (within {NEAR} of 1 was wanted)"
        )
    columns = ("ported", "before", "after")
    named = [{"names": names} | dict(zip(columns, map(_plain, own), strict=True)) for names, *own in sizes]
    found = {"measure": output.measure, "passes": passes, "converged": converged, "worst_ratio": _plain(worst)}
    return found | {"sites": named}


def _plain(size: float) -> float | None:
    """The number; JSON has none that are not finite."""
    return size if math.isfinite(size) else None


def _norms(module: Module) -> dict[tuple[str, ...], float]:
    """Names of low-rank factors to the norm of their product."""
    return {pair: update_norm(*(module.tensors[name] for name in pair)) for pair in pairs(module)}


def _entries(module: Module, drawn: Module) -> Module:
    """Every tensor with the root mean square of the ported one's entries."""
    wanted, found = _root_mean_squares(module), _root_mean_squares(drawn)
    tensors = {
        name: (tensor.astype(np.float64) * (wanted[name,] / found[name,] if found[name,] > 0 else 1.0)).astype(
            tensor.dtype
        )
        for name, tensor in drawn.tensors.items()
    }
    return replace(drawn, tensors=tensors)


def _root_mean_squares(module: Module) -> dict[tuple[str, ...], float]:
    return {(name,): float(np.sqrt(np.mean(tensor.astype(np.float64) ** 2))) for name, tensor in module.tensors.items()}
