"""GPT-NeoX and Pythia: decoders with parallel sub-layers, and one fused matrix for queries, keys and values.

The rows of that matrix are interleaved, head by head (queries, keys and values of head 0, then of head 1). Nothing
here takes it apart: a technique names it whole, as ``qkv``.
"""

from peftport.hosts.families.one_stack import INVERSE_FREQUENCIES, decoder
from peftport.hosts.sites import Family

BELOW = {
    **{"attention": "post_attention_dropout", "feed_forward": "post_mlp_dropout", "decoder_self": "attention"},
    "norm": ("input_layernorm", "post_attention_layernorm"),
    **{"qkv": "attention.query_key_value", "o": "attention.dense"},
    **{"wi": "mlp.dense_h_to_4h", "wo": "mlp.dense_4h_to_h"},
}
READS_NORMED = {"attention.query_key_value": "input_layernorm", "mlp.dense_h_to_4h": "post_attention_layernorm"}
HEAD = ("embed_out.weight", "lm_head.weight")  # in published files, and as transformers 5 names it
CONSTANTS = rf"{INVERSE_FREQUENCIES}|.*\battention\.(masked_)?bias"


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    return decoder(
        name,
        "layers.{layer}",
        BELOW,
        head=HEAD,
        below_head="gpt_neox",
        norm_tensors=2,
        passed_over=CONSTANTS,
        reads_normed=READS_NORMED,
    )
