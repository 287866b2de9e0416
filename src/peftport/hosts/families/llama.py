"""LLaMA and decoders of its layout, one row each.

An output site is the last submodule of its sub-layer. LLaMA has no dropout there, so its output projections stand in.
In Gemma and OLMo 2 it is the norm behind the projection: what a module adds in front of a norm would be divided by the
size of the sum, and nothing would be left of it where it points along the sub-layer's own output.

The norms of queries and keys (Qwen3, Gemma 3, OLMo 2) are no sites: ``norm`` are the layer norms of sub-layers.
"""

from peftport.hosts.families.one_stack import Below, Facts, decoder
from peftport.hosts.sites import Family
from peftport.hosts.stream import Stream, Sublayer

LAYER = "layers.{layer}"
SEPARATE: Below = {
    **{kind: f"self_attn.{kind}_proj" for kind in ("q", "k", "v")},
    "wi_0": "mlp.gate_proj",
    "wi_1": "mlp.up_proj",
}
FUSED: Below = {"qkv": "self_attn.qkv_proj", "wi_01": "mlp.gate_up_proj"}
COMMON: Below = {"decoder_self": "self_attn", "o": "self_attn.o_proj", "wo": "mlp.down_proj"}
PROJECTIONS_LAST: Below = {"attention": "self_attn.o_proj", "feed_forward": "mlp.down_proj"}
NORMS_LAST: Below = {"attention": "post_attention_layernorm", "feed_forward": "post_feedforward_layernorm"}
DROPOUTS_LAST: Below = {"attention": "resid_attn_dropout", "feed_forward": "resid_mlp_dropout"}
NORMS_BEFORE: Below = {"norm": ("input_layernorm", "post_attention_layernorm")}
NORMS_AFTER: Below = {"norm": ("post_attention_layernorm", "post_feedforward_layernorm")}
NORMS_AROUND: Below = {"norm": (*NORMS_BEFORE["norm"], "pre_feedforward_layernorm", "post_feedforward_layernorm")}
# of hosts whose norms stand in front of their sub-layers alone; behind a norm a map of what is written is another one
STREAM: Facts = {
    "stream": Stream(
        "embed_tokens",
        (
            Sublayer(
                "decoder", "self", (f"{LAYER}.self_attn", f"{LAYER}.resid_attn_dropout"), f"{LAYER}.input_layernorm"
            ),
            Sublayer(
                "decoder",
                "feed_forward",
                (f"{LAYER}.mlp", f"{LAYER}.resid_mlp_dropout"),
                f"{LAYER}.post_attention_layernorm",
            ),
        ),
        rotary=True,
        final_norm="norm",
    )
}

BEFORE_ATTENTION = "input_layernorm"
BEFORE_FEED_FORWARD = ("pre_feedforward_layernorm", "post_attention_layernorm")  # the first that there is
GEMMA: Facts = {"norm_begins": 1.0}
CAPPED: Facts = {"attention_implementation": "eager"}  # Gemma 2 caps its scores

# model_type to what it has where LLaMA has something else: sites below a layer, and other fields of the family
ROWS: dict[str, tuple[Below, Facts]] = {
    "llama": (PROJECTIONS_LAST | SEPARATE | NORMS_BEFORE, STREAM),
    "mistral": (PROJECTIONS_LAST | SEPARATE | NORMS_BEFORE, STREAM),
    "qwen2": (PROJECTIONS_LAST | SEPARATE | NORMS_BEFORE, STREAM),
    "qwen3": (PROJECTIONS_LAST | SEPARATE | NORMS_BEFORE, {}),
    "phi3": (DROPOUTS_LAST | FUSED | NORMS_BEFORE, STREAM),
    "olmo2": (NORMS_LAST | SEPARATE | NORMS_AFTER, {}),
    "gemma2": (NORMS_LAST | SEPARATE | NORMS_AROUND, GEMMA | CAPPED),
    "gemma3_text": (NORMS_LAST | SEPARATE | NORMS_AROUND, GEMMA),
}


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    below, facts = ROWS[name]
    norms: Facts = {} if "stream" in facts else {"reads_normed": reads_normed(below)}
    return decoder(name, LAYER, COMMON | below, **norms, **facts)


def reads_normed(below: Below) -> dict[str, str]:
    """Which projections read the output of which norm, where norms stand before the sub-layers."""
    if BEFORE_ATTENTION not in below["norm"]:
        return {}
    before_feed_forward = next(norm for norm in BEFORE_FEED_FORWARD if norm in below["norm"])
    attention = {below[kind]: BEFORE_ATTENTION for kind in ("q", "k", "v", "qkv") if kind in below}
    return attention | {below[kind]: before_feed_forward for kind in ("wi_0", "wi_1", "wi_01") if kind in below}
