"""T5, T5 v1.1, Flan-T5, mT5 and umT5: encoder-decoders with pre-norm sub-layers that end in a ``Dropout``.

umT5 has a table of relative positions in every self-attention, T5 in the first of each stack only.
"""

from peftport.hosts.sites import Family, projections
from peftport.hosts.stream import Stream, Sublayer

# the config attribute by which transformers 5 scales what goes into the output layer; mT5 it never scales
SCALED = {"t5": "scale_decoder_outputs", "umt5": "tie_word_embeddings"}
SUBLAYERS = (
    *(
        Sublayer(
            stack,
            part,
            (f"{stack}.block.{{layer}}.layer.{place}",),
            f"{stack}.block.{{layer}}.layer.{place}.layer_norm",
        )
        for stack, place, part in (("encoder", 0, "self"), ("encoder", 1, "feed_forward"), ("decoder", 0, "self"))
    ),
    Sublayer(
        "decoder",
        "cross",
        ("decoder.block.{layer}.layer.1",),
        "decoder.block.{layer}.layer.1.layer_norm",
        memory_norm="encoder.final_layer_norm",
    ),
    Sublayer("decoder", "feed_forward", ("decoder.block.{layer}.layer.2",), "decoder.block.{layer}.layer.2.layer_norm"),
)


def describe(name: str) -> Family:
    """The family, under transformers' ``model_type``."""
    encoder, decoder = "encoder.block.{layer}.layer", "decoder.block.{layer}.layer"
    encoder_self = ("encoder", f"{encoder}.0.SelfAttention")
    decoder_self = ("decoder", f"{decoder}.0.SelfAttention")
    cross = ("decoder", f"{decoder}.1.EncDecAttention")
    feed_forward = (("encoder", f"{encoder}.1.DenseReluDense"), ("decoder", f"{decoder}.2.DenseReluDense"))
    sites = {
        "attention": (("encoder", f"{encoder}.0.dropout"), ("decoder", f"{decoder}.0.dropout")),
        "cross_attention": (("decoder", f"{decoder}.1.dropout"),),
        "feed_forward": (("encoder", f"{encoder}.1.dropout"), ("decoder", f"{decoder}.2.dropout")),
        "attention_block": (("encoder", f"{encoder}.0"), ("decoder", f"{decoder}.0")),
        "encoder_self": (encoder_self,),
        "decoder_self": (decoder_self,),
        "cross": (cross,),
        "norm": tuple(
            (stack, f"{stack}.block.{{layer}}.layer.{part}.layer_norm")
            for stack, parts in (("encoder", (0, 1)), ("decoder", (0, 1, 2)))
            for part in parts
        ),
    }
    sites |= projections((encoder_self, decoder_self, cross), {leaf: leaf for leaf in ("q", "k", "v", "o")})
    sites |= projections(feed_forward, {leaf: leaf for leaf in ("wi", "wi_0", "wi_1", "wo")})
    return Family(
        name,
        lm_type="encoder_decoder",
        head=("lm_head.weight",),
        task="SEQ_2_SEQ_LM",
        layers={"encoder": "num_layers", "decoder": "num_decoder_layers"},
        feed_forward="d_ff",
        sites=sites,
        scaled=SCALED.get(name),
        stream=Stream(
            "shared",
            SUBLAYERS,
            divided=False,
            bias_in_first=name != "umt5",
            final_norm="decoder.final_layer_norm",
        ),
    )
