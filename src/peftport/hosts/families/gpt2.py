"""GPT-2: a decoder with one fused matrix for queries, keys and values, stored transposed (``Conv1D``)."""

from peftport.hosts.families.one_stack import decoder
from peftport.hosts.sites import Family
from peftport.hosts.stream import Stream, Sublayer

BELOW = {
    **{"attention": "attn.resid_dropout", "feed_forward": "mlp.dropout", "decoder_self": "attn"},
    **{"norm": ("ln_1", "ln_2"), "qkv": "attn.c_attn", "o": "attn.c_proj", "wi": "mlp.c_fc", "wo": "mlp.c_proj"},
}

STREAM = Stream(
    "wte",
    (
        Sublayer("decoder", "self", ("h.{layer}.attn",), "h.{layer}.ln_1"),
        Sublayer("decoder", "feed_forward", ("h.{layer}.mlp",), "h.{layer}.ln_2"),
    ),
    centred=True,
    final_norm="ln_f",
)


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    return decoder(
        name,
        "h.{layer}",
        BELOW,
        below_head="transformer",
        feed_forward="n_inner",
        transposed=True,
        norm_tensors=2,
        passed_over=r".*\battn\.masked_bias",  # a constant that old checkpoints carry
        stream=STREAM,
    )
