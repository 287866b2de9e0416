"""What reads and writes the residual stream of a host: facts of a family that a map between unequal hosts needs.

A *sub-layer* reads the stream through a norm, or as it is where the norm stands behind the residual sum (BERT), and
writes to it. A *space* is one of the vector spaces that its tensors act between (``peftport.maps.spaces``).
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Sublayer:
    """One sub-layer of every layer of a stack.

    Attributes:
        stack: ``encoder`` or ``decoder``.
        name: ``self`` or ``cross`` for an attention, ``feed_forward``.
        owners: templates of the submodules that hold its sites, ``{layer}`` for the layer's index.
        norm: template of the norm in front of what reads the stream; None where it reads the stream as it is.
        memory_norm: the norm behind which the keys and values of a cross-attention read; None where they read as
            the queries do.
    """

    stack: str
    name: Literal["self", "cross", "feed_forward"]
    owners: tuple[str, ...]
    norm: str | None
    memory_norm: str | None = None


@dataclass(frozen=True)
class Stream:
    """The residual stream of a family.

    Attributes:
        embedding: name of the submodule with the token embeddings.
        sublayers: all kinds of sub-layers, in the order of the forward pass.
        centred: whether norms take the mean away (LayerNorm); RMSNorm does not.
        divided: whether attention scores are divided by the root of a head's width.
        rotary: whether queries and keys are rotated by their positions, pair by pair.
        bias_in_first: whether the first layer of a stack holds the position biases of all its self-attentions (T5), so
            that all their heads have one order.
        final_norm: the norm through which the output layer reads the stream; None where something else reads it first.
    """

    embedding: str
    sublayers: tuple[Sublayer, ...]
    centred: bool = False
    divided: bool = True
    rotary: bool = False
    bias_in_first: bool = False
    final_norm: str | None = None
