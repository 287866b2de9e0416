"""ModernBERT: a pre-norm encoder with rotary positions, whose layers see all tokens or only near ones by turns.

Queries, keys and values are one matrix, and so are the two inner projections of the gated feed-forward sub-layer. The
first layer has no norm before its attention (the norm of the embeddings stands there). A prefix has no position, so
every token sees it in the near-sighted layers too.
"""

from peftport.hosts.sites import Family, Sites, projections


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    layer = "layers.{layer}"
    sites: Sites = {
        "attention": (("encoder", f"{layer}.attn.out_drop"),),
        "feed_forward": (("encoder", f"{layer}.mlp.Wo"),),
        "encoder_self": (("encoder", f"{layer}.attn"),),
        "norm": (("encoder", f"{layer}.attn_norm"), ("encoder", f"{layer}.mlp_norm")),
    }
    leaves = {"qkv": "attn.Wqkv", "o": "attn.Wo", "wi_01": "mlp.Wi", "wo": "mlp.Wo"}
    sites |= projections((("encoder", layer),), leaves)
    fused = "queries, keys and values are one matrix here, qkv"
    return Family(
        name,
        lm_type="masked",
        head=("decoder.weight",),
        task=None,  # as BERT's
        layers={"encoder": "num_hidden_layers"},
        feed_forward="intermediate_size",
        sites=sites,
        from_second=(f"{layer}.attn_norm",),
        lacks=dict.fromkeys(("q", "k", "v"), fused)
        | dict.fromkeys(("wi_0", "wi_1"), "the two are one matrix here, wi_01")
        | {"attention_block": "the layer itself adds the residual, in no submodule of its own"},
    )
