"""LoRA: the update ``B A`` becomes ``M_out B A M_in^+``, so its rank never rises."""

import math
from collections.abc import Sequence

import numpy as np

from peftport.hosts.sites import PROJECTIONS
from peftport.maps.laws.law import IN, OUT, Axis, Law, NotCarried, Parts, Tensors, scaled
from peftport.storage.provenance import JsonObject

DOWN, UP = "lora_A.weight", "lora_B.weight"
# fields with which a site has more, or something else, than one product of one rank
OTHER_FORMS = ("use_dora", "rank_pattern", "alpha_pattern", "layer_replication", "target_parameters", "lora_bias")


def mean(parts: Parts, most: int) -> tuple[Tensors, JsonObject]:
    """One update of the rank of each that is nearest to the sum of their shares, and the energy that it keeps.

    The factors are stacked, so that their product is the sum, and cut back to the rank by the singular values of a
    matrix as small as the ranks together. Singular vectors have the sign that makes their largest entry positive.
    """
    if len(parts) == 1:
        return scaled(LAW, parts[0][1], parts[0][0]), {}
    rank = parts[0][1][DOWN].shape[0]
    up = np.concatenate([share * tensors[UP] for share, tensors in parts], axis=1)
    down = np.concatenate([tensors[DOWN] for _, tensors in parts])
    left, upper = np.linalg.qr(up)
    right, lower = np.linalg.qr(down.T)
    u, sizes, v = np.linalg.svd(upper @ lower.T)
    kept = min(rank, len(sizes))
    roots = np.sqrt(sizes[:kept])
    columns, rows = left @ u[:, :kept] * roots, roots[:, None] * (v[:kept] @ right.T)
    largest = np.take_along_axis(columns, abs(columns).argmax(0)[None], axis=0)[0]
    signs = np.where(largest < 0, -1.0, 1.0)
    new_up, new_down = np.zeros((len(up), rank)), np.zeros((rank, down.shape[1]))
    new_up[:, :kept], new_down[:kept] = columns * signs, rows * signs[:, None]
    total = float((sizes**2).sum())
    energy = float((sizes[:kept] ** 2).sum()) / total if total else 1.0
    return {DOWN: new_down, UP: new_up}, {"kept_energy": energy}


def split(tensors: Tensors, sizes: Sequence[int]) -> list[Tensors]:
    """The updates of the parts of a fused projection: each has its rows of B, and all have the same A."""
    return [tensors | {UP: rows} for rows in np.split(tensors[UP], np.cumsum(sizes)[:-1])]


def join(parts: Sequence[Tensors | None], sizes: Sequence[int]) -> Tensors:
    """The update of a fused projection from those of its parts: A below each other, B on a diagonal of blocks."""
    ups = [np.zeros((size, 0)) if part is None else part[UP] for part, size in zip(parts, sizes, strict=True)]
    down = np.concatenate([part[DOWN] for part in parts if part is not None])
    up, ends = np.zeros((sum(sizes), len(down))), np.cumsum([0, *(block.shape[1] for block in ups)])
    for rows, block, start in zip(np.split(up, np.cumsum(sizes)[:-1]), ups, ends, strict=False):
        rows[:, start : start + block.shape[1]] = block
    return {DOWN: down, UP: up}


def evened(sites: Sequence[Tensors]) -> list[Tensors]:
    """The updates of all sites with the largest rank among them: what is more than their own is zero."""
    ranks = [tensors[DOWN].shape[0] for tensors in sites]
    more = [max(ranks) - rank for rank in ranks]
    return [
        {DOWN: np.pad(tensors[DOWN], [(0, rest), (0, 0)]), UP: np.pad(tensors[UP], [(0, 0), (0, rest)])}
        for tensors, rest in zip(sites, more, strict=True)
    ]


def config(fields: JsonObject, tensors: Tensors) -> JsonObject:
    """The rank, where it is no longer the source's, and an alpha by which updates stay as large.

    Raises:
        NotCarried: it is no plain LoRA.
    """
    if other := [name for name in OTHER_FORMS if fields.get(name)]:
        raise NotCarried(f"only plain LoRAs of one rank are carried; this one has {', '.join(other)}")
    rank = next((len(tensor) for name, tensor in tensors.items() if name.endswith(DOWN)), None)
    if rank in (None, fields.get("r", rank)):
        return {}
    times = rank / fields["r"]
    return {"r": rank, "lora_alpha": fields["lora_alpha"] * (math.sqrt(times) if fields.get("use_rslora") else times)}


LAW = Law(
    kinds=PROJECTIONS,
    axes={DOWN: (None, Axis(IN, back=True)), UP: (Axis(OUT), None)},
    adds=(UP,),
    chosen="targets",
    mean=mean,
    config=config,
    split=split,
    join=join,
    evened=evened,
)
