"""BART: an encoder-decoder with post-norm sub-layers without ``Dropout`` submodules, and learned positions.

Its output projections stand in as output sites. Tables of positions hold two rows more than the config's
``max_position_embeddings``, which its own code adds, so a text begins at position 0. Its decoder begins with a start
token and the tokenizer's first one, which is part of every answer (``peftport.prompting.lm_types.encoder_decoder``).
"""

from peftport.hosts.families.one_stack import ADDED_BY_THE_LAYER
from peftport.hosts.sites import Family, Sites, projections


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    encoder, decoder = "encoder.layers.{layer}", "decoder.layers.{layer}"
    encoder_self, decoder_self = ("encoder", f"{encoder}.self_attn"), ("decoder", f"{decoder}.self_attn")
    cross = ("decoder", f"{decoder}.encoder_attn")
    sites: Sites = {
        "attention": (("encoder", f"{encoder}.self_attn.out_proj"), ("decoder", f"{decoder}.self_attn.out_proj")),
        "cross_attention": (("decoder", f"{decoder}.encoder_attn.out_proj"),),
        "feed_forward": (("encoder", f"{encoder}.fc2"), ("decoder", f"{decoder}.fc2")),
        "encoder_self": (encoder_self,),
        "decoder_self": (decoder_self,),
        "cross": (cross,),
        "norm": (
            *((stack, f"{stack}.layers.{{layer}}.self_attn_layer_norm") for stack in ("encoder", "decoder")),
            ("decoder", f"{decoder}.encoder_attn_layer_norm"),
            *((stack, f"{stack}.layers.{{layer}}.final_layer_norm") for stack in ("encoder", "decoder")),
        ),
    }
    leaves = {kind: f"{kind}_proj" for kind in ("q", "k", "v")} | {"o": "out_proj"}
    sites |= projections((encoder_self, decoder_self, cross), leaves)
    sites |= projections((("encoder", encoder), ("decoder", decoder)), {"wi": "fc1", "wo": "fc2"})
    return Family(
        name,
        lm_type="encoder_decoder",
        head=("lm_head.weight",),
        below_head="model",
        task="SEQ_2_SEQ_LM",
        layers={"encoder": "encoder_layers", "decoder": "decoder_layers"},
        feed_forward="encoder_ffn_dim",
        sites=sites,
        norm_tensors=2,
        passed_over=r"model\.(encoder|decoder)\.version",  # a number that old checkpoints carry
        equal=(
            ("encoder_ffn_dim", "decoder_ffn_dim"),
            ("encoder_attention_heads", "decoder_attention_heads"),
        ),
        lacks={"attention_block": ADDED_BY_THE_LAYER},
    )
