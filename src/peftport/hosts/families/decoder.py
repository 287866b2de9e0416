"""What the families of decoders have in common: one stack, asked by what it writes behind a prompt."""

from collections.abc import Mapping
from typing import Any

from peftport.hosts.sites import Family

INVERSE_FREQUENCIES = r".*\brotary_emb\.inv_freq"  # of rotary positions: computed from the config, in old files too

Below = Mapping[str, str | tuple[str, ...]]


def decoder(name: str, layer: str, below: Below, **facts: Any) -> Family:
    """A family of decoders.

    Args:
        name: transformers' ``model_type``.
        layer: name of a layer, with ``{layer}`` for its index.
        below: kind of site to the name below the layer; several names where a layer has several sites of the kind.
        facts: further fields of the family, and those that differ from most decoders'.
    """
    usual = {"head": ("lm_head.weight",), "layers": {"decoder": "num_hidden_layers"}}
    usual |= {"feed_forward": "intermediate_size", "passed_over": INVERSE_FREQUENCIES}
    places = {kind: (part,) if isinstance(part, str) else part for kind, part in below.items()}
    sites = {kind: tuple(("decoder", f"{layer}.{part}") for part in parts) for kind, parts in places.items()}
    return Family(name, lm_type="causal", task="CAUSAL_LM", sites=sites, **usual | facts)
