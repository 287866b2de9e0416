"""Compacters: sums of Kronecker products, which stay such only under maps ``I_n (x) R'`` of the stream.

Any other map would leave a matrix that no compacter is, and the nearest one loses most of it. Then the products are
multiplied out and carried as adapters, which add the same and have more parameters.
"""

import numpy as np

from peftport.maps.laws.law import Law, OnlyInstead, SiteMaps, Tensors
from peftport.maps.linear import LinearMap
from peftport.storage.provenance import JsonObject

PREFIX = "compacter_"
LEFT, RIGHT, BIAS = (f"{PREFIX}{part}" for part in ("down_left", "up_right", "up_bias"))
REST = ("rule", "down_right", "down_bias", "up_left")  # of the module's own coordinates
PARTS = ("down_left", "down_right", "down_bias", "up_left", "up_right", "up_bias")
RULE = f"{PREFIX}rule"
SHARED_RULE = f"base_model.{RULE}"
ADAPTERS, ADAPTER = "HOULSBY", "houlsby_"  # peft's type of adapters, and how their tensors begin
OF_PRODUCTS = ("division", "rank", "share_rule", "rule_std", "glorot_gain")  # fields of a config that adapters lack
NEAR = 1e-5  # maps are kept in float32


def carry(tensors: Tensors, maps: SiteMaps) -> Tensors:
    """The tensors of one site: only what is as wide as the host changes.

    Raises:
        OnlyInstead: the map of the stream has no such form.
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
        OnlyInstead: it is none.
    """
    n_t, n_s = linear.shape
    dense = linear.back(np.eye(n_s)) if back else linear.forward(np.eye(n_s))
    rows, columns = dense.shape
    if rows % parts == 0 and columns % parts == 0:
        blocks = dense.reshape(parts, rows // parts, parts, columns // parts)
        first = blocks[0, :, 0]
        if np.abs(dense - np.kron(np.eye(parts), first)).max() <= NEAR * np.abs(dense).max():
            return first
    raise OnlyInstead(
        f"a compacter of {parts} parts follows only a map that does the same to each of {parts} equal parts of the "
        f"stream, and the map here ({n_s} to {n_t}) does not"
    )


def config(fields: JsonObject, tensors: Tensors) -> JsonObject:
    """The bottleneck's width as a number."""
    return {"bottleneck": next(len(tensor) for name, tensor in tensors.items() if name.endswith("down_bias"))}


def instead(fields: JsonObject, tensors: Tensors) -> tuple[JsonObject, Tensors]:
    """Config and tensors of the adapters that add what these compacters add.

    Their sums of Kronecker products are multiplied out, (bottleneck, d) down and (d, bottleneck) up.
    """
    new: Tensors = {}
    for name in (name for name in tensors if name.endswith(f".{LEFT}")):
        site = name.removesuffix(LEFT)
        own = {part: tensors[f"{site}{PREFIX}{part}"] for part in PARTS}
        rule = tensors.get(f"{site}{RULE}", tensors.get(SHARED_RULE))
        for side in ("down", "up"):
            new[f"{site}{ADAPTER}{side}_weight"] = _product(rule, own[f"{side}_left"], own[f"{side}_right"]).T
            new[f"{site}{ADAPTER}{side}_bias"] = own[f"{side}_bias"]
    kept = {name: value for name, value in fields.items() if name not in OF_PRODUCTS}
    return kept | {"peft_type": ADAPTERS, "share": "none", "init_std": 0.01} | config(fields, new), new


def _product(rule: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``sum_i rule_i (x) left_i right_i``, (inputs, outputs)."""
    return sum(np.kron(*factors) for factors in zip(rule, left @ right, strict=True))


LAW = Law(
    kinds=("attention", "cross_attention", "feed_forward"),
    axes={LEFT: (), RIGHT: (), BIAS: (), **{f"{PREFIX}{part}": () for part in REST}},
    adds=(RIGHT, BIAS),
    chosen="sites",
    carry=carry,
    config=config,
    instead=instead,
    touches=lambda kinds: {"write"},
)
