"""GPT-2: a decoder with one fused matrix for queries, keys and values, stored transposed (``Conv1D``)."""

from peftport.hosts.sites import Family, Sites, projections


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    layer = "h.{layer}"
    sites: Sites = {
        "attention": (("decoder", f"{layer}.attn.resid_dropout"),),
        "feed_forward": (("decoder", f"{layer}.mlp.dropout"),),
        "decoder_self": (("decoder", f"{layer}.attn"),),
        "norm": (("decoder", f"{layer}.ln_1"), ("decoder", f"{layer}.ln_2")),
    }
    leaves = {"qkv": "attn.c_attn", "o": "attn.c_proj", "wi": "mlp.c_fc", "wo": "mlp.c_proj"}
    sites |= projections((("decoder", layer),), leaves)
    return Family(
        name,
        lm_type="causal",
        head=("lm_head.weight",),
        task="CAUSAL_LM",
        layers={"decoder": "num_hidden_layers"},
        feed_forward="n_inner",
        sites=sites,
        transposed=True,
        norm_tensors=2,
        passed_over=r".*\battn\.masked_bias",  # a constant that old checkpoints carry
    )
