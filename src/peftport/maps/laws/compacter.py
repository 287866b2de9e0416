"""Compacters: sums of Kronecker products, which stay such only under maps ``I_n (x) R'`` of the stream.

Any other map would leave a matrix that no compacter is, and the nearest one loses most of it. So it is refused.
"""

import numpy as np

from peftport.maps.laws.law import Law, NotCarried, SiteMaps, Tensors
from peftport.maps.linear import LinearMap
from peftport.storage.provenance import JsonObject

PREFIX = "compacter_"
LEFT, RIGHT, BIAS = (f"{PREFIX}{part}" for part in ("down_left", "up_right", "up_bias"))
REST = ("rule", "down_right", "down_bias", "up_left")  # of the module's own coordinates
NEAR = 1e-5  # maps are kept in float32


def carry(tensors: Tensors, maps: SiteMaps) -> Tensors:
    """The tensors of one site: only what is as wide as the host changes.

    Raises:
        NotCarried: the map of the stream has no such form.
    """
    linear, parts = maps["write"], tensors[LEFT].shape[0]
    forward, back = block(linear, parts, back=False), block(linear, parts, back=True)
    return tensors | {
        LEFT: np.einsum("ij,nir->njr", back, tensors[LEFT]),
        RIGHT: np.einsum("nri,ji->nrj", tensors[RIGHT], forward),
        BIAS: linear.forward(tensors[BIAS]),
    }


def block(linear: LinearMap, parts: int, *, back: bool) -> np.ndarray:
    """R' of a map ``I_parts (x) R'``, or of its left inverse.

    Raises:
        NotCarried: it is none.
    """
    n_t, n_s = linear.shape
    dense = linear.back(np.eye(n_s)) if back else linear.forward(np.eye(n_s))
    rows, columns = dense.shape
    if rows % parts == 0 and columns % parts == 0:
        blocks = dense.reshape(parts, rows // parts, parts, columns // parts)
        first = blocks[0, :, 0]
        if np.abs(dense - np.kron(np.eye(parts), first)).max() <= NEAR * np.abs(dense).max():
            return first
    raise NotCarried(
        f"a compacter of {parts} parts follows only a map that does the same to each of {parts} equal parts of the "
        f"stream, and the map here ({n_s} to {n_t}) does not. Copy it, or carry adapters instead"
    )


def config(fields: JsonObject, tensors: Tensors) -> JsonObject:
    """The bottleneck's width as a number."""
    return {"bottleneck": next(len(tensor) for name, tensor in tensors.items() if name.endswith("down_bias"))}


def refusals(settings: JsonObject, source: JsonObject, target: JsonObject) -> list[str]:
    """Why compacters cannot be carried: their parts do not divide the target's width, or the widths differ.

    Between equal widths the map decides, when it is there.
    """
    wide = [card["shape"].get("d_model") for card in (source, target)]
    if None in wide or wide[0] == wide[1]:
        return []
    return [
        f"width: {wide[0]} in {source.get('host')}, {wide[1]} in {target.get('host')}; sums of Kronecker products "
        "do not survive a change of width. Carry adapters instead"
    ]


LAW = Law(
    kinds=("attention", "cross_attention", "feed_forward"),
    axes={LEFT: (), RIGHT: (), BIAS: (), **{f"{PREFIX}{part}": () for part in REST}},
    adds=(RIGHT, BIAS),
    chosen="sites",
    carry=carry,
    config=config,
    refusals=refusals,
    touches=lambda kinds: {"write"},
)
