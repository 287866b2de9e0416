"""Prefix tuning: keys and values go where the host's keys and values go; the stream does not touch them.

With a reparameterisation the layer that makes the prefix, ``tanh(E W + b)``, reads nothing of the host. ``E`` and ``W``
are as wide as the host only so as to be of some width, so they stay where the widths agree, are padded with zeros where
the target is wider, and are factored anew where it is narrower, which loses something only where their product has
more dimensions than the target.
"""

import numpy as np

from peftport.maps.laws.law import Axis, Law, NotCarried, Parts, Route, SiteMaps, Tensors, multiplied, plain_mean
from peftport.storage.provenance import JsonObject

KEY, VALUE = Axis("k"), Axis("v")
AXES = {
    "prefix_tuning_key": (None, KEY),
    "prefix_tuning_value": (None, VALUE),
    "prefix_tuning_key_bias": (KEY,),
    "prefix_tuning_value_bias": (VALUE,),
}


def carry(tensors: Tensors, maps: SiteMaps) -> Tensors:
    """The keys and values of one attention.

    Raises:
        NotCarried: a head of the target has no counterpart. No prefix does nothing: a key of zeros takes attention too.
    """
    for space in ("k", "v"):
        stands = maps[space].squared(np.ones(maps[space].shape[1])).reshape(maps.heads, -1).any(1)
        if not stands.all():
            where = f"{maps.place.stack} layer {maps.place.layer}, {maps.place.sublayer}"
            raise NotCarried(
                f"heads of the target without a counterpart ({where}) would need a prefix that does nothing, and there "
                "is none"
            )
    return {name: multiplied(tensor, AXES[name], maps) for name, tensor in tensors.items()}


def mean(parts: Parts, most: int) -> tuple[Tensors, JsonObject]:
    """The weighted mean of several prefixes: right to first order."""
    return plain_mean(LAW, parts), {}


def shared(tensors: Tensors, route: Route) -> tuple[Tensors, JsonObject]:
    """The layers that make the prefixes, with an ``E`` (length, d) and a ``W`` (w, d) of the target's width."""
    old, new = (shape["d_model"] for shape in route.shapes)
    carried, energies = dict(tensors), []
    for embedding in (name for name in tensors if name.endswith("_embedding") and old != new):
        weight = embedding.removesuffix("_embedding") + "_weight"
        rows, columns = tensors[embedding], tensors[weight]
        if new > old:
            wider = [(0, 0), (0, new - old)]
            carried |= {embedding: np.pad(rows, wider), weight: np.pad(columns, wider)}
            continue
        carried[embedding], carried[weight], energy = _narrowed(rows, columns, new)
        energies.append(energy)
    return carried, {"kept_energy": min(energies)} if energies else {}


def _narrowed(rows: np.ndarray, columns: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Factors (a, width) and (b, width) of ``rows columns^T``, the first one's entries as large as before; and the
    energy that they keep."""
    u, sizes, v = np.linalg.svd(rows @ columns.T, full_matrices=False)
    kept = min(width, len(sizes))
    left, right = u[:, :kept], v[:kept].T * sizes[:kept]
    signs = np.sign(np.take_along_axis(left, abs(left).argmax(0)[None], axis=0)[0])
    size = np.sqrt((rows**2).mean() / (left**2).mean()) or 1.0  # of nothing nothing is left
    rest = [(0, 0), (0, width - kept)]
    energy = float((sizes[:kept] ** 2).sum() / max((sizes**2).sum(), np.finfo(float).tiny))
    return np.pad(left * signs * size, rest), np.pad(right * signs / size, rest), energy


def refusals(settings: JsonObject, source: JsonObject, target: JsonObject) -> list[str]:
    """Why prefixes cannot be carried: heads of the target are sure to have no counterpart."""
    shapes = [card["shape"] for card in (source, target)]
    grouped = any(shape.get("key_value_heads", shape.get("heads")) != shape.get("heads") for shape in shapes)
    here, there = (shape.get("heads") for shape in shapes)
    if grouped or here is None or there is None or there <= here:
        return []
    return [f"heads: {here} in {source.get('host')}, {there} in {target.get('host')}; no prefix of a head does nothing"]


LAW = Law(
    kinds=("encoder_self", "decoder_self", "cross"),
    axes=AXES,
    neutral=None,
    chosen="attentions",
    carry=carry,
    mean=mean,
    shared=shared,
    refusals=refusals,
)
