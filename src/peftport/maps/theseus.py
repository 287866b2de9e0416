"""Theseus as it was published: the inputs and the outputs of every projection, each by itself.

Rinaldi et al., ICML 2026 (arXiv 2602.12952), and their code: ``T_in = polar(X_s^T X_t)``, ``T_out = polar(Y_s^T Y_t)``,
``dW_t = T_out^T dW_s T_in``. Where states do not span their space, singular vectors beyond the span are any.
What is no projection, and is left at zero there, gets the map of the space that it is in.
"""

from collections.abc import Mapping

import numpy as np
from scipy.linalg import svd

from peftport.hosts.sites import PROJECTIONS
from peftport.maps import procrustes
from peftport.maps.correspondence import Space
from peftport.maps.cross import Cross
from peftport.maps.linear import Isometry, LinearMap
from peftport.maps.map_facts import MapFacts
from peftport.maps.pair import Pair
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import READS, WRITES
from peftport.maps.sublayers import Between


def spaces(pair: Pair, at: Between) -> list[Space]:
    """What is compared of a sub-layer: what goes into each projection that both hosts have, and what comes out."""
    kinds = [kind for kind in PROJECTIONS if all(end.stored(place, kind) for end, place in at.sides(pair))]
    inner = {"q", "k", "v"} if "qkv" in kinds else set()
    return [at.space(name) for kind in kinds for name in (f"{kind}.in", f"{kind}.out")] + [
        *map(at.space, sorted(inner))
    ]


def maps(
    pair: Pair, at: Between, crosses: Mapping[Space, Cross], settings: MapSettings, facts: MapFacts
) -> dict[Space, LinearMap]:
    """The maps of a sub-layer's projections, and of its spaces."""
    del pair, settings
    found: dict[Space, LinearMap] = {}
    for space, cross in crosses.items():
        found[space] = Isometry(polar(cross.product))
        facts.judge(space, found[space], cross)
    for space in list(found):
        kind, _, side = space.name.partition(".")
        names = (READS[kind],) if side == "in" else WRITES[kind] if side == "out" else ()
        if len(names) == 1:
            found.setdefault(at.space(names[0]), found[space])
    return found


def polar(products: np.ndarray) -> np.ndarray:
    """R (n_t, n_s) nearest to (n_t, n_s) ``products``; as LAPACK likes where they do not determine it."""
    left, _, right = svd(products, full_matrices=False, lapack_driver=procrustes.DRIVER)
    return left @ right
