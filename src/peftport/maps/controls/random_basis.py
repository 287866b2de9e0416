"""Random modules in the target host's own basis: is it the direction that a map finds, or only the place?

What a module adds to a projection is put where that projection of the target host is strongest: a random update whose
columns lie in the span of the leading left singular vectors of the weight, and whose rows in that of the leading right
ones, as many as the module has ranks. Weights that read the stream behind a norm count with its scale folded in.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from peftport.maps.ends import end_of
from peftport.maps.spaces import READS, Place, locate
from peftport.maps.sublayers import clipped_gain
from peftport.porting import norm_matched
from peftport.porting.sampled_product import pairs, update_norm
from peftport.storage.modules import Module
from peftport.storage.provenance import JsonObject

RULE = (
    "Random numbers in the target host's own basis: what the module adds to a projection lies in the span of as many "
    "leading singular vectors of that projection's weight as the module has ranks, and has the Frobenius norm of what "
    "the carried module adds; biases point in a random direction there, with their norm."
)
NEEDS = frozenset({"source", "weights"})
SITED = ("lora", "adapters")  # techniques of which it is known where they add to
OUTPUTS = ("attention", "cross_attention", "feed_forward")

start = norm_matched.start


def refusal(settings: JsonObject) -> str | None:
    """Why there is none for a technique with these settings; None where there is."""
    if settings["method"] not in SITED:
        return f"it is known for {' and '.join(SITED)} only"
    if settings.get("share", "none") != "none":
        return "its sites share their tensors, and every projection has a basis of its own"
    return None


@dataclass(frozen=True)
class Basis:
    """Orthonormal columns: ``left`` (outputs, r) and ``right`` (inputs, r) of a weight, and the gain of its inputs."""

    left: np.ndarray
    right: np.ndarray
    gain: np.ndarray


class Placing:
    """Places random modules in one target host; what is found of its weights is kept for further seeds.

    Args:
        card: the target host's card file.
    """

    def __init__(self, card: str | Path) -> None:
        self.host = end_of(card)
        self.basis = cache(self._basis)

    def __call__(self, module: Module, drawn: Module) -> tuple[Module, JsonObject]:
        """The drawn module in the basis of the host, as large as the module; and nothing for its card.

        Raises:
            ValueError: a tensor is of a technique of which it is not known where it adds to.
        """
        tensors: dict[str, np.ndarray] = {}
        for down, up in pairs(module):
            tensors |= self._low_rank(module, drawn, down, up)
        for down in [name for name in module.tensors if name.endswith("houlsby_down_weight")]:
            tensors |= self._adapter(module, drawn, down.removesuffix("down_weight"))
        if missing := sorted(module.tensors.keys() - tensors.keys()):
            raise ValueError(f"random_basis: {missing[0]} is no tensor of {' or '.join(SITED)}")
        return replace(drawn, tensors={name: tensors[name] for name in drawn.tensors}), {}

    def _low_rank(self, module: Module, drawn: Module, down: str, up: str) -> dict[str, np.ndarray]:
        sited = locate(self.host.family, down.partition(".lora_")[0])
        basis = self.basis(sited.place, sited.kind, module.tensors[down].shape[0])
        inputs = _within(basis.right, (drawn.tensors[down].astype(np.float64) * basis.gain).T).T / basis.gain
        outputs = _within(basis.left, drawn.tensors[up].astype(np.float64))
        return _sized(module, {down: inputs, up: outputs})

    def _adapter(self, module: Module, drawn: Module, site: str) -> dict[str, np.ndarray]:
        place = locate(self.host.family, site.rpartition(".")[0], OUTPUTS).place
        kind = "wo" if place.sublayer == "feed_forward" else "o"
        names = [f"{site}{part}" for part in ("down_weight", "up_weight", "down_bias", "up_bias")]
        weights = [drawn.tensors[name].astype(np.float64) for name in names]
        left = self.basis(place, kind, weights[0].shape[0]).left
        placed = _sized(module, {names[0]: _within(left, weights[0].T).T, names[1]: _within(left, weights[1])})
        bias = _within(left, weights[3])
        norms = [np.linalg.norm(part) for part in (module.tensors[names[3]].astype(np.float64), bias)]
        bias *= norms[0] / norms[1] if norms[1] else 0.0
        kept = {names[2]: drawn.tensors[names[2]], names[3]: bias.astype(module.tensors[names[3]].dtype)}
        return placed | kept

    def _basis(self, place: Place, kind: str, rank: int) -> Basis:
        weight = self.host.weight(place, kind)
        reads_stream = READS[kind] in ("read", "memory")
        gain = clipped_gain(self.host, place, READS[kind] == "memory")[0] if reads_stream else None
        gain = np.ones(weight.shape[1]) if gain is None else gain
        return Basis(*leading(weight * gain, rank), gain)


def leading(weight: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal columns that span the leading left and right singular vectors of a weight (outputs, inputs)."""
    if weight.shape[0] > weight.shape[1]:
        right, left = leading(weight.T, rank)
        return left, right
    from scipy.linalg import eigh  # planning reads this file too, and needs no scipy

    rank, size = min(rank, len(weight)), len(weight)
    _, left = eigh(weight @ weight.T, subset_by_index=(size - rank, size - 1))
    return left, np.linalg.qr(weight.T @ left)[0]


def _within(basis: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Columns, or one, projected into the span of a basis."""
    return basis @ (basis.T @ columns)


def _sized(module: Module, drawn: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A pair of factors, what reads first, scaled so that their product has the norm that it has in a module."""
    down, up = drawn
    norm = update_norm(drawn[down], drawn[up])
    wanted = update_norm(module.tensors[down], module.tensors[up])
    factor = np.sqrt(wanted / norm) if norm else 0.0
    return {name: (factor * tensor).astype(module.tensors[name].dtype) for name, tensor in drawn.items()}
