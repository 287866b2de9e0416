"""LoRA: the update ``B A`` becomes ``M_out B A M_in^+``, so its rank never rises."""

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


def config(fields: JsonObject, tensors: Tensors) -> JsonObject:
    """No field depends on a size of the host.

    Raises:
        NotCarried: it is no plain LoRA.
    """
    if other := [name for name in OTHER_FORMS if fields.get(name)]:
        raise NotCarried(f"only plain LoRAs of one rank are carried; this one has {', '.join(other)}")
    return {}


LAW = Law(
    kinds=PROJECTIONS,
    axes={DOWN: (None, Axis(IN, back=True)), UP: (Axis(OUT), None)},
    adds=(UP,),
    chosen="targets",
    mean=mean,
    config=config,
)
