"""Prompt tuning: virtual tokens are embeddings, and go where the embeddings of tokens go."""

import numpy as np

from peftport.hosts.families.table import family
from peftport.maps.laws.law import Law, Route, Tensors
from peftport.maps.spaces import EMBEDDING
from peftport.storage.provenance import JsonObject


def shared(tensors: Tensors, route: Route) -> tuple[Tensors, JsonObject]:
    """The prompt (length, d) in the target's embedding."""
    linear = route.correspondence.embedding()
    return {name: np.ascontiguousarray(linear.forward(tensor.T).T) for name, tensor in tensors.items()}, {}


def refusals(settings: JsonObject, source: JsonObject, target: JsonObject) -> list[str]:
    """Why a prompt cannot be carried: the target takes none."""
    shape, lines = target["shape"], []
    if family(target["model_type"]).task is None:
        lines.append(f"hosts of the family {target['model_type']!r} take no prompt")
    if (wide := shape.get("embedding", shape.get("d_model"))) != shape.get("d_model"):
        lines.append(f"the embeddings of {target.get('host')} are {wide} wide and its layers {shape['d_model']}")
    return lines


LAW = Law(neutral=None, shared=shared, refusals=refusals, touches=lambda kinds: {EMBEDDING})
