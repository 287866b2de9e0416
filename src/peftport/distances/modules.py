"""How much of a host's change lies where a module reads and writes.

Of the change D = W' - W (outputs, inputs) of the folded weight at a site, and an orthonormal basis V of the directions
that the module reads there and U of those that it writes,

    inputs = |D V|_F^2 / |D|_F^2,    outputs = |U^T D|_F^2 / |D|_F^2,

which is k / d on average for k directions that know nothing of the change in a space of d dimensions. A LoRA reads the
rows of A and writes the columns of B. An adapter sits behind a sub-layer, reads what its last weight writes, and adds
to it: both of its spaces are held against the rows of that weight's change. Other techniques have no such spaces here,
and no number.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from peftport.distances.measures import ALL, Found
from peftport.distances.weights import folded, gains, shaped_alike
from peftport.hosts.sites import PROJECTIONS
from peftport.maps.pair import End
from peftport.maps.spaces import Place, locate, refusal

BEHIND = {"attention": "o", "cross_attention": "o", "feed_forward": "wo"}  # kind of an adapter's site to that weight
SMALL = 1e-9  # singular values below this share of the largest are rounding


@dataclass(frozen=True)
class Part:
    """A tensor with directions of a space of the host.

    Attributes:
        measure: what it says.
        rows: whether its rows are the directions, or its columns.
        of_outputs: whether they are directions of the outputs of the host's weight, or of its inputs.
    """

    measure: str
    rows: bool
    of_outputs: bool


# end of a tensor's name to what it is
PARTS = {
    "lora_A.weight": Part("module_inputs", True, False),
    "lora_B.weight": Part("module_outputs", False, True),
    "houlsby_down_weight": Part("module_inputs", True, True),
    "houlsby_up_weight": Part("module_outputs", False, True),
}

Tensors = Mapping[str, np.ndarray]


def module_distances(source: End, target: End, modules: Mapping[Hashable, Tensors]) -> dict[Hashable, list[Found]]:
    """Of each module, means over the sites of each kind, and over all.

    Args:
        modules: tensors by name of modules that were trained in the source host, by whatever names them.

    Raises:
        HostFilesError: weights cannot be read.
    """
    if refusal(source.family) or refusal(target.family):
        return {}
    values = defaultdict(lambda: defaultdict(list))
    for (place, kind), parts in _by_site(source, modules).items():
        if source.layers(place.stack) != target.layers(place.stack) or not shaped_alike(source, target, place, kind):
            continue
        change = folded(target, place, kind) - folded(source, place, kind)
        if not (size := np.linalg.norm(change)):
            continue
        for key, site_kind, part, tensor in parts:
            scales = None if part.of_outputs else gains(source, place, kind)
            basis = _basis((tensor.T if part.rows else tensor).astype(np.float64), scales)
            if basis.shape[1]:
                moved = basis.T @ change if part.of_outputs else change @ basis
                number = float((np.linalg.norm(moved) / size) ** 2), basis.shape[1] / basis.shape[0]
                for group in (site_kind, ALL):
                    values[key][part.measure, group].append(number)
    return {
        key: [Found(*name, *map(float, np.mean(numbers, axis=0))) for name, numbers in found.items()]
        for key, found in values.items()
    }


def _by_site(source: End, modules: Mapping[Hashable, Tensors]) -> dict[tuple[Place, str], list]:
    """Place and kind of a host's weight to what modules have there: whose, their kind of site, which part, tensor."""
    sites = defaultdict(list)
    for key, tensors in modules.items():
        for name, tensor in tensors.items():
            for place, kind, site_kind, part in _located(source, name):
                sites[place, kind].append((key, site_kind, part, tensor))
    return sites


def _located(source: End, name: str) -> Iterator[tuple[Place, str, str, Part]]:
    """The place of a tensor, the kind of the weight that it is held against, of its own site, and what it is."""
    for end, part in PARTS.items():
        if not name.endswith(f".{end}"):
            continue
        try:
            site = locate(source.family, name.removesuffix(f".{end}"), (*PROJECTIONS, *BEHIND))
        except ValueError:  # shared by layers, or at no site of a layer
            return
        yield site.place, BEHIND.get(site.kind, site.kind), site.kind, part


def _basis(directions: np.ndarray, scales: np.ndarray | None) -> np.ndarray:
    """(d, k) orthonormal basis of the span of columns (d, n), each multiplied by scales (d,)."""
    columns = directions if scales is None else directions * scales[:, None]
    left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, sizes > SMALL * max(sizes.max(initial=0.0), np.finfo(float).tiny)]
