"""LLaMA and hosts of its shape: decoders without dropout, so their output projections stand in as output sites."""

from peftport.hosts.sites import Family, Sites, projections


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    layer = "layers.{layer}"
    leaves = {kind: f"self_attn.{kind}_proj" for kind in ("q", "k", "v", "o")}
    leaves |= {"wi_0": "mlp.gate_proj", "wi_1": "mlp.up_proj", "wo": "mlp.down_proj"}
    sites: Sites = {
        "attention": (("decoder", f"{layer}.self_attn.o_proj"),),
        "feed_forward": (("decoder", f"{layer}.mlp.down_proj"),),
        "decoder_self": (("decoder", f"{layer}.self_attn"),),
        "norm": (("decoder", f"{layer}.input_layernorm"), ("decoder", f"{layer}.post_attention_layernorm")),
    }
    sites |= projections((("decoder", layer),), leaves)
    return Family(
        name,
        lm_type="causal",
        head=("lm_head.weight",),
        task="CAUSAL_LM",
        layers={"decoder": "num_hidden_layers"},
        feed_forward="intermediate_size",
        sites=sites,
        passed_over=r".*\brotary_emb\.inv_freq",  # computed from the config
    )
