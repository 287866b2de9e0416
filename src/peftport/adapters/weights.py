"""What the weights of an adapter and of its hosts say: whether it does anything, and how far the hosts are apart."""

import math
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from peftport.adapters.bases import Distance, distances, weight_norms
from peftport.adapters.case import Case
from peftport.adapters.deltas import delta_norms
from peftport.adapters.folder import AdapterError, not_finite, read_weights
from peftport.adapters.host_files import HostFilesError
from peftport.adapters.overlap import Overlap, overlaps
from peftport.adapters.patterns import Unmatchable
from peftport.adapters.verdict import Reason, worst
from peftport.storage.provenance import JsonObject

# mean cosine of the hosts' weights below which a copy is not advised: set before any real pair was measured
RELATED = 0.5
LARGE = 1.0  # a change larger than the weight that it is added to


def look_at_weights(case: Case, reasons: list[Reason]) -> tuple[list[Reason], JsonObject]:
    """Further reasons, and the numbers behind them.

    Args:
        reasons: what was found without weights; where that is worse than ``copy``, nothing is run.
    """
    try:
        tensors = read_weights(case.adapter)
    except AdapterError as error:
        return [Reason("tensors", "impossible", str(error))], {}
    if spoilt := tuple(not_finite(tensors)):
        return [Reason("tensors", "impossible", "tensors with entries that are infinite or no numbers", spoilt)], {}
    try:
        deltas, weights = delta_norms(case, tensors), weight_norms(case)
        apart, shared = (distances(case), overlaps(case)) if case.unlike else ({}, {})
    except (Unmatchable, HostFilesError) as error:
        return [Reason("tensors", "unknown", str(error))], {}
    shares = {site: norm / weights[site] for site, norm in deltas.items() if weights.get(site)}
    more = [*_of_deltas(deltas, shares), *_of_distances(apart), *_of_overlaps(shared)]
    measured = {"change": _spread(shares), "drift": _drift(apart), "overlap": _means(shared)}
    measured["sites"] = _by_site(deltas, shares, apart, shared)
    if worst(reason.level for reason in (*reasons, *more)) in ("same", "copy"):
        from peftport.adapters.canary import canary  # loads torch

        run, numbers = canary(case, tensors)
        more += run
        measured["canary"] = numbers
    return more, measured


def _of_deltas(deltas: dict[str, float], shares: dict[str, float]) -> Iterator[Reason]:
    idle = tuple(site for site, norm in deltas.items() if norm == 0)
    if idle and len(idle) == len(deltas):
        yield Reason("change", "impossible", "it does nothing: what it adds is zero at all of its sites", idle)
    elif idle:
        yield Reason("change", "copy", "sites at which what it adds is zero", idle)
    if large := tuple(site for site, share in shares.items() if share > LARGE):
        yield Reason(
            "change", "copy", "sites at which what it adds is larger than the weight that it is added to", large
        )
    elif shares and len(idle) < len(deltas):
        text = f"what it adds has {_median(shares.values()):.3g} of the norm of the weights (median of its sites)"
        yield Reason("change", "same", f"{text}, {max(shares.values()):.3g} at most")


def _of_distances(apart: dict[str, Distance]) -> Iterator[Reason]:
    if not apart:
        return
    cosine = float(np.mean([pair.cosine for pair in apart.values()]))
    text = f"the hosts' weights at its sites have drifted by {_drift(apart)['total']:.3g}, mean cosine {cosine:.3g}"
    if cosine < RELATED:
        text += ": another model, or the same in another basis, for which a copy means nothing; a map is needed"
        yield Reason("drift", "map", text)
    else:
        yield Reason("drift", "same", text)


def _of_overlaps(shared: dict[str, Overlap]) -> Iterator[Reason]:
    """A remark: which overlap is enough for a copy has not been measured."""
    if shared:
        mean = _means(shared)
        text = (
            "the leading directions of its sites' weights, norms folded in, are shared by both hosts to "
            f"{mean['outputs']:.2g} in what they write (unrelated ones to {mean['outputs_chance']:.2g}) and to "
            f"{mean['inputs']:.2g} in what they read ({mean['inputs_chance']:.2g})"
        )
        yield Reason("overlap", "same", text)


def _means(shared: dict[str, Overlap]) -> dict[str, float]:
    names = (field.name for field in fields(Overlap)) if shared else ()
    return {name: float(np.mean([getattr(part, name) for part in shared.values()])) for name in names}


def _spread(shares: dict[str, float]) -> dict[str, float]:
    if not shares:
        return {}
    return {"median": _median(shares.values()), "smallest": min(shares.values()), "largest": max(shares.values())}


def _drift(apart: dict[str, Distance]) -> dict[str, float]:
    """Drift of all sites together, and of the sites of each last name; the mean cosine."""
    if not apart:
        return {}
    kinds: dict[str, list[Distance]] = {"total": list(apart.values())}
    for site, pair in apart.items():
        kinds.setdefault(site.rpartition(".")[2], []).append(pair)
    drifts = {kind: math.sqrt(float(np.mean([pair.drift**2 for pair in pairs]))) for kind, pairs in kinds.items()}
    return drifts | {"cosine": float(np.mean([pair.cosine for pair in apart.values()]))}


def _by_site(
    deltas: dict[str, float], shares: dict[str, float], apart: dict[str, Distance], shared: dict[str, Overlap]
) -> JsonObject:
    return {
        site: {"delta": norm, "of_weight": shares.get(site)}
        | ({"drift": apart[site].drift, "cosine": apart[site].cosine} if site in apart else {})
        | ({"overlap": asdict(shared[site])} if site in shared else {})
        for site, norm in deltas.items()
    }


def _median(values: Any) -> float:
    return float(np.median(list(values)))
