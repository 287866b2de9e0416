"""Adapters: what goes down reads what the sub-layer wrote, what comes up is added to it; the bottleneck stays."""

import numpy as np

from peftport.maps.laws.law import Axis, Law, Parts, Route, Tensors, multiplied, scaled
from peftport.storage.provenance import JsonObject

PREFIX = "houlsby_"
KINDS = ("attention", "cross_attention", "feed_forward")
AXES = {
    f"{PREFIX}down_weight": (None, Axis("write", back=True)),
    f"{PREFIX}down_bias": (None,),
    f"{PREFIX}up_weight": (Axis("write"), None),
    f"{PREFIX}up_bias": (Axis("write"),),
}
ADDS = (f"{PREFIX}up_weight", f"{PREFIX}up_bias")
BOTTLENECK = {f"{PREFIX}down_weight": 0, f"{PREFIX}down_bias": 0, f"{PREFIX}up_weight": 1}  # the axis of its units


def mean(parts: Parts, most: int) -> tuple[Tensors, JsonObject]:
    """One adapter that adds the sum of the shares of several, exactly: their bottlenecks side by side.

    Units of a bottleneck have no order, so a mean of weights is a mean of nothing. All sites have one width, ``most``
    times the source's; units that are not needed are zero.
    """
    parts = [(share, scaled(LAW, tensors, share)) for share, tensors in parts]
    joined = {f"{PREFIX}up_bias": sum(tensors[f"{PREFIX}up_bias"] for _, tensors in parts)}
    for name, axis in BOTTLENECK.items():
        units = np.concatenate([tensors[name] for _, tensors in parts], axis=axis)
        width = parts[0][1][name].shape[axis]
        rest = [(0, 0)] * units.ndim
        rest[axis] = (0, (most - len(parts)) * width)
        joined[name] = np.pad(units, rest)
    return joined, {"times_as_wide": most}


def shared(tensors: Tensors, route: Route) -> tuple[Tensors, JsonObject]:
    """Adapters that all sites of a kind have in common: by the map of the layer in the middle.

    What they add is divided as what the layers of the source add together is by the target's; ``differs`` is how far
    the map of the most different site would have led elsewhere.
    """
    carried, differs = {}, 0.0
    for kind in (kind for kind in KINDS if f"base_model.{PREFIX}{kind}_up_weight" in tensors):
        visits = route.visits(kind)
        names = {name: f"base_model.{name.replace(PREFIX, f'{PREFIX}{kind}_')}" for name in AXES}
        middle, sites = visits[len(visits) // 2][0], sum(route.layers(stack) for stack, _ in route.target.sites[kind])
        moved = {name: multiplied(tensors[full], AXES[name], middle) for name, full in names.items()}
        up = f"{PREFIX}up_weight"
        size = np.linalg.norm(moved[up]) or 1.0
        others = (multiplied(tensors[names[up]], AXES[up], maps) for maps, _ in visits)
        differs = max(differs, *(float(np.linalg.norm(other - moved[up]) / size) for other in others))
        share = sum(share for _, share in visits) / sites
        carried |= {names[name]: tensor for name, tensor in scaled(LAW, moved, share).items()}
    return carried, {"differs": differs} if carried else {}


def config(fields: JsonObject, tensors: Tensors) -> JsonObject:
    """The bottleneck's width as a number: from a factor of the host's width another host would have another one."""
    return {"bottleneck": next(len(tensor) for name, tensor in tensors.items() if name.endswith("down_bias"))}


LAW = Law(kinds=KINDS, axes=AXES, adds=ADDS, chosen="sites", mean=mean, shared=shared, config=config)
