"""Hosts that can be written in other coordinates, in which they compute the same; and what in a host forbids a change.

A host's function fixes its weights only up to changes of coordinates: of the basis of its residual stream, of the order
of its attention heads, of the order of the units of its feed-forward sub-layers.
"""

from dataclasses import dataclass

from peftport.hosts.families.table import family
from peftport.hosts.recipe_settings import CoordinateSettings


@dataclass(frozen=True)
class Beside:
    """What of a host stands in the residual stream beside its layers; names without the prefix of the model below the
    head.

    Attributes:
        embeddings: submodules whose rows are added to the stream.
        norms: of the stream, beside those of sub-layers.
    """

    embeddings: tuple[str, ...]
    norms: tuple[str, ...]


# model_type to what stands beside the layers
REWRITABLE: dict[str, Beside] = {
    "t5": Beside(
        ("shared", "encoder.embed_tokens", "decoder.embed_tokens"),
        ("encoder.final_layer_norm", "decoder.final_layer_norm"),
    ),
    "llama": Beside(("embed_tokens",), ("norm",)),
    "gpt2": Beside(("wte", "wpe"), ("ln_f",)),
    "bert": Beside(
        tuple(f"embeddings.{part}_embeddings" for part in ("word", "position", "token_type")), ("embeddings.LayerNorm",)
    ),
}
ROTATION = "rotation"
TIED = (
    "its output layer is its token embedding (tied), and the scale of its last norm cannot be moved there without "
    "untying them; take `stream: permutation`"
)


def refusal(coordinates: CoordinateSettings, model_type: str, tied: bool = False) -> str | None:
    """Why hosts of a ``model_type`` cannot be written in such coordinates; None if they can.

    Args:
        tied: whether the output layer is the token embedding; False where that is not known yet.
    """
    if model_type not in REWRITABLE:
        known = ", ".join(f"`{name}`" for name in REWRITABLE)
        return f"hosts of the type `{model_type}` are not written in other coordinates; those of {known} are"
    if coordinates.stream != ROTATION:
        return None
    if all(part.norm is None for part in family(model_type).stream.sublayers):
        return (
            f"the stream of a `{model_type}` host cannot be rotated: its norms stand in the stream, and their scales "
            "belong to its coordinates; take `stream: permutation`"
        )
    return f"the stream of this host cannot be rotated: {TIED}" if tied else None
