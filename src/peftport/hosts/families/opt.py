"""OPT: decoders with learned positions; their norms stand before the sub-layers, in OPT-350m behind the residual sum.

OPT's dropout is no submodule, so the output projections stand in as output sites. Its table of positions has two rows
more than ``max_position_embeddings``, and the host itself counts from the third. In OPT-350m the embeddings are
narrower than the layers: a prompt would have to be as narrow, and peft makes it as wide as the layers.
"""

from peftport.hosts.families.one_stack import decoder
from peftport.hosts.sites import Family

BELOW = {
    **{"attention": "self_attn.out_proj", "feed_forward": "fc2", "decoder_self": "self_attn"},
    "norm": ("self_attn_layer_norm", "final_layer_norm"),
    **{kind: f"self_attn.{kind}_proj" for kind in ("q", "k", "v")},
    **{"o": "self_attn.out_proj", "wi": "fc1", "wo": "fc2"},
}


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    return decoder(name, "decoder.layers.{layer}", BELOW, feed_forward="ffn_dim", norm_tensors=2)
