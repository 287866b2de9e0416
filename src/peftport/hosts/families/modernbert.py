"""ModernBERT: a pre-norm encoder with rotary positions, whose layers see all tokens or only near ones by turns.

Queries, keys and values are one matrix, and so are the two inner projections of the gated feed-forward sub-layer. The
first layer has no norm before its attention (the norm of the embeddings stands there). A prefix has no position, so
every token sees it in the near-sighted layers too.
"""

from peftport.hosts.families.one_stack import ADDED_BY_THE_LAYER, encoder
from peftport.hosts.sites import Family

LAYER = "layers.{layer}"
BELOW = {
    **{"attention": "attn.out_drop", "feed_forward": "mlp.Wo", "encoder_self": "attn"},
    "norm": ("attn_norm", "mlp_norm"),
    **{"qkv": "attn.Wqkv", "o": "attn.Wo", "wi_01": "mlp.Wi", "wo": "mlp.Wo"},
}
LACKS = {
    **dict.fromkeys(("q", "k", "v"), "queries, keys and values are one matrix here, qkv"),
    **dict.fromkeys(("wi_0", "wi_1"), "the two are one matrix here, wi_01"),
    "attention_block": ADDED_BY_THE_LAYER,
}


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    return encoder(
        name,
        LAYER,
        BELOW,
        head=("decoder.weight",),
        below_head="model",
        reads_normed={"attn.Wqkv": "attn_norm", "mlp.Wi": "mlp_norm"},
        from_second=(f"{LAYER}.attn_norm",),
        lacks=LACKS,
        classification=("head", "classifier"),
        language_model_head=r"decoder\..+",
    )
