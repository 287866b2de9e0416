"""How far two hosts are from each other where an adapter sits, from their weights and without running them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from peftport.adapters.case import Case
from peftport.adapters.host_files import HostFiles
from peftport.adapters.host_modules import spelled_names


@dataclass(frozen=True)
class Distance:
    """How far the weights of one site are apart.

    Attributes:
        drift: norm of the change over the norm before. Two unrelated matrices of one size have about the root of 2.
        cosine: of the two as vectors.
        norm: of the weight now.
    """

    drift: float
    cosine: float
    norm: float


def distances(case: Case) -> dict[str, Distance]:
    """Of every site of the adapter that has a weight of one shape in both hosts.

    Raises:
        HostFilesError: weights cannot be read.
    """
    pairs = {}
    for site, (before, now) in _both(case).items():
        old, new = _weight(case.old, before), _weight(case.new, now)
        if old.shape == new.shape:
            pairs[site] = distance(old, new)
    return pairs


def distance(old: np.ndarray, new: np.ndarray) -> Distance:
    """How far two arrays of one shape are apart."""
    moved, before, now = (float(np.linalg.norm(part.astype(np.float64))) for part in (new - old, old, new))
    product = float(np.vdot(old.astype(np.float64), new.astype(np.float64)))
    drift = moved / before if before else (math.inf if moved else 0.0)
    return Distance(drift, product / (before * now) if before and now else 0.0, now)


def weight_norms(case: Case) -> dict[str, float]:
    """Norm of the weight of every site in the host that the adapter is to move into.

    Raises:
        HostFilesError: weights cannot be read.
    """
    names = spelled_names(case.new)
    there = {site: names[f"{site}.weight"] for site in case.sites.tensors if f"{site}.weight" in names}
    return {site: float(np.linalg.norm(_weight(case.new, name).astype(np.float64))) for site, name in there.items()}


def _both(case: Case) -> Mapping[str, tuple[str, str]]:
    if case.old is None:
        return {}
    old, new = spelled_names(case.old), spelled_names(case.new)
    weights = {site: f"{site}.weight" for site in case.sites.tensors}
    return {site: (old[name], new[name]) for site, name in weights.items() if name in old and name in new}


def _weight(host: HostFiles, name: str) -> np.ndarray:
    return host.weights([name])[name]
