"""What families of hosts of one stack have in common: decoders, and encoders that are masked language models."""

from collections.abc import Mapping
from typing import TypedDict, Unpack

from peftport.hosts.sites import Family
from peftport.hosts.stream import Stream

INVERSE_FREQUENCIES = r".*\brotary_emb\.inv_freq"  # of rotary positions: computed from the config, in old files too
ADDED_BY_THE_LAYER = "the layer itself adds the residual, in no submodule of its own"  # why there is no attention_block

Below = Mapping[str, str | tuple[str, ...]]


class Facts(TypedDict, total=False):
    """Fields of a family beside its sites (``peftport.hosts.sites.Family``)."""

    head: tuple[str, ...]
    below_head: str
    layers: Mapping[str, str]
    feed_forward: str
    transposed: bool
    norm_tensors: int
    first_position: int
    passed_over: str
    told: Mapping[str, str]
    lacks: Mapping[str, str]
    from_second: tuple[str, ...]
    attention_implementation: str
    classification: tuple[str, ...]
    language_model_head: str
    reads_normed: Mapping[str, str]
    norm_begins: float
    stream: Stream


USUAL: Facts = {"feed_forward": "intermediate_size"}
OF_DECODERS: Facts = {"head": ("lm_head.weight",), "below_head": "model", "passed_over": INVERSE_FREQUENCIES}


def decoder(name: str, layer: str, below: Below, **facts: Unpack[Facts]) -> Family:
    """A family of decoders, asked by what they write behind a prompt.

    Args:
        name: transformers' ``model_type``.
        layer: name of a layer, with ``{layer}`` for its index.
        below: kind of site to the name below the layer; several names where a layer has several sites of the kind.
        facts: further fields of the family, and those that differ from most decoders'.
    """
    usual = USUAL | OF_DECODERS | {"layers": {"decoder": "num_hidden_layers"}}
    return Family(name, lm_type="causal", task="CAUSAL_LM", sites=_sites("decoder", layer, below), **usual | facts)


def encoder(name: str, layer: str, below: Below, **facts: Unpack[Facts]) -> Family:
    """A family of encoders with a masked language model's head; arguments as those of ``decoder``.

    peft 0.21 has no type for masked language models: as FEATURE_EXTRACTION a prompt makes the rows longer and not their
    labels, and ``disable_adapter()`` asks the host for what only hosts that generate have. So their ``task`` is None.
    """
    usual = USUAL | {"layers": {"encoder": "num_hidden_layers"}}
    return Family(name, lm_type="masked", task=None, sites=_sites("encoder", layer, below), **usual | facts)


def _sites(stack: str, layer: str, below: Below) -> dict[str, tuple[tuple[str, str], ...]]:
    places = {kind: (part,) if isinstance(part, str) else part for kind, part in below.items()}
    return {kind: tuple((stack, f"{layer}.{part}") for part in parts) for kind, parts in places.items()}
