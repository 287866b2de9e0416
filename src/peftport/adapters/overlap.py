"""Which directions two hosts' weights share where an adapter sits: overlap of their leading singular subspaces.

Of the folded weights W, W' (outputs, inputs) of a site in two hosts, with leading left singular vectors U, U' and right
ones V, V' (k columns each),

    overlap of outputs = |U^T U'|_F^2 / k,    overlap of inputs = |V^T V'|_F^2 / k,

which is 1 for one subspace and k / d on average for unrelated ones of a space of d dimensions (LoRA-X, arXiv
2501.16559, has the first alone; a change of the hidden basis leaves it as it was where a site only reads). A weight is
folded where it reads a norm's output and nothing else reads it: its columns are multiplied by the norm's scales, since
a host computes the same with scales in the one or in the other.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import svds

from peftport.adapters.case import Case
from peftport.adapters.host_files import HostFiles
from peftport.adapters.host_modules import spelled_names, stored_transposed

MOST, SHARE = 16, 8  # directions: so many at most, and the smaller size over so many


@dataclass(frozen=True)
class Overlap:
    """How far the leading directions of one site are the same in two hosts, and what unrelated ones have.

    Attributes:
        outputs, inputs: overlaps of what the site writes and of what it reads.
        outputs_chance, inputs_chance: of unrelated weights, on average.
    """

    outputs: float
    inputs: float
    outputs_chance: float
    inputs_chance: float


def overlaps(case: Case) -> dict[str, Overlap]:
    """Of every site of the adapter that has a matrix of one shape, and not of zeros, in both hosts.

    Raises:
        HostFilesError: weights cannot be read.
    """
    if case.old is None:
        return {}
    old, new = FoldedWeights(case.old), FoldedWeights(case.new)
    found = {}
    for site in case.sites.tensors:
        if old.shape(site) == new.shape(site) and len(old.shape(site)) == 2 and min(old.shape(site)) > 1:
            before, now = old.weight(site), new.weight(site)
            if before.any() and now.any():
                found[site] = overlap(before, now)
    return found


def overlap(old: np.ndarray, new: np.ndarray) -> Overlap:
    """That of two matrices of one shape (outputs, inputs), each at least 2, neither of zeros."""
    outputs, inputs = old.shape
    directions = max(1, min(MOST, min(outputs, inputs) // SHARE))
    (written, read), (written_now, read_now) = _leading(old, directions), _leading(new, directions)
    return Overlap(
        outputs=float(np.linalg.norm(written.T @ written_now) ** 2 / directions),
        inputs=float(np.linalg.norm(read @ read_now.T) ** 2 / directions),
        outputs_chance=directions / outputs,
        inputs_chance=directions / inputs,
    )


def _leading(weight: np.ndarray, directions: int) -> tuple[np.ndarray, np.ndarray]:
    """Left (outputs, k) and right (k, inputs) singular vectors of the largest singular values."""
    begin = np.random.default_rng(0).normal(size=min(weight.shape))  # ARPACK's own beginning differs from run to run
    left, _, right = svds(weight.astype(np.float32), k=directions, v0=begin.astype(np.float32))
    return left, right


class FoldedWeights:
    """The weights of a host's sites with the scales of the norms whose output they read."""

    def __init__(self, host: HostFiles) -> None:
        self.host, self.names = host, spelled_names(host)

    def shape(self, site: str) -> tuple[int, ...]:
        """The shape as it is stored; empty where there is no such weight."""
        name = self.names.get(f"{site}.weight")
        return () if name is None else self.host.tensors[name].shape

    def weight(self, site: str) -> np.ndarray:
        """A site's matrix, folded, (outputs, inputs)."""
        weight = self._read(site)
        weight = weight.T if stored_transposed(self.host, site, weight.shape) else weight
        norm = self._norm(site)
        return weight if norm is None else weight * (self._read(norm) + self.host.family.norm_begins)

    def _read(self, part: str) -> np.ndarray:
        name = self.names[f"{part}.weight"]
        return self.host.weights([name])[name]

    def _norm(self, site: str) -> str | None:
        """The norm whose output a site reads, if its family says one and the files have it."""
        for end, norm in (self.host.family.norms_read if self.host.family else {}).items():
            if site.endswith(f".{end}") and f"{site.removesuffix(end)}{norm}.weight" in self.names:
                return f"{site.removesuffix(end)}{norm}"
        return None
